"""The page of alerts about cost: what costs more than it should, which runs are behind it, who takes care of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.costs import alerts
from agents.costs.spending import amount
from agents.models import CostAlert, Run
from supportagent.staff.logged_in import person
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has, require

Kind = CostAlert.Kind

ENDED_SHOWN = 20
SPANS = ((1, "1 hour"), (8, "8 hours"), (24, "1 day"), (168, "7 days"))
LEVELS = {
    Kind.SOFT: "warning",
    Kind.HARD: "danger",
    Kind.SPIKE: "danger",
    Kind.FORECAST: "warning",
    Kind.LOOP: "warning",
    Kind.DEARER: "warning",
}
DEARER = "{each} for each of {n} conversations of the last 28 days; people alone would cost {people} for the same."
RULES = {
    "weeks": "usual in this hour of the week is {usual}, by {weeks} weeks",
    "mean": "the mean so far is {usual}; 28 days are not remembered yet",
    "cap": "a quarter of the day’s cap is {usual}; 28 days are not remembered yet",
}


@dataclass(frozen=True)
class Shown:
    """An alert as the page writes it."""

    alert: CostAlert
    about: str
    words: str
    level: str
    runs: list[Run]
    is_muted: bool


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Alerts that nobody answered first, then those that were acknowledged, those that are muted, and what is over."""
    require(request.user, Permission.VIEW_DASHBOARD)
    return _render(request)


@login_required
@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that one has seen it."""
    found = _visible(request, pk)
    try:
        alerts.acknowledge(alert=found, by=person(request))
    except alerts.AlertError as refused:
        return _render(request, refused=refused)
    return HttpResponseRedirect(reverse("agents:alerts"))


@login_required
@require_POST
def mute(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep it silent for some hours."""
    found = _visible(request, pk)
    until = timezone.now() + timedelta(hours=_hours(request.POST.get("hours", "")))
    try:
        alerts.mute(alert=found, by=person(request), until=until, reason=request.POST.get("reason", ""))
    except alerts.AlertError as refused:
        return _render(request, refused=refused)
    return HttpResponseRedirect(reverse("agents:alerts"))


def calling(request: HttpRequest) -> str:
    """How many alerts nobody has answered; empty for none."""
    count = CostAlert.objects.visible_to(request.user).calling().count()
    return str(count) if count else ""


def words(alert: CostAlert) -> str:
    """The figures in a sentence."""
    figures = alert.figures
    if alert.kind == Kind.SPIKE:
        span = "minute" if figures["minutes"] == 1 else f"{figures['minutes']} minutes"
        rule = RULES[figures["rule"]].format(usual=amount(figures["usual"]), weeks=figures["weeks"])
        return f"{amount(figures['spent'])} in the last {span}; {rule}."
    if alert.kind == Kind.LOOP:
        runs = "run was" if figures["runs"] == 1 else "runs were"
        return f"{figures['runs']} {runs} stopped within an hour: the agent repeated itself or learnt nothing new."
    if alert.kind == Kind.DEARER:
        each, people = amount(figures["each"]), amount(figures["people"])
        return DEARER.format(each=each, people=people, n=figures["n"])
    used = f"{amount(figures['spent'])} of {amount(figures['cap'])} spent"
    if figures["reserved"]:
        used += f", {amount(figures['reserved'])} reserved for calls that run"
    if alert.kind == Kind.FORECAST:
        at = datetime.fromisoformat(figures["reached_at"])
        end = amount(figures["by_the_end"])
        return f"{used}. At this pace the cap is reached on {at:%d %B, %H:%M} UTC; without it the end would be {end}."
    return f"{used}." if alert.kind == Kind.HARD else f"{used}; people are told from {figures['warn_at']} % on."


def as_shown(user: User, found: list[CostAlert]) -> list[Shown]:
    """These alerts in words, with the runs behind them that this person may open; two statements."""
    runs, now = _runs(user, found), timezone.now()
    return [_shown(alert, runs, now) for alert in found]


def _render(request: HttpRequest, *, refused: alerts.AlertError | None = None) -> HttpResponse:
    user = person(request)
    visible = CostAlert.objects.visible_to(user).select_related("agent", "budget", "acknowledged_by", "muted_by")
    opened, over = list(visible.open()), list(visible.exclude(ended_at=None).order_by("-ended_at", "-pk")[:ENDED_SHOWN])
    written = as_shown(user, [*opened, *over])
    shown = written[: len(opened)]
    waiting = [each for each in shown if not each.is_muted]
    parts = (
        ("open", "Open", [each for each in waiting if each.alert.acknowledged_at is None]),
        ("acknowledged", "Acknowledged", [each for each in waiting if each.alert.acknowledged_at is not None]),
        ("muted", "Muted", [each for each in shown if each.is_muted]),
        ("over", "Over", written[len(opened) :]),
    )
    context = {
        "parts": parts,
        "is_empty": not (opened or over),
        "may_act": has(user, Permission.PAUSE_AGENT),
        "spans": SPANS,
        "refused": refused,
    }
    return render(request, "agents/alerts.html", context, status=refused.status if refused else 200)


def _shown(alert: CostAlert, runs: dict[str, Run], now: datetime) -> Shown:
    return Shown(
        alert=alert,
        about=str(alert.budget or alert.agent),
        words=words(alert),
        level="neutral" if alert.ended_at else LEVELS[Kind(alert.kind)],
        runs=[runs[pk] for pk in alert.run_ids if pk in runs],
        is_muted=alert.ended_at is None and alert.muted_until is not None and alert.muted_until > now,
    )


def _runs(user: User, shown: Iterable[CostAlert]) -> dict[str, Run]:
    """Those behind the alerts that this person may open."""
    if not has(user, Permission.VIEW_RUN):
        return {}
    ids = {UUID(pk) for alert in shown for pk in alert.run_ids}
    return {str(run.pk): run for run in Run.objects.visible_to(user).filter(pk__in=ids).select_related("ticket")}


def _visible(request: HttpRequest, pk: int) -> CostAlert:
    require(request.user, Permission.VIEW_DASHBOARD)
    return get_object_or_404(CostAlert.objects.visible_to(request.user).select_related("agent"), pk=pk)


def _hours(text: str) -> int:
    """0 for what the form does not offer, which is no time in the future."""
    return next((hours for hours, _ in SPANS if str(hours) == text), 0)
