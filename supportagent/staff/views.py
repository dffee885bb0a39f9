"""What a person says of themselves in the console: away, or at the desk."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from supportagent.staff.presence import set_away


@login_required
@require_POST
def presence(request: HttpRequest) -> HttpResponse:
    """Leave the desk (`away` is "1") or come back to it, and stay on the page one was on."""
    set_away(request.user, request.POST.get("away") == "1")  # type: ignore[arg-type]  # logged in
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(back if is_ours else resolve_url(settings.LOGIN_REDIRECT_URL))
