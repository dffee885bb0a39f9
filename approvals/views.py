"""The queue in which people decide, and the two decisions."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals import queries, services
from approvals.access import may_decide
from approvals.card import card_of
from approvals.errors import DecisionRefused
from approvals.models import ApprovalDecision, ApprovalRequest
from audit.models import AuditEntry
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.text import clean_line, storable

PAGE_SIZE = 50


@login_required
@require_GET
def queue(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The queue, and beside it the request that is open."""
    require(request.user, Permission.VIEW_APPROVALREQUEST)
    return _page(request, _visible(request, pk) if pk else None)


@login_required
@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve exactly what was shown: the form carries its digest."""
    return _decide(
        request,
        pk,
        lambda found: services.approve(
            request=found,
            by=request.user,  # type: ignore[arg-type]
            shown_digest=request.POST.get("digest", ""),
            reason=storable(request.POST.get("reason", ""))[:2000],
        ),
    )


@login_required
@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Reject with a reason code, a note, and a sentence that the customer may read."""
    return _decide(
        request,
        pk,
        lambda found: services.reject(
            request=found,
            by=request.user,  # type: ignore[arg-type]
            shown_digest=request.POST.get("digest", ""),
            reason_code=request.POST.get("reason_code", ""),
            reason=storable(request.POST.get("reason", ""))[:2000],
            customer_text=storable(request.POST.get("customer_text", "")),
        ),
    )


def _decide(request: HttpRequest, pk: int, decision: Any) -> HttpResponse:
    require(request.user, Permission.VIEW_APPROVALREQUEST)
    found = _visible(request, pk)
    try:
        decision(found)
    except DecisionRefused as refused:
        found.refresh_from_db()
        return _page(request, found, refused=refused)
    return HttpResponseRedirect(f"{_address(found)}?{request.GET.urlencode()}")


def _address(opened: ApprovalRequest | None) -> str:
    return reverse("approvals:request", args=[opened.pk]) if opened else reverse("approvals:queue")


def _visible(request: HttpRequest, pk: int) -> ApprovalRequest:
    return get_object_or_404(_with_relations(ApprovalRequest.objects.visible_to(request.user)), pk=pk)


def _page(
    request: HttpRequest, opened: ApprovalRequest | None, *, refused: DecisionRefused | None = None
) -> HttpResponse:
    split = queries.find(request.GET.get("split", ""))
    words = clean_line(request.GET.get("q", ""), limit=100)
    order = "-decided_at" if split.key == "decided" else "expires_at"
    found = queries.search(_with_relations(split.of(request.user)), words).order_by(order, "-pk")  # type: ignore[arg-type]
    context = {
        # Where news fetch this page again: after a refused decision the address is that of the POST.
        "here": f"{_address(opened)}?{request.GET.urlencode()}",
        "split": split,
        "splits": [(each, each.of(request.user).count()) for each in queries.SPLITS if each.key != "decided"],  # type: ignore[arg-type]
        "words": words,
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "opened": opened,
        "refused": refused,
        "entered": request.POST if refused else {},
        "reason_codes": ApprovalDecision.ReasonCode.choices,
        **(_details(request, opened) if opened else {}),
    }
    return render(request, "approvals/queue.html", context, status=refused.status if refused else 200)


def _details(request: HttpRequest, opened: ApprovalRequest) -> dict[str, Any]:
    return {
        "card": card_of(opened),
        "explanation": may_decide(request.user, opened),  # type: ignore[arg-type]
        "decisions": opened.decisions.select_related("decided_by"),
        "outcome": services.outcome_of(opened),
        "replacement": ApprovalRequest.objects.filter(supersedes=opened).first(),
        "aftermath": AuditEntry.objects.filter(
            target_type="tool_call", target_id=str(opened.call_id), action__startswith="agents."
        ).order_by("seq"),
    }


def _with_relations(requests: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    return requests.select_related("tool__server", "ticket__team", "ticket__customer").annotate(
        ticket_number=F("ticket__number")
    )
