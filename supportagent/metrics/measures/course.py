"""How conversations and their cost went, hour by hour, day by day or week by week of UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count

from agents.costs.economics import Sums
from agents.costs.hours import TIMES
from agents.costs.labour import Labour
from agents.costs.rounding import half_up
from supportagent.metrics.measures.figures import Figure, Line, Table, count
from supportagent.metrics.measures.scope import Scope
from supportagent.metrics.measures.tally import Resolution, Tally, by_time

_THEN = "Conversations that ended then."
HOW = {
    Resolution.UNASSISTED: ("unassisted", "Agents alone"),
    Resolution.ASSISTED: ("assisted", "Agents with help"),
    Resolution.ESCALATED: ("escalated", "Ended by people"),
    Resolution.ABANDONED: ("abandoned", "Not resolved"),
    Resolution.BY_PERSON: ("by_person", "People alone"),
}


@dataclass(frozen=True)
class Course:
    """When conversations ended and what they cost: read once, drawn twice."""

    scope: Scope
    ended: dict[datetime, Tally]

    @classmethod
    def of(cls, scope: Scope, labour: Labour) -> "Course":
        """One statement."""
        return cls(scope, by_time(scope, labour, TIMES[scope.period.grain]("ended_at", tzinfo=UTC)))

    def volume(self) -> Table:
        """How many conversations began, and how many ended by whom: one statement."""
        opened = _opened(self.scope)
        lines = []
        for at, label in self.scope.period.steps:
            ended = self.ended.get(at, Tally([]))
            figures = [
                count("opened", "Began", "Conversations that began then.", opened.get(at, 0)),
                count("ended", "Ended", _THEN, ended.n),
                *(count(key, words, _THEN, ended.of(how)) for how, (key, words) in HOW.items()),
            ]
            lines.append(Line(at.isoformat(), label, figures))
        return Table("by_time", f"Conversations by {self.scope.period.grain}", lines)

    def cost(self) -> Table:
        """What the conversations cost that ended then."""
        lines = [
            Line(at.isoformat(), label, _costs(self.ended.get(at, Tally([])).sums))
            for at, label in self.scope.period.steps
        ]
        return Table("cost_by_time", f"Cost of the conversations that ended, by {self.scope.period.grain}", lines)


def _opened(scope: Scope) -> dict[datetime, int]:
    period, trunc = scope.period, TIMES[scope.period.grain]
    begun = scope.conversations().filter(opened_at__gte=period.start, opened_at__lt=period.end)
    return dict(begun.annotate(at=trunc("opened_at", tzinfo=UTC)).values_list("at").annotate(n=Count("*")))


def _costs(sums: Sums) -> list[Figure]:
    parts = (
        ("models", "Models", sums.model_micros),
        ("tools", "Priced tools", sums.tool_micros),
        ("people", "People", half_up(sums.human)),
        ("total", "Together", half_up(sums.total)),
    )
    formula = "Of the conversations that ended then."
    return [Figure(key, label, formula, "micros", sums.n, micros) for key, label, micros in parts]
