"""Two pages: the list of tickets, and one ticket beside it."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from approvals.models import ApprovalRequest
from supportagent.rehearsal.exporting import may_export
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.models import Ticket
from supportagent.workspace import queries, sheet
from supportagent.workspace.thread import thread_of
from supportagent.workspace.tool_panel import Panel, panel_of

PAGE_SIZE = 50
ASIDE_SIZE = 10  # runs and requests listed beside a conversation; the rest stands in line
KEPT_IN_ADDRESSES = ("split", "q", "team", "state", "category", "sla", "sort", "page", "before")

# What the page offers. Each verb asks again, under the ticket's lock.
RIGHTS = {
    "note": Permission.ADD_NOTE,
    "reply": Permission.REPLY_TICKET,
    "take_over": Permission.TAKE_OVER_TICKET,
    "draft": Permission.DRAFT_REPLY,
    "categorise": Permission.CATEGORISE_TICKET,
    "see_runs": Permission.VIEW_RUN,
    "see_requests": Permission.VIEW_APPROVALREQUEST,
    "personal_data": Permission.VIEW_PII,
}


@dataclass(frozen=True)
class Refusal:
    """An answer other than yes: to which form ("reply", "brief", "draft-7", "tool"), why, and what was written."""

    form: str
    message: str
    status: int
    text: str
    entered: dict[str, str] = field(default_factory=dict)


@login_required
@require_GET
def tickets(request: HttpRequest) -> HttpResponse:
    """The tickets of the teams that this person sees."""
    require(request.user, Permission.VIEW_TICKET)
    return render(request, "workspace/tickets.html", _list(request, reverse("workspace:tickets")))


@login_required
@require_GET
def ticket(request: HttpRequest, number: str) -> HttpResponse:
    """One ticket: the list, its conversation, and what is known about it."""
    return show(request, visible(request, number))


def visible(request: HttpRequest, number: str) -> Ticket:
    """The ticket, for a person who may read tickets (else 403) and sees its team (else 404)."""
    require(request.user, Permission.VIEW_TICKET)
    seen = Ticket.objects.visible_to(request.user).select_related("customer", "team", "assignee")
    return get_object_or_404(seen, number=number)


def show(
    request: HttpRequest, opened: Ticket, refusal: Refusal | None = None, panel: Panel | None = None
) -> HttpResponse:
    """The page of a ticket; after a refused POST with the answer in it and the typed text kept."""
    panel = panel or panel_of(request, opened)
    context = _list(request, reverse("workspace:ticket", args=[opened.number]), **panel.query)
    context |= _opened(request, opened, context["may"]) | {"panel": panel}
    context |= {"refusal": refusal, "homeless": refusal is not None and not _has_form(refusal.form, context)}
    return render(request, "workspace/tickets.html", context, status=refusal.status if refusal else 200)


def _has_form(form: str, context: dict[str, Any]) -> bool:
    """Does the page still hold the form in which a refused text stood? Else the text is shown by itself."""
    if form == "note":
        return context["may"]["note"]
    if form == "triage":
        return bool(context["triage"] and context["correcting"])
    if form.startswith("draft-"):
        return any(form == f"draft-{draft.pk}" and draft.sendable for draft in context["drafts"])
    return context["holds"] and form in {"reply", "brief", "ask"}


def _list(request: HttpRequest, here: str, **panel: str) -> dict[str, Any]:
    user: User = request.user  # type: ignore[assignment]
    may = {name: user.has_perm(permission) for name, permission in RIGHTS.items()}
    split = queries.find(request.GET.get("split", ""))
    words = request.GET.get("q", "")[:100]
    chosen, order = queries.chosen(request.GET.dict()), request.GET.get("sort", "")
    found = queries.search(split.of(user), words, personal_data=may["personal_data"])
    found = queries.sort(queries.narrow(found, chosen), order)
    kept = kept_query(request)
    return {
        "may": may,
        "split": split,
        "splits": queries.counts(user),
        "words": words,
        "filters": queries.filters(split, user, chosen),
        "filtered": bool(chosen),
        "sorts": queries.SORTS.items(),
        "sort": order if order in queries.SORTS else "",
        "now": timezone.now(),
        # For links to other pages of the same list.
        "list_query": kept_query(request, without=("page", "before")),
        "page": _page(request, found.select_related("customer", "assignee", "team")),
        "query": kept,
        # Not the address of this request: after a refused POST that one cannot be fetched again.
        "here": f"{here}?{kept_query(request, (), **panel)}",
    }


def _page(request: HttpRequest, found: Any) -> Page:
    return Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))


def kept_query(request: HttpRequest, without: tuple[str, ...] = (), **more: str) -> str:
    """The part of the address that says where in the list a person is, and `more`."""
    kept = QueryDict(mutable=True)
    wanted = [name for name in KEPT_IN_ADDRESSES if name not in without and request.GET.get(name)]
    kept.update({name: request.GET[name] for name in wanted} | more)
    return kept.urlencode()


def _opened(request: HttpRequest, opened: Ticket, may: dict[str, bool]) -> dict[str, Any]:
    thread = thread_of(opened, before=_number(request.GET.get("before", "")))
    requests = opened.approval_requests.select_related("tool").order_by("-pk")
    user: User = request.user  # type: ignore[assignment]
    other = request.GET.get("other", "")[:100]
    beside = sheet.handed_over(opened) | sheet.sorting(opened, user, may) | sheet.ending(opened, user, may)
    beside |= sheet.related(opened, user)
    drafts = sheet.drafts(opened, user, may)
    others = list(sheet.others_of_customer(opened, user, other, personal_data=may["personal_data"]))
    return {
        "opened": opened,
        "thread": thread,
        "pending": list(requests.filter(state=ApprovalRequest.State.PENDING)),
        "requests": requests[:ASIDE_SIZE] if may["see_requests"] else [],
        "runs": opened.runs.of_agents().select_related("agent", "asked_by")[:ASIDE_SIZE] if may["see_runs"] else [],
        "cost_micros": opened.runs.aggregate(sum=Sum("cost_micros"))["sum"] or 0,
        **beside,
        "unsorted": sheet.is_unsorted(opened, beside["hand_over"], beside["triage"], user),
        "drafts": drafts,
        "answer_waits": any(draft.kind in sheet.ANSWERS for draft in drafts),
        "work": sheet.work(opened),
        "rating": sheet.rating(opened),
        "others": others,
        "exportable": opened.is_over and may_export(user),
        "mergeable": may["reply"] and opened.merged_into_id is None and not all(each.is_over for each in others),
        "other": other,
        "holds": opened.assignee_id == user.pk and not opened.is_over,
    }


def _number(text: str) -> int | None:
    """A message's number out of an address; anything else is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
