"""The queue in which people decide, and what they can do with one request. Every act is a POST of a plain form."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from approvals import edit_form, services
from approvals.errors import DecisionRefused, InvalidDecision
from approvals.models import ApprovalRequest
from approvals.page import address_of, render_queue, visible
from supportagent.staff.logged_in import person
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.text import storable


@login_required
@require_GET
def queue(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The queue, and beside it the request that is open."""
    require(request.user, Permission.VIEW_APPROVALREQUEST)
    return render_queue(request, visible(request, pk) if pk else None)


@login_required
@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve exactly what was shown: the form carries its digest."""
    return _act(
        request,
        pk,
        "approve",
        lambda found: services.approve(
            request=found, by=person(request), shown_digest=_shown(request), reason=_text(request, "reason")
        ),
    )


@login_required
@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Reject with a reason code, a note, and a sentence that the customer may read."""
    return _act(
        request,
        pk,
        "reject",
        lambda found: services.reject(
            request=found,
            by=person(request),
            shown_digest=_shown(request),
            reason_code=request.POST.get("reason_code", ""),
            reason=_text(request, "reason"),
            customer_text=_text(request, "customer_text"),
        ),
    )


@login_required
@require_POST
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change arguments: another request takes the place of this one, for somebody else to decide."""

    def edited(found: ApprovalRequest) -> ApprovalRequest:
        services.check_may_edit(found, person(request))  # before what was typed is looked at
        return services.edit(
            request=found,
            by=person(request),
            shown_digest=_shown(request),
            values=edit_form.values_from(found, request.POST),  # type: ignore[arg-type]
            reason=_text(request, "reason"),
        )

    return _act(request, pk, "edit", edited)


@login_required
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an approval back while its window is open."""
    return _act(
        request,
        pk,
        "undo",
        lambda found: services.undo(request=found, by=person(request), shown_digest=_shown(request)),
    )


@login_required
@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for information before deciding."""

    def asked(found: ApprovalRequest) -> ApprovalRequest:
        services.ask(request=found, by=person(request), question=_text(request, "question"))
        return found

    return _act(request, pk, "ask", asked)


@login_required
@require_POST
def answer(request: HttpRequest, pk: int, question: int) -> HttpResponse:
    """Answer a colleague's question."""

    def answered(found: ApprovalRequest) -> ApprovalRequest:
        open_question = get_object_or_404(found.questions.select_related("request"), pk=question)
        services.answer(question=open_question, by=person(request), text=_text(request, "answer"))
        return found

    return _act(request, pk, "answer", answered)


@login_required
@require_POST
def assign(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a request to one person, or back to everybody."""
    return _act(
        request,
        pk,
        "assign",
        lambda found: services.assign(request=found, to=_colleague(request), by=person(request)),
    )


def _act(request: HttpRequest, pk: int, verb: str, act: Callable[[ApprovalRequest], ApprovalRequest]) -> HttpResponse:
    """Do it and go to the request that stands now; refused, show the same page with the reason and its status."""
    require(request.user, Permission.VIEW_APPROVALREQUEST)
    found = visible(request, pk)
    try:
        stands = act(found)
    except DecisionRefused as refused:
        return render_queue(request, visible(request, pk), refused=refused, verb=verb)
    query = _query(request)
    return HttpResponseRedirect(f"{address_of(stands)}{'?' if query else ''}{query}")


def _query(request: HttpRequest) -> str:
    kept = request.GET.copy()
    kept.pop("edit", None)
    return kept.urlencode()


def _shown(request: HttpRequest) -> str:
    return request.POST.get("digest", "")


def _text(request: HttpRequest, name: str) -> str:
    return storable(request.POST.get(name, ""))[:2000]


def _colleague(request: HttpRequest) -> User | None:
    chosen = request.POST.get("assigned_to", "")
    if not chosen:
        return None
    found = User.objects.filter(pk=chosen).first() if chosen.isdecimal() and len(chosen) < 15 else None
    if found is None:
        raise InvalidDecision("Choose somebody of the list.", field="assigned_to")
    return found
