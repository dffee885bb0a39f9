"""Whom a hand-over is suggested to: who is at the desk, fits by skill, has least to do. Anybody may still claim it."""

from __future__ import annotations

from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce

from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission
from supportagent.staff.presence import at_the_desk
from supportagent.tickets.models import HandOver, Skill, Ticket
from supportagent.tickets.services.base import announce


def colleagues(team: Team) -> QuerySet[User]:
    """Who is here and could take a ticket of the team over."""
    return at_the_desk(team, Permission.TAKE_OVER_TICKET)


def best_for(ticket: Ticket) -> User | None:
    """Who should look at this ticket, None when nobody is here. One statement.

    The more of a skill fits the better; among equals whoever holds least, then whoever has least suggested.
    """
    people = colleagues(ticket.team).annotate(fit=_fit(ticket), held=_held(), asked=_asked())
    return people.order_by("-fit", "held", "asked", "pk").first()


def suggest_again(*, limit: int = 100) -> int:
    """Pass on what was suggested to somebody who is no longer here, or to nobody. Returns how many changed.

    Race: two schedulers find the same row. The UPDATE names the suggestion that was found, so one of them counts.
    """
    here = at_the_desk(OuterRef("ticket__team_id"), Permission.TAKE_OVER_TICKET)
    found = HandOver.objects.waiting().filter(
        Q(suggested_for__isnull=False) | Exists(here),
        ~Exists(here.filter(pk=OuterRef("suggested_for"))),
        ticket__assignee=None,
    )
    return sum(_pass_on(handed) for handed in found.select_related("ticket__team").order_by("pk")[:limit])


def _pass_on(handed: HandOver) -> bool:
    best = best_for(handed.ticket)
    rows = HandOver.objects.waiting().filter(pk=handed.pk, suggested_for=handed.suggested_for_id)
    if not rows.update(suggested_for=best):
        return False
    announce(handed.ticket, "suggested", for_customer=False)
    return True


def _fit(ticket: Ticket) -> Coalesce:
    """2 for a skill in this category and language, 1 for one in either, 0 for none."""
    skills = Skill.objects.filter(
        category__in=[ticket.category, ""], language__in=[ticket.language, ""], user=OuterRef("pk")
    )
    category, language = (
        Case(When(**{name: ""}, then=0), default=1, output_field=IntegerField()) for name in ("category", "language")
    )
    return _or_zero(skills.annotate(named=category + language).order_by("-named").values("named")[:1])


def _held() -> Coalesce:
    held = Ticket.objects.open().filter(assignee=OuterRef("pk")).order_by()
    return _or_zero(held.values("assignee").annotate(number=Count("pk")).values("number"))


def _asked() -> Coalesce:
    asked = HandOver.objects.waiting().filter(suggested_for=OuterRef("pk")).order_by()
    return _or_zero(asked.values("suggested_for").annotate(number=Count("pk")).values("number"))


def _or_zero(query: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(query, output_field=IntegerField()), 0)
