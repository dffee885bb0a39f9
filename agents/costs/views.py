"""The page of costs: what agents spent, on what, against which budgets; and the same as a file."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.costs import overview, periods
from agents.costs.alert_views import as_shown
from agents.costs.meters import meters
from agents.costs.periods import InvalidPeriod, Period
from audit.clock import database_now
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has, require

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Everything about the cost of some days, as far as this reader sees."""
    require(request.user, Permission.VIEW_DASHBOARD)
    user = _person(request)
    period, refused = _asked_for(request)
    view = overview.View.of(user)
    context = {
        "period": period,
        "presets": periods.PRESETS,
        "refused": refused,
        "figures": overview.overview(view, period),
        "meters": meters(user),
        "may_see_runs": has(user, Permission.VIEW_RUN),
        "runs": overview.most_expensive(user, view, period),
        "spikes": as_shown(user, overview.spikes(user, period)),
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
    rows = _written(overview.table(overview.View.of(_person(request)), period))
    name = f"costs-{period.first}-{period.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8", headers=headers)


def _asked_for(request: HttpRequest) -> tuple[Period, InvalidPeriod | None]:
    """The usual days, and what is wrong, where the address asks for what cannot be."""
    today = database_now().date()
    try:
        return periods.asked_for(request.GET, today), None
    except InvalidPeriod as refused:
        return periods.named(periods.USUAL, today), refused


class _Echo:
    """What `csv` writes into, given back line by line."""

    def write(self, line: str) -> str:
        return line


def _written(rows: Iterator[list[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([_plain(cell) for cell in row])


def _plain(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - login_required
    return request.user
