"""What stands beside a conversation: how it was sorted, why people have it, whose work it was, what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, Sum

from agents.told import told
from supportagent.staff.models import Team, User
from supportagent.tickets import services
from supportagent.tickets.models import Draft, HandOver, Rating, Ticket, Triage
from supportagent.tickets.services.overtaken import ANSWERS
from supportagent.tickets.text import clean_line
from supportagent.workspace.queries import search

OTHERS_SHOWN = 10


@dataclass(frozen=True)
class Work:
    """What a colleague put into the ticket."""

    name: str
    seconds: int

    @property
    def words(self) -> str:
        minutes, seconds = divmod(self.seconds, 60)
        hours, minutes = divmod(minutes, 60)
        if hours:
            return f"{hours} h {minutes} min"
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def sorting(opened: Ticket, user: User, may: dict[str, bool]) -> dict[str, Any]:
    """The newest triage with what a person said of it, and what the form to correct it offers."""
    triage = opened.triages.select_related("team", "author", "label__by", "label__team").first()
    if triage is None:
        return {"triage": None}
    label = getattr(triage, "label", None)
    correcting = may["categorise"] and opened.merged_into_id is None
    return {
        "triage": triage,
        "label": label,
        "truth": label or triage,
        "correcting": correcting,
        "teams": list(Team.objects.order_by("name")) if correcting else [],
        "vocabulary": {
            "category": Ticket.Category.choices,
            "priority": Ticket.Priority.choices,
            "sentiment": Ticket.Sentiment.choices,
        },
    }


def is_unsorted(opened: Ticket, hand_over: HandOver | None, triage: Triage | None, user: User) -> bool:
    """Whether it waits for a person only because the agent was not sure what it is about, and this one may have it."""
    return (
        triage is not None
        and hand_over is not None
        and hand_over.closed_at is None
        and hand_over.reason_code == HandOver.Reason.UNSORTED
        and opened.held_by_person
        and not opened.is_over
        and opened.assignee_id in (None, user.pk)
    )


def handed_over(opened: Ticket) -> dict[str, Any]:
    """The newest hand-over with its brief laid out."""
    found = opened.hand_overs.select_related("suggested_for").first()
    facts = found.facts if found else {}
    if isinstance(facts, dict):
        facts = {name: value for name, value in facts.items() if name != "question"}  # it has a line of its own
    return {"hand_over": found, "told": told(facts)}


def drafts(opened: Ticket, user: User, may: dict[str, bool]) -> list[Draft]:
    """What was proposed and not sent, each with what this person may do with it.

    An agent's answer needs nobody to hold the ticket; whatever else was proposed is sent by who holds it.
    """
    found = list(opened.drafts.filter(state=Draft.State.OPEN).select_related("author"))
    holds = opened.assignee_id == user.pk and not opened.is_over
    for draft in found:
        nobody = draft.kind in ANSWERS and not opened.held_by_person and opened.state != Ticket.State.CLOSED
        draft.sendable = may["reply"] and (holds or nobody)  # type: ignore[attr-defined]
        draft.approvable = may["reply"] and nobody and draft.kind == Draft.Kind.APPROVE  # type: ignore[attr-defined]
    return found


def ending(opened: Ticket, user: User, may: dict[str, bool]) -> dict[str, Any]:
    """The outcomes to choose from, with what the records suggest, where this person may close the ticket."""
    free = opened.assignee_id in (None, user.pk) or opened.is_over
    closes = may["reply"] and free and opened.state != Ticket.State.CLOSED and opened.merged_into_id is None
    suggested = opened.outcome or services.suggested_outcome(opened) if closes else ""
    return {"closes": closes, "outcomes": Ticket.Outcome.choices, "suggested": suggested}


def work(opened: Ticket) -> list[Work]:
    """Who worked on it, the longest first."""
    rows = opened.work_periods.order_by().values("user__first_name", "user__last_name", "user__username")
    found = [
        Work(f"{row['user__first_name']} {row['user__last_name']}".strip() or row["user__username"], row["total"] or 0)
        for row in rows.annotate(total=Sum("seconds"))
    ]
    return sorted(found, key=lambda each: (-each.seconds, each.name))


def rating(opened: Ticket) -> Rating | None:
    """What the customer thought of it, with who took care of that."""
    return Rating.objects.filter(ticket=opened).select_related("cared_by").first()


def related(opened: Ticket, user: User) -> dict[str, Any]:
    """The threads that it goes on with or was merged with, as far as this person sees them: one statement."""
    joined = Q(reopens=opened) | Q(merged_into=opened) | Q(pk__in=[opened.reopens_id or 0, opened.merged_into_id or 0])
    found = list(Ticket.objects.visible_to(user).filter(joined).order_by("pk"))
    return {
        "goes_on_from": next((each for each in found if each.pk == opened.reopens_id), None),
        "went_on_in": [each for each in found if each.reopens_id == opened.pk],
        "merged_into": next((each for each in found if each.pk == opened.merged_into_id), None),
        "merged_here": [each for each in found if each.merged_into_id == opened.pk],
    }


def others_of_customer(opened: Ticket, user: User, words: str, *, personal_data: bool) -> QuerySet[Ticket]:
    """The customer's other threads that this person sees, the newest first; those with the words in them."""
    found = Ticket.objects.visible_to(user).filter(customer=opened.customer_id).exclude(pk=opened.pk)
    matching = search(found.select_related("customer"), clean_line(words), personal_data=personal_data)
    return matching.order_by("-pk")[:OTHERS_SHOWN]
