"""The queue of calls of which nobody knows what became, and the form that settles one."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents import outcomes
from agents.models import Resolution, ToolCall
from agents.outcome_card import card_of
from supportagent.staff.logged_in import person
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, has

PAGE_SIZE = 50
SPLITS = (("open", "Open"), ("settled", "Settled"))


@login_required
@require_GET
def queue(request: HttpRequest, call_id: UUID | None = None) -> HttpResponse:
    """The open outcomes of this person's teams, oldest first, and beside them the one that is opened."""
    _require_view(request)
    return _render(request, _visible(request, call_id) if call_id else None)


@login_required
@require_POST
def settle(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Say what became of a call, and what was looked at."""
    _require_view(request)
    call = _visible(request, call_id)
    try:
        outcomes.resolve(
            call=call,
            by=person(request),
            verdict=request.POST.get("verdict", ""),
            evidence=request.POST.get("evidence", ""),
        )
    except outcomes.OutcomeError as refused:
        return _render(request, _visible(request, call_id), refused=refused)
    return HttpResponseRedirect(reverse("agents:outcome", args=[call_id]))


def may_view(request: HttpRequest) -> bool:
    """Who settles outcomes, and who reads runs."""
    return has(request.user, Permission.RESOLVE_OUTCOME) or has(request.user, Permission.VIEW_RUN)


def waiting(request: HttpRequest) -> str:
    """How many outcomes of this person's teams are open; empty for none."""
    count = outcomes.open_calls(person(request)).count()
    return str(count) if count else ""


def _render(
    request: HttpRequest, opened: ToolCall | None, *, refused: outcomes.OutcomeError | None = None
) -> HttpResponse:
    split = "settled" if request.GET.get("split") == "settled" else "open"
    user = person(request)
    found = _settled(user) if split == "settled" else outcomes.open_calls(user)
    personal_data = has(user, Permission.VIEW_PII)
    context: dict[str, Any] = {
        "here": f"{reverse('agents:outcome', args=[opened.pk]) if opened else reverse('agents:outcomes')}"
        f"?{request.GET.urlencode()}",
        "split": split,
        "splits": SPLITS,
        "page": Paginator(_loaded(found), PAGE_SIZE).get_page(request.GET.get("page")),
        "opened": opened,
        "card": card_of(opened, personal_data=personal_data) if opened else None,
        "personal_data": personal_data,
        "may_settle": has(user, Permission.RESOLVE_OUTCOME, strict=True),
        "verdicts": Resolution.Verdict.choices,
        "refused": refused,
        "entered": request.POST if refused else {},
        "evidence_limit": outcomes.EVIDENCE_LENGTH.stop - 1,
    }
    return render(request, "agents/outcomes.html", context, status=refused.status if refused else 200)


def _settled(user: User) -> QuerySet[ToolCall]:
    visible = ToolCall.objects.filter(resolution__isnull=False, run__ticket__team__in=Team.objects.visible_to(user))
    return visible.order_by("-resolution__resolved_at", "pk")


def _loaded(calls: QuerySet[ToolCall]) -> QuerySet[ToolCall]:
    return calls.select_related(
        "tool__server", "run__ticket__customer", "run__agent", "run__caller", "resolution__resolved_by"
    )


def _visible(request: HttpRequest, call_id: UUID) -> ToolCall:
    """A call whose outcome is or was unknown, or 404 for whoever does not see its team."""
    of_teams = ToolCall.objects.filter(run__ticket__team__in=Team.objects.visible_to(person(request)))
    found = get_object_or_404(_loaded(of_teams), pk=call_id)
    if found.state != ToolCall.State.OUTCOME_UNKNOWN and not hasattr(found, "resolution"):
        return get_object_or_404(of_teams.none())
    return found


def _require_view(request: HttpRequest) -> None:
    if not may_view(request):
        raise PermissionDenied("You may not see unknown outcomes.")
