"""What the page of the queue shows: the splits with their counts, the list, and beside it the request that is open."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from approvals import edit_form, queries, services
from approvals.access import deciders_of, has_right_to_decide, may_decide
from approvals.card import card_of, versions_of
from approvals.errors import DecisionRefused, InvalidDecision
from approvals.models import ApprovalDecision, ApprovalRequest, Tier
from audit.models import AuditEntry
from supportagent.staff.logged_in import person
from supportagent.staff.models import User
from supportagent.tickets.text import clean_line

PAGE_SIZE = 50
NAMED_DECIDERS = 12
UNDO_SHOWN = 3


def visible(request: HttpRequest, pk: int) -> ApprovalRequest:
    """The request, or 404 for whoever does not see its team."""
    return get_object_or_404(with_relations(ApprovalRequest.objects.visible_to(request.user)), pk=pk)


def address_of(opened: ApprovalRequest | None) -> str:
    return reverse("approvals:request", args=[opened.pk]) if opened else reverse("approvals:queue")


def render_queue(
    request: HttpRequest,
    opened: ApprovalRequest | None,
    *,
    refused: DecisionRefused | None = None,
    verb: str = "",
) -> HttpResponse:
    """The page; after a refused act with what was typed, the reason, and its status."""
    desk = queries.Desk(person(request))
    split = queries.find(request.GET.get("split", ""))
    words = clean_line(request.GET.get("q", ""), limit=100)
    order = "-decided_at" if split.key == "decided" else "expires_at"
    found = queries.search(with_relations(desk.of(split)), words).order_by(order, "-pk")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    field = refused.field if isinstance(refused, InvalidDecision) else ""
    context = {
        # Where news fetch this page again: after a refused decision the address is that of the POST.
        "here": f"{address_of(opened)}?{request.GET.urlencode()}",
        "split": split,
        "splits": [(each, desk.counts.get(each.key)) for each in queries.SPLITS],
        "words": words,
        "page": page,
        "together": _together(split, page.object_list),
        "opened": opened,
        "refused": refused,
        "refused_field": field,
        "refused_in": verb if field else "",
        "entered": request.POST if refused else {},
        "reason_codes": ApprovalDecision.ReasonCode.choices,
        "undoable": undoable(person(request)),
        **(_details(request, opened, refused if field and verb == "edit" else None) if opened else {}),
    }
    return render(request, "approvals/queue.html", context, status=refused.status if refused else 200)


def undoable(user: User) -> list[ApprovalRequest]:
    """What this person approved a moment ago and can still take back."""
    mine = ApprovalRequest.objects.visible_to(user).filter(
        state=ApprovalRequest.State.APPROVED, effective_at__gt=Now(), decisions__decided_by=user
    )
    return list(mine.order_by("-effective_at")[:UNDO_SHOWN])


def with_relations(requests: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    return requests.select_related(
        "tool__server", "ticket__team", "ticket__customer", "assigned_to", "supersedes"
    ).annotate(ticket_number=F("ticket__number"))


def _together(split: queries.Split, shown: Any) -> bool:
    """Whether the list offers to approve several at once: only where all that is shown may be decided by this
    person, and at least two take one click."""
    return split.key == "mine" and sum(item.tier == Tier.T1 for item in shown) > 1


def _details(request: HttpRequest, opened: ApprovalRequest, refused: DecisionRefused | None) -> dict[str, Any]:
    user = person(request)
    pending = opened.state == ApprovalRequest.State.PENDING
    has_say = pending and has_right_to_decide(user, opened, limits=False).allowed
    edits = pending and services.may_edit(user, opened).allowed
    entered = request.POST if refused is not None else None
    return {
        "card": card_of(opened),
        "explanation": may_decide(user, opened),
        "deciders": list(deciders_of(opened)[:NAMED_DECIDERS]) if pending else [],
        "has_say": has_say,
        "is_waiting": pending
        and ApprovalRequest.objects.filter(queries.waiting_for_information(), pk=opened.pk).exists(),
        "answered_wrongly": request.resolver_match.kwargs.get("question") if request.resolver_match else None,
        "may_answer": pending and (has_say or services.may_answer(user, opened)),
        "controls": edit_form.controls_of(opened, entered=entered, refused=refused) if edits else [],  # type: ignore[arg-type]
        "edit_open": refused is not None or "edit" in request.GET,
        "questions": opened.questions.select_related("asked_by", "answered_by"),
        "one_click": opened.tier == Tier.T1,
        "decisions": opened.decisions.select_related("decided_by"),
        "outcome": services.outcome_of(opened),
        "replacement": ApprovalRequest.objects.filter(supersedes=opened).first(),
        "versions": versions_of(opened),
        "may_undo": _may_undo(user, opened),
        "aftermath": AuditEntry.objects.filter(
            target_type="tool_call", target_id=str(opened.call_id), action__startswith="agents."
        ).order_by("seq"),
    }


def _may_undo(user: User, opened: ApprovalRequest) -> bool:
    return services.is_undoable(opened) and has_right_to_decide(user, opened, limits=False).allowed
