"""What a page of measures looks at, as its address says it: a period, and which part of the work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from agents.costs.overview import View
from supportagent.metrics.measures import FILTERS, Scope
from supportagent.periods import Chosen, Preset, chosen, last_days
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool

PRESETS = {days: Preset(f"{days} days", partial(last_days, int(days))) for days in ("7", "28", "90")}
USUAL = "28"
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,6})?")


@dataclass(frozen=True)
class Asked:
    """What is looked at. `problems` say what was asked in vain; `fixed` is the filter that the page itself sets, if it
    does.
    """

    scope: Scope
    when: Chosen
    options: Mapping[str, Mapping[str, str]]
    problems: list[str] = field(default_factory=list)
    fixed: str = ""

    @property
    def is_chosen(self) -> bool:
        """Whether the reader chose days or a part of the work."""
        return not self.when.preset or bool(self.scope.plain().keys() - {self.fixed})

    @property
    def query(self) -> str:
        """As an address says it."""
        return urlencode(self.when.written | self.scope.plain())

    @property
    def narrowed(self) -> str:
        """The filters of an address without its days, for links to other days."""
        return urlencode(self.scope.plain())

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
    when = chosen(parameters, now, PRESETS, USUAL)
    problems = [when.problem] if when.problem else []
    options = _options(user)
    wanted: dict[str, Any] = {}
    for name in FILTERS:
        value = parameters.get(name, "").strip()
        is_known = bool(LANGUAGE.fullmatch(value)) if name == "language" else value in options[name]
        if value and not is_known:
            problems.append(f"There is no {name} {value[:40]!r} that you could look at.")
        elif value:
            wanted[name] = value
    return Asked(Scope(when.period, user, now=now, **wanted), when, options, problems, "agent" if agent else "")


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
