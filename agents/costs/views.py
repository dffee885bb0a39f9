"""The page of costs: what agents spent, on what, against which budgets; and the same as a file."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.costs import days, overview
from agents.costs.alert_views import as_shown
from agents.costs.days import Days, InvalidPeriod
from agents.costs.meters import meters
from audit.clock import database_now
from supportagent.console.spreadsheet import spreadsheet
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has, require


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Everything about the cost of some days, as far as this reader sees."""
    require(request.user, Permission.VIEW_DASHBOARD)
    user = person(request)
    period, refused = _asked_for(request)
    view = overview.View.of(user)
    figures, economy = overview.overview(view, period), overview.economy(user, view, period)
    context = {
        "period": period,
        "presets": days.PRESETS,
        "refused": refused,
        "figures": figures,
        "sees_everything": view.everything,
        "economy": economy,
        "total": None if economy.infrastructure_micros is None else figures.total + economy.infrastructure_micros,
        "meters": meters(user),
        "may_see_runs": has(user, Permission.VIEW_RUN),
        "runs": overview.most_expensive(user, view, period),
        "spikes": as_shown(user, overview.spikes(user, period.moments)),
    }
    return render(request, "agents/costs.html", context, status=422 if refused else 200)


@login_required
@require_GET
def download(request: HttpRequest) -> HttpResponseBase:
    """The figures of the page by day, as CSV; 422 where the days make no sense."""
    require(request.user, Permission.VIEW_DASHBOARD)
    period, refused = _asked_for(request)
    if refused:
        return HttpResponse(str(refused), status=422, content_type="text/plain; charset=utf-8")
    rows = overview.table(overview.View.of(person(request)), period)
    return spreadsheet(f"costs-{period.first}-{period.last}.csv", rows)


def _asked_for(request: HttpRequest) -> tuple[Days, InvalidPeriod | None]:
    """The usual days, and what is wrong, where the address asks for what cannot be."""
    today = database_now().date()
    try:
        return days.asked_for(request.GET, today), None
    except InvalidPeriod as refused:
        return days.named(days.USUAL, today), refused
