"""What customers thought of conversations: the low ratings that wait for somebody first, then all of them."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Avg, Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents.models import Run
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has, require
from supportagent.tickets import services
from supportagent.tickets.errors import TicketError
from supportagent.tickets.models import Rating, Ticket
from supportagent.tickets.services.rating import CARE_NOTE_LIMIT

PAGE_SIZE = 50
WAITING_SHOWN = 50
SCORES = {
    "": "Any rating",
    "low": "Low (1 and 2)",
    "cared": "Low, taken care of",
    **{str(n): f"{n} of 5" for n in (1, 2, 3, 4, 5)},
}


@dataclass(frozen=True)
class Refusal:
    """Why somebody's word about a rating was not taken, and what they had written."""

    rating: int
    message: str
    status: int
    text: str


@login_required
@require_GET
def ratings(request: HttpRequest) -> HttpResponse:
    """Low ratings that nobody has taken care of, the oldest first; below them all, the newest first."""
    require(request.user, Permission.VIEW_TICKET)
    return _render(request)


@login_required
@require_POST
def take_care(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that one has taken care of a low rating, and how."""
    require(request.user, Permission.VIEW_TICKET)
    seen = Rating.objects.visible_to(request.user).select_related("ticket__customer")
    rating, by = get_object_or_404(seen, pk=pk), person(request)
    note, shown = request.POST.get("note", ""), _number(request.POST.get("shown", ""))
    try:
        services.take_care(rating=rating, by=by, note=note, shown=shown)
    except TicketError as refused:
        return _render(request, Refusal(pk, str(refused), refused.status, note[:CARE_NOTE_LIMIT]))
    return HttpResponseRedirect(reverse("workspace:ratings"))


def waiting(request: HttpRequest) -> str:
    """How many low ratings wait for somebody; empty for none."""
    count = Rating.objects.visible_to(request.user).waiting().count()
    return str(count) if count else ""


def _render(request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
    user = person(request)
    visible = Rating.objects.visible_to(user).select_related("ticket__assignee", "ticket__team", "cared_by")
    open_low = list(visible.waiting().order_by("created_at", "pk")[: WAITING_SHOWN + 1])
    score, category = request.GET.get("score", ""), request.GET.get("category", "")
    found = _narrowed(visible, score, category)
    page: Page[Rating] = Paginator(found.order_by("-created_at", "-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    agents = _agents([*open_low, *page.object_list])
    for rating in [*open_low, *page.object_list]:
        rating.agent = agents.get(rating.ticket_id)  # type: ignore[attr-defined]
    context = {
        "open_low": open_low[:WAITING_SHOWN],
        "more_waiting": len(open_low) > WAITING_SHOWN,
        "page": page,
        "figures": found.aggregate(count=Count("pk"), mean=Avg("score")),
        "scores": SCORES.items(),
        "score": score if score in SCORES else "",
        "categories": Ticket.Category.choices,
        "category": category if category in Ticket.Category.values else "",
        "may_act": has(user, Permission.ADD_NOTE),
        "personal_data": has(user, Permission.VIEW_PII),
        "note_limit": CARE_NOTE_LIMIT,
        "refusal": refusal,
        # What was refused may have left the list: then the answer stands above it.
        "homeless": refusal is not None and refusal.rating not in {rating.pk for rating in open_low},
        "here": reverse("workspace:ratings") + (f"?{query}" if (query := request.GET.urlencode()) else ""),
    }
    return render(request, "workspace/ratings.html", context, status=refusal.status if refusal else 200)


def _narrowed(ratings: Any, score: str, category: str) -> Any:
    if score in ("low", "cared"):
        ratings = ratings.low()
    elif score in SCORES and score:
        ratings = ratings.filter(score=int(score))
    if score == "cared":
        ratings = ratings.exclude(cared_at=None)
    return ratings.filter(ticket__category=category) if category in Ticket.Category.values else ratings


def _agents(ratings: list[Rating]) -> dict[int, str]:
    """Which agent had the conversation last, by ticket: one statement."""
    runs = Run.objects.of_agents().filter(ticket__in={rating.ticket_id for rating in ratings}).order_by("created_at")
    return dict(runs.values_list("ticket", "agent__name"))


def _number(text: str) -> int:
    """-1, which no rating has, for what is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1
