"""Which tickets a person sees in which part of the list, how many, and in which order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from supportagent.staff.models import Team, User
from supportagent.tickets.models import Draft, HandOver, Ticket
from supportagent.tickets.text import clean_line

_OPEN = ~Q(state__in=Ticket.OVER)
OLDEST_FIRST = ("updated_at", "pk")
NEWEST_FIRST = ("-updated_at", "-pk")
SOON = timedelta(minutes=30)


@dataclass(frozen=True)
class Split:
    """A named part of the list: which tickets, and in which order they want to be looked at."""

    key: str
    label: str
    condition: Callable[[User], Q]
    order: tuple[str, ...] = NEWEST_FIRST

    def of(self, user: User) -> QuerySet[Ticket]:
        return seen_by(user).filter(self.condition(user)).order_by(*self.order)


SPLITS = (
    Split("mine", "Mine", lambda user: _OPEN & Q(assignee=user)),
    Split("suggested", "Suggested for me", lambda user: Q(assignee=None, suggested=True), OLDEST_FIRST),
    # Who has waited longest stands first.
    Split("person", "For a person", lambda user: Q(state=Ticket.State.WAITING_PERSON), OLDEST_FIRST),
    Split("drafts", "Drafts to send", lambda user: _OPEN & Q(to_send=True), OLDEST_FIRST),
    Split("approval", "For approval", lambda user: Q(state=Ticket.State.WAITING_APPROVAL), OLDEST_FIRST),
    Split("open", "Open", lambda user: _OPEN),
    Split("all", "All", lambda user: Q()),
    Split("closed", "Closed", lambda user: Q(state__in=Ticket.OVER)),
)
DEFAULT = "open"
SLA = {"overdue": "Overdue", "soon": f"Due in {SOON.seconds // 60} min"}
SORTS = {"": "As the list has it", "due": "What is due first"}


@dataclass(frozen=True)
class Choice:
    """One value of a filter, with how many tickets of the split it leaves."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Filter:
    """A filter as the page shows it: its name in the address, its label, what may be chosen, what is."""

    name: str
    label: str
    choices: list[Choice]
    chosen: str


def seen_by(user: User, now: datetime | None = None) -> QuerySet[Ticket]:
    """The tickets that `user` may see, with what the list asks of each: suggested for them, a draft to be sent, since
    when a person is waited for and by when one answers.
    """
    waiting = HandOver.objects.waiting().filter(ticket=OuterRef("pk")).order_by()
    answers = Draft.objects.filter(
        ticket=OuterRef("pk"), state=Draft.State.OPEN, kind__in=[Draft.Kind.DRAFT, Draft.Kind.APPROVE]
    )
    return Ticket.objects.visible_to(user).annotate(
        suggested=Exists(waiting.filter(suggested_for=user.pk)),
        to_send=Exists(answers.order_by()),
        due_at=Subquery(waiting.values("due_at")[:1], output_field=DateTimeField()),
        waits_since=Subquery(waiting.values("created_at")[:1], output_field=DateTimeField()),
    )


def find(key: str) -> Split:
    """The split of that key; for an unknown one all that is open, so that nothing seems to be missing."""
    known = {split.key: split for split in SPLITS}
    return known.get(key, known[DEFAULT])


def counts(user: User) -> list[tuple[Split, int]]:
    """How many tickets each split holds for this person: one statement for all of them."""
    # Not under the bare key: an aggregate of the name of an annotation takes its place in the inner query.
    wanted = {f"in_{split.key}": Count("pk", filter=split.condition(user)) for split in SPLITS}
    numbers = seen_by(user).aggregate(**wanted)
    return [(split, numbers[f"in_{split.key}"]) for split in SPLITS]


def chosen(wanted: Mapping[str, str]) -> dict[str, str]:
    """The filters of an address that mean something; anything else filters nothing."""
    known = {"state": Ticket.State.values, "category": Ticket.Category.values, "sla": list(SLA)}
    found = {name: wanted[name] for name, values in known.items() if wanted.get(name) in values}
    team = wanted.get("team", "")
    return found | ({"team": team} if re.fullmatch(r"[-\w]{1,50}", team, re.ASCII) else {})


def narrow(tickets: QuerySet[Ticket], by: Mapping[str, str], now: datetime | None = None) -> QuerySet[Ticket]:
    """What is left of a split under these filters. A team that nobody has leaves nothing."""
    if "team" in by:
        tickets = tickets.filter(team__slug=by["team"])
    if "sla" in by:
        tickets = tickets.filter(_sla(by["sla"], now or timezone.now()))
    return tickets.filter(**{name: by[name] for name in ("state", "category") if name in by})


def _sla(key: str, now: datetime) -> Q:
    """Overdue: a person should have answered by now. Soon: within the next half hour."""
    return Q(due_at__lte=now) if key == "overdue" else Q(due_at__gt=now, due_at__lte=now + SOON)


def sort(tickets: QuerySet[Ticket], order: str) -> QuerySet[Ticket]:
    """By when a person answers, where that is wanted: what nobody waits for comes last."""
    return tickets.order_by(F("due_at").asc(nulls_last=True), *OLDEST_FIRST) if order == "due" else tickets


def filters(split: Split, user: User, by: Mapping[str, str], now: datetime | None = None) -> list[Filter]:
    """What the split can be narrowed down to, each with its number: three statements, whatever is in it."""
    of_split, now = split.of(user), now or timezone.now()
    rows = of_split.order_by().values_list("team__slug", "state", "category").annotate(number=Count("pk"))
    numbers: dict[str, Counter[str]] = {name: Counter() for name in ("team", "state", "category")}
    for team, state, category, number in rows:
        for name, value in (("team", team), ("state", state), ("category", category)):
            numbers[name][value] += number
    late = of_split.aggregate(**{key: Count("pk", filter=_sla(key, now)) for key in SLA})
    teams = list(Team.objects.filter(slug__in=numbers["team"]).values_list("slug", "name"))
    labels: dict[str, tuple[str, Sequence[tuple[Any, Any]]]] = {
        "team": ("Team", teams),
        "state": ("State", Ticket.State.choices),
        "category": ("Category", Ticket.Category.choices),
    }
    found = [
        Filter(
            name,
            label,
            [Choice(v, str(text), numbers[name][v]) for v, text in choices if numbers[name][v] or by.get(name) == v],
            by.get(name, ""),
        )
        for name, (label, choices) in labels.items()
    ]
    due = [Choice(key, label, late[key]) for key, label in SLA.items()]
    return [*found, Filter("sla", "Answer", due, by.get("sla", ""))]


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
