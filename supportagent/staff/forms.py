"""The log-in form and the account forms of the admin."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm, UserCreationForm

from supportagent.console.forms import LoginForm as ConsoleLoginForm
from supportagent.staff.models import User


class LoginForm(ConsoleLoginForm):
    """The console's form, which a service account does not get through even where a back end would let it."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.is_service:
            raise ValidationError(_("A service account cannot log in."), code="service_account")


class AccountCreationForm(UserCreationForm):
    """A service account is created without a password, whatever was typed."""

    class Meta:
        model = User
        fields = ("username", "kind")


class AccountChangeForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
