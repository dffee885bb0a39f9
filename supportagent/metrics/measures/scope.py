"""Which rows a report is about: whose, of when, and of what."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from agents.costs.conversations import named
from agents.models import Agent, Interaction, ToolCall
from approvals.models import ApprovalRequest
from supportagent.periods import Period
from supportagent.staff.models import Team, User, teams_visible_ids
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import TriageLabel

FILTERS = ("agent", "tool", "category", "team", "language", "channel")


@dataclass(frozen=True)
class Scope:
    """A period and what to look at; empty: all. Without a `user` it is the whole house (the command line).

    `agent` and `team` are slugs, `tool` a qualified name. What does not exist has no rows.
    """

    period: Period
    user: User | None = None
    agent: str = ""
    tool: str = ""
    category: str = ""
    team: str = ""
    language: str = ""
    channel: str = ""
    now: datetime | None = None
    teams: tuple[int, ...] | None = field(init=False, default=None)  # that the user sees, by key; None for all

    def __post_init__(self) -> None:
        """Looks up once what otherwise every statement would: two statements."""
        if self.user is not None:
            seen = tuple(teams_visible_ids(self.user))
            object.__setattr__(self, "teams", seen if Team.objects.exclude(pk__in=seen).exists() else None)

    @property
    def moment(self) -> datetime:
        """When it is asked: what is settled by then is settled."""
        return self.now or timezone.now()

    def sees(self, permission: Permission) -> bool:
        """Whether the reader may know of such records; of everything, who sees every team."""
        return self.user is None or has(self.user, permission) or has(self.user, Permission.VIEW_TEAM)

    @cached_property
    def before(self) -> Scope:
        """The same of the period before."""
        earlier = copy(self)  # as it is: anew, it would look up the teams again
        object.__setattr__(earlier, "period", self.period.before)
        return earlier

    def plain(self) -> dict[str, str]:
        return {name: value for name, value in vars(self).items() if name in FILTERS and value}

    def conversations(self) -> QuerySet[Interaction]:
        """Of any time."""
        found = Interaction.objects.filter(self._like("")).order_by()
        if self.agent:
            found = found.filter(agent__slug=self.agent)
        return found.filter(tools__contains=named(self.tool)) if self.tool else found

    def ended(self) -> QuerySet[Interaction]:
        """Conversations that ended in the period."""
        return self.conversations().filter(ended_at__gte=self.period.start, ended_at__lt=self.period.end)

    def requests(self) -> QuerySet[ApprovalRequest]:
        """Approval requests that ended in the period."""
        return self._of_scope(
            ApprovalRequest.objects.filter(
                self._like("ticket__"), decided_at__gte=self.period.start, decided_at__lt=self.period.end
            )
        )

    def pending(self) -> QuerySet[ApprovalRequest]:
        """Approval requests that wait for a decision now."""
        return self._of_scope(ApprovalRequest.objects.filter(self._like("ticket__")).pending())

    def failed_calls(self, since: datetime) -> QuerySet[ToolCall]:
        """Calls of tools that were sent from `since` to the end of the period, and failed."""
        found = ToolCall.objects.filter(
            self._like("run__ticket__"),
            state=ToolCall.State.FAILED,
            sent_at__gte=since,
            sent_at__lt=self.period.end,
        ).order_by()
        if self.agent:
            found = found.filter(run__agent__slug=self.agent)
        return found.filter(tool__qualified_name=self.tool) if self.tool else found

    def labels(self) -> QuerySet[TriageLabel]:
        """What people said about requests that agents sorted in the period."""
        found = TriageLabel.objects.filter(
            self._like("triage__ticket__"),
            triage__created_at__gte=self.period.start,
            triage__created_at__lt=self.period.end,
        )
        if self.agent:
            found = found.filter(triage__author__in=Agent.objects.filter(slug=self.agent).values("service_user"))
        return found.none() if self.tool else found

    def _of_scope(self, requests: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
        found = requests.order_by()
        if self.agent:
            found = found.filter(requested_by__in=Agent.objects.filter(slug=self.agent).values("service_user"))
        return found.filter(tool__qualified_name=self.tool) if self.tool else found

    def _like(self, to_ticket: str) -> Q:
        """What tickets and conversations have in common."""
        wanted: dict[str, Any] = {
            "category": self.category,
            "team__slug": self.team,
            "language": self.language,
            "channel": self.channel,
        }
        chosen = Q(**{to_ticket + name: value for name, value in wanted.items() if value})
        if self.teams is not None:
            chosen &= Q(**{f"{to_ticket}team_id__in": self.teams})
        return chosen
