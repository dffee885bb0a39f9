"""The start page of the console, and the figures for a Prometheus server."""

from hmac import compare_digest

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST

from agents.costs.meters import meters
from supportagent.console import navigation
from supportagent.metrics import collectors, dashboard, reports
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has


@login_required
@require_GET
def show_dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard; whoever may not see it is taken to the first page of the menu that they may see."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - login_required, and the project has one user model
    if not has(user, Permission.VIEW_DASHBOARD):
        return HttpResponseRedirect(_first_page(request))
    pending = reports.oldest_pending(user) if has(user, Permission.VIEW_APPROVALREQUEST) else None
    context = {
        "cards": dashboard.cards(user),
        "meters": meters(user),
        "triage": dashboard.triage(user),
        "pending": None if pending is None else pending[: reports.OLDEST],
        "pending_count": 0 if pending is None else pending.count(),
    }
    return render(request, "metrics/dashboard.html", context)


def _first_page(request: HttpRequest) -> str:
    """Raises PermissionDenied for somebody without any role."""
    home = reverse("metrics:dashboard")
    pages = [link.url for section in navigation.menu_for(request) for link in section.links if link.url != home]
    if not pages:
        raise PermissionDenied("You have no role yet. Somebody who manages accounts can give you one.")
    return pages[0]


@never_cache
@require_GET
def prometheus(request: HttpRequest) -> HttpResponse:
    """Figures of the whole installation, for whoever has the token. Without a token in the settings: nothing here."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(collectors.exposition(), content_type=CONTENT_TYPE_LATEST)
