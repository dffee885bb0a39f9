from typing import Any

from django.contrib.auth.forms import AuthenticationForm as DjangoAuthenticationForm
from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    """The one log-in of both zones.

    Django's admin form refuses everybody who is not `is_staff`; a support rep works in the console
    without that, so here every active person may log in, and `has_permission` still guards the admin.
    """

    def confirm_login_allowed(self, user: Any) -> None:
        DjangoAuthenticationForm.confirm_login_allowed(self, user)
