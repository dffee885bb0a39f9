"""What a page of measures looks at, as its address says it: a period, and which part of the work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from agents.costs.overview import View
from supportagent.metrics.measures import FILTERS, Scope
from supportagent.periods import InvalidPeriod, Period, last_days, read
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool

PRESETS = {"7": "7 days", "28": "28 days", "90": "90 days"}
USUAL = "28"
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,6})?")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """What is looked at. `preset` is empty for days that somebody chose; `problems` say what was asked in vain; `fixed`
    is the filter that the page itself sets, if it does.
    """

    scope: Scope
    preset: str
    options: Mapping[str, Mapping[str, str]]
    problems: list[str] = field(default_factory=list)
    fixed: str = ""

    @property
    def is_chosen(self) -> bool:
        """Whether the reader chose days or a part of the work."""
        return not self.preset or bool(self.scope.plain().keys() - {self.fixed})

    @property
    def query(self) -> str:
        """As an address says it."""
        return urlencode(self.days | self.scope.plain())

    @property
    def narrowed(self) -> str:
        """The filters of an address without its days, for links to other days."""
        return urlencode(self.scope.plain())

    @property
    def days(self) -> dict[str, str]:
        if self.preset:
            return {"period": self.preset}
        return {"from": _written(self.scope.period.start), "to": _written(self.scope.period.end, is_end=True)}

    @property
    def first(self) -> str:
        """The first day, as a field for days takes it."""
        return f"{self.scope.period.start.astimezone(UTC):%Y-%m-%d}"

    @property
    def last(self) -> str:
        return f"{self.scope.period.end.astimezone(UTC) - timedelta(microseconds=1):%Y-%m-%d}"

    @property
    def filters(self) -> list[tuple[str, str, Mapping[str, str]]]:
        """Name, value and what there is to choose from, of each that is chosen from a list."""
        names = [name for name in FILTERS if name in self.options and name != self.fixed]
        return [(name, getattr(self.scope, name), self.options[name]) for name in names]


def asked_for(user: User, parameters: Mapping[str, str], now: datetime, *, agent: str = "") -> Asked:
    """What the address says, for this reader; on the page of an agent about that one. What it says in vain is told, and
    left out.
    """
    if agent:
        parameters = dict(parameters.items()) | {"agent": agent}
    problems: list[str] = []
    period, preset = _period(parameters, now, problems)
    options = _options(user)
    chosen: dict[str, Any] = {}
    for name in FILTERS:
        value = parameters.get(name, "").strip()
        is_known = bool(LANGUAGE.fullmatch(value)) if name == "language" else value in options[name]
        if value and not is_known:
            problems.append(f"There is no {name} {value[:40]!r} that you could look at.")
        elif value:
            chosen[name] = value
    return Asked(Scope(period, user, now=now, **chosen), preset, options, problems, "agent" if agent else "")


def _period(parameters: Mapping[str, str], now: datetime, problems: list[str]) -> tuple[Period, str]:
    first, last = (parameters.get(name, "").strip() for name in ("from", "to"))
    preset = parameters.get("period", "").strip() or USUAL
    if first or last:
        try:
            return read(first, last, now), ""
        except InvalidPeriod as refused:
            problems.append(str(refused))
    elif preset not in PRESETS:
        problems.append("Choose 7, 28 or 90 days, or the days from and to.")
    else:
        return last_days(int(preset), now), preset
    return last_days(int(USUAL), now), USUAL


def _options(user: User) -> dict[str, dict[str, str]]:
    """What the reader may choose: three statements."""
    tools = Tool.objects.order_by("qualified_name").values_list("qualified_name", flat=True)
    channels = {each.value: str(each.label) for each in Ticket.Channel if each != Ticket.Channel.INTERNAL}
    return {
        "agent": View.of(user).agents,
        "tool": {name: name for name in tools},
        "category": {each.value: str(each.label) for each in Ticket.Category},
        "team": dict(Team.objects.visible_to(user).order_by("name").values_list("slug", "name")),
        "channel": channels,
    }


def _written(at: datetime, *, is_end: bool = False) -> str:
    """A moment as addresses have it; a whole day as the day."""
    at = at.astimezone(UTC)
    if at.time() != datetime.min.time():
        return at.replace(tzinfo=None).isoformat()
    return f"{at - DAY if is_end else at:%Y-%m-%d}"
