"""How conversations and their cost went, hour by hour, day by day or week by week of UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDay, TruncHour, TruncWeek

from agents.costs.economics import Labour, Sums
from agents.costs.rounding import half_up
from supportagent.metrics.measures.figures import Figure, Line, Table, count
from supportagent.metrics.measures.scope import Scope
from supportagent.metrics.measures.tally import Resolution, Tally, by_time

_THEN = "Conversations that ended then."
BY_HOUR_UP_TO = timedelta(days=2)
BY_DAY_UP_TO = timedelta(days=120)
_GRAINS = {
    "hour": (TruncHour, timedelta(hours=1)),
    "day": (TruncDay, timedelta(days=1)),
    "week": (TruncWeek, timedelta(days=7)),
}
HOW = {
    Resolution.UNASSISTED: ("unassisted", "Agents alone"),
    Resolution.ASSISTED: ("assisted", "Agents with help"),
    Resolution.ESCALATED: ("escalated", "Ended by people"),
    Resolution.ABANDONED: ("abandoned", "Not resolved"),
    Resolution.BY_PERSON: ("by_person", "People alone"),
}


def grain(scope: Scope) -> str:
    """`hour`, `day` or `week`: as fine as a drawing of the whole period can be read."""
    length = scope.period.end - scope.period.start
    return "hour" if length <= BY_HOUR_UP_TO else "day" if length <= BY_DAY_UP_TO else "week"


@dataclass(frozen=True)
class Course:
    """When conversations ended and what they cost: read once, drawn twice."""

    scope: Scope
    ended: dict[datetime, Tally]

    @classmethod
    def of(cls, scope: Scope, labour: Labour) -> "Course":
        """One statement."""
        trunc, _ = _GRAINS[grain(scope)]
        return cls(scope, by_time(scope, labour, trunc("ended_at", tzinfo=UTC)))

    def volume(self) -> Table:
        """How many conversations began, and how many ended by whom: one statement."""
        opened = _opened(self.scope)
        lines = []
        for at, label in times(self.scope):
            ended = self.ended.get(at, Tally([]))
            figures = [
                count("opened", "Began", "Conversations that began then.", opened.get(at, 0)),
                count("ended", "Ended", _THEN, ended.n),
                *(count(key, words, _THEN, ended.of(how)) for how, (key, words) in HOW.items()),
            ]
            lines.append(Line(at.isoformat(), label, figures))
        return Table("by_time", f"Conversations by {grain(self.scope)}", lines)

    def cost(self) -> Table:
        """What the conversations cost that ended then."""
        lines = [
            Line(at.isoformat(), label, _costs(self.ended.get(at, Tally([])).sums)) for at, label in times(self.scope)
        ]
        return Table("cost_by_time", f"Cost of the conversations that ended, by {grain(self.scope)}", lines)


def _opened(scope: Scope) -> dict[datetime, int]:
    trunc, _ = _GRAINS[grain(scope)]
    period = scope.period
    begun = scope.conversations().filter(opened_at__gte=period.start, opened_at__lt=period.end)
    return dict(begun.annotate(at=trunc("opened_at", tzinfo=UTC)).values_list("at").annotate(Count("pk")))


def times(scope: Scope) -> list[tuple[datetime, str]]:
    """Every hour, day or week that the period touches, with its name."""
    name = grain(scope)
    _, step = _GRAINS[name]
    at = scope.period.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if name != "hour":
        at = at.replace(hour=0)
    if name == "week":
        at -= timedelta(days=at.weekday())
    found = []
    while at < scope.period.end:
        found.append((at, f"{at.day} {at:%b}, {at:%H:%M}" if name == "hour" else f"{at.day} {at:%b}"))
        at += step
    return found


def _costs(sums: Sums) -> list[Figure]:
    parts = (
        ("models", "Models", sums.model_micros),
        ("tools", "Priced tools", sums.tool_micros),
        ("people", "People", half_up(sums.human)),
        ("total", "Together", half_up(sums.total)),
    )
    formula = "Of the conversations that ended then."
    return [Figure(key, label, formula, "micros", sums.n, micros) for key, label, micros in parts]
