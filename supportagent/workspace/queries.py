"""Which tickets a person sees in which part of the list, and how many."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tickets.text import clean_line

_OPEN = ~Q(state__in=Ticket.OVER)
OLDEST_FIRST = ("updated_at", "pk")
NEWEST_FIRST = ("-updated_at", "-pk")


@dataclass(frozen=True)
class Split:
    """A named part of the list: which tickets, and in which order they want to be looked at."""

    key: str
    label: str
    condition: Callable[[User], Q]
    order: tuple[str, ...] = NEWEST_FIRST

    def of(self, user: User) -> QuerySet[Ticket]:
        return Ticket.objects.visible_to(user).filter(self.condition(user)).order_by(*self.order)


SPLITS = (
    Split("mine", "Mine", lambda user: _OPEN & Q(assignee=user)),
    # Who has waited longest stands first.
    Split("person", "For a person", lambda user: Q(state=Ticket.State.WAITING_PERSON), OLDEST_FIRST),
    Split("approval", "For approval", lambda user: Q(state=Ticket.State.WAITING_APPROVAL), OLDEST_FIRST),
    Split("open", "Open", lambda user: _OPEN),
    Split("all", "All", lambda user: Q()),
    Split("closed", "Closed", lambda user: Q(state__in=Ticket.OVER)),
)
DEFAULT = "open"


def find(key: str) -> Split:
    """The split of that key; for an unknown one all that is open, so that nothing seems to be missing."""
    known = {split.key: split for split in SPLITS}
    return known.get(key, known[DEFAULT])


def counts(user: User) -> list[tuple[Split, int]]:
    """How many tickets each split holds for this person: one statement for all of them."""
    numbers = Ticket.objects.visible_to(user).aggregate(
        **{split.key: Count("pk", filter=split.condition(user)) for split in SPLITS}
    )
    return [(split, numbers[split.key]) for split in SPLITS]


def search(tickets: QuerySet[Ticket], words: str, *, personal_data: bool) -> QuerySet[Ticket]:
    """Tickets whose number, subject or customer reference holds the words.

    A subject begins as the customer's first words, so only who may read personal data searches it: else the
    search would tell what the page hides.
    """
    words = clean_line(words)
    if not words:
        return tickets
    found = Q(number__icontains=words) | Q(customer__reference__icontains=words)
    return tickets.filter(found | Q(subject__icontains=words) if personal_data else found)


def unclaimed(user: User) -> int:
    """How many tickets wait for any person of this one's teams: nobody has claimed them yet."""
    return Ticket.objects.visible_to(user).filter(state=Ticket.State.WAITING_PERSON, assignee=None).count()
