"""The page of costs: what agents spent, on what, against which budgets; and the same as a file."""

from datetime import UTC
from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.costs import overview
from agents.costs.alert_views import as_shown
from agents.costs.meters import meters
from audit.clock import database_now
from supportagent.console.spreadsheet import spreadsheet
from supportagent.periods import Chosen, Preset, chosen, whole_days
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has, require

PRESETS = {
    "today": Preset("Today", partial(whole_days, 1)),
    "7": Preset("7 days", partial(whole_days, 7)),
    "28": Preset("28 days", partial(whole_days, 28)),
    "month": Preset("This month", lambda now: whole_days(now.astimezone(UTC).day, now)),
}
USUAL = "28"


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Everything about the cost of some days, as far as this reader sees."""
    require(request.user, Permission.VIEW_DASHBOARD)
    user = person(request)
    when = _chosen(request)
    period = when.period
    view = overview.View.of(user)
    figures, economy = overview.overview(view, period), overview.economy(user, view, period)
    context = {
        "when": when,
        "presets": PRESETS.items(),
        "figures": figures,
        "sees_everything": view.everything,
        "economy": economy,
        "total": None if economy.infrastructure_micros is None else figures.total + economy.infrastructure_micros,
        "meters": meters(user),
        "may_see_runs": has(user, Permission.VIEW_RUN),
        "runs": overview.most_expensive(user, view, period),
        "spikes": as_shown(user, overview.spikes(user, period)),
    }
    return render(request, "agents/costs.html", context, status=422 if when.problem else 200)


@login_required
@require_GET
def download(request: HttpRequest) -> HttpResponseBase:
    """The figures of the page by day, as CSV; 422 where the days make no sense."""
    require(request.user, Permission.VIEW_DASHBOARD)
    when = _chosen(request)
    if when.problem:
        return HttpResponse(when.problem, status=422, content_type="text/plain; charset=utf-8")
    period = when.period
    rows = overview.table(overview.View.of(person(request)), period)
    return spreadsheet(f"costs-{period.first}-{period.last}.csv", rows)


def _chosen(request: HttpRequest) -> Chosen:
    """Whole days, as those of budgets are."""
    return chosen(request.GET, database_now(), PRESETS, USUAL)
