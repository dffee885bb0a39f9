"""The start page of the console, its tables as files, and the figures for a Prometheus server."""

from hmac import compare_digest

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST

from agents.costs import interactions, overview
from agents.costs.alert_views import as_shown
from agents.costs.meters import meters
from approvals.models import ApprovalRequest
from supportagent.console import navigation
from supportagent.console.spreadsheet import spreadsheet
from supportagent.metrics import collectors, dashboard, filters
from supportagent.metrics.measures import report, sections
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has, require

OLDEST = 10  # requests in the table


@login_required
@require_GET
def show_dashboard(request: HttpRequest) -> HttpResponse:
    """The dashboard; whoever may not see it is taken to the first page of the menu that they may see."""
    user = person(request)
    if not has(user, Permission.VIEW_DASHBOARD):
        return HttpResponseRedirect(_first_page(request))
    asked = filters.asked_for(user, request.GET, timezone.now())
    context = {
        "asked": asked,
        "presets": filters.PRESETS.items(),
        "parts": dashboard.parts(report(asked.scope)),
        "as_of": interactions.as_of(asked.scope.moment),
        "meters": meters(user, asked.scope.agent),
        "spikes": as_shown(user, overview.spikes(user, asked.scope.period, asked.scope.agent)),
        "pending": _oldest_pending(asked),
    }
    return render(request, "metrics/dashboard.html", context, status=422 if asked.problems else 200)


@login_required
@never_cache
@require_GET
def download(request: HttpRequest, section: str, table: str) -> HttpResponseBase:
    """A table of the dashboard, or the figures of a section, as CSV; 422 where the address asks for what cannot be."""
    user = person(request)
    require(user, Permission.VIEW_DASHBOARD)
    asked = filters.asked_for(user, request.GET, timezone.now())
    if asked.problems:
        return HttpResponse("\n".join(asked.problems), status=422, content_type="text/plain; charset=utf-8")
    found = next((each for each in sections(asked.scope) if each.key == section), None)
    rows = None if found is None else dashboard.rows_of(found, table)
    if rows is None:
        raise Http404
    return spreadsheet(f"{section}-{table}-{asked.scope.period.first}-{asked.scope.period.last}.csv", rows)


def _oldest_pending(asked: filters.Asked) -> list[ApprovalRequest] | None:
    """What has waited for a decision longest; None for who may not read requests."""
    if not has(asked.scope.user, Permission.VIEW_APPROVALREQUEST):
        return None
    waiting = asked.scope.pending().select_related("ticket__team", "tool")
    return list(waiting.order_by("created_at", "pk")[:OLDEST])


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
