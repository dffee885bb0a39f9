"""What was spent in some days, by everything that one may ask: the figures of the page and of its download.

A reader gets what agents spent whose team they see. What belongs to no agent, and what running the installation cost,
is for who sees every team. How many statements it takes does not depend on how much there is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from agents.costs.economics import Economics, economics
from agents.costs.hours import DIMENSIONS, FIGURES, Sums, spent
from agents.costs.spending import amount
from agents.models import Agent, CostAlert, Interaction, Run, Spend
from supportagent.console import chart
from supportagent.periods import Period
from supportagent.staff.models import Team, User, teams_visible_ids
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import Ticket

MODEL, TOOL = Spend.Kind.MODEL.value, Spend.Kind.TOOL.value
MOST_EXPENSIVE = 10
SPIKES = 10
NOBODY = "Called by people"
LEAST_OF_SCALE = 20_000  # micro-units


@dataclass(frozen=True)
class View:
    """Whose figures a reader gets: `agents` by slug, with their names; `everything` is the whole house."""

    agents: dict[str, str]
    everything: bool

    @classmethod
    def of(cls, user: User) -> "View":
        everything = has(user, Permission.VIEW_TEAM)
        seen = Agent.objects.all() if everything else Agent.objects.filter(team__in=Team.objects.visible_to(user))
        return cls(dict(seen.values_list("slug", "name")), everything)

    @property
    def slugs(self) -> list[str] | None:
        """For `hours.spent`."""
        return None if self.everything else list(self.agents)


@dataclass(frozen=True)
class Line:
    """One agent, model, category or channel. `share` is its part of all that was spent, in per cent."""

    label: str
    sums: Sums
    share: float


@dataclass(frozen=True)
class Part:
    """The same money, divided by one thing."""

    key: str
    title: str
    head: str
    lines: list[Line]


@dataclass(frozen=True)
class Moment:
    """One hour, day or week, also where nothing was spent; micro-units."""

    label: str
    models: int
    tools: int

    @property
    def total(self) -> int:
        return self.models + self.tools


@dataclass(frozen=True)
class Overview:
    """What the page shows of the ledger."""

    period: Period
    models: Sums
    tools: Sums
    parts: dict[str, Part]
    course: list[Moment]

    @property
    def total(self) -> int:
        """Models and tools, micro-units."""
        return self.models.charged + self.tools.charged

    @property
    def chart(self) -> chart.Chart:
        rows = [(each.label, (each.models, each.tools)) for each in self.course]
        return chart.draw(("Models", "Priced tools"), rows, write=amount, least=LEAST_OF_SCALE)


def overview(view: View, period: Period) -> Overview:
    """The figures of these days."""
    cube = spent(since=period.start, until=period.end, by=DIMENSIONS, agents=view.slugs)
    times = spent(since=period.start, until=period.end, by=(period.grain, "kind"), agents=view.slugs)
    by_kind = _folded(cube, lambda key: key["kind"])
    return Overview(
        period=period,
        models=by_kind.get(MODEL, Sums()),
        tools=by_kind.get(TOOL, Sums()),
        parts={part.key: part for part in _parts(cube, view)},
        course=_course(period, times),
    )


def economy(user: User, view: View, period: Period) -> Economics:
    """What the conversations that ended in these days cost, beside people alone: those of the teams that one sees."""
    seen = None if view.everything else Interaction.objects.filter(team_id__in=teams_visible_ids(user))
    return economics(period, seen)


def most_expensive(user: User, view: View, period: Period) -> list[Run]:
    """The runs that began in these days and cost most, dearest first; none for who may not see runs."""
    if not has(user, Permission.VIEW_RUN):
        return []
    runs = Run.objects.visible_to(user).filter(
        created_at__gte=period.start, created_at__lt=period.end, cost_micros__gt=0
    )
    if not view.everything:
        runs = runs.filter(agent__slug__in=view.agents)
    return list(runs.select_related("ticket", "agent", "caller").order_by("-cost_micros", "pk")[:MOST_EXPENSIVE])


def spikes(user: User, period: Period, agent: str = "") -> list[CostAlert]:
    """The latest hours in which an agent, or this one, spent more than usual, of those that lie in the period."""
    seen = CostAlert.objects.visible_to(user).filter(kind=CostAlert.Kind.SPIKE, first_at__lt=period.end)
    seen = seen.filter(Q(ended_at=None) | Q(ended_at__gte=period.start))
    if agent:
        seen = seen.filter(agent__slug=agent)
    return list(seen.select_related("agent", "budget", "muted_by").order_by("-first_at", "-pk")[:SPIKES])


def table(view: View, period: Period) -> Iterator[list[Any]]:
    """The same figures as rows for a spreadsheet, by day and everything that the ledger tells apart."""
    yield ["day_utc", *DIMENSIONS, "attempts", *("charged_micros", *FIGURES[1:])]
    found = spent(since=period.start, until=period.end, by=("day", *DIMENSIONS), agents=view.slugs)
    for (day, *names), sums in sorted(found.items()):
        yield [f"{day:%Y-%m-%d}", *names, sums.attempts, *(getattr(sums, name) for name in FIGURES)]


def _course(period: Period, times: dict[tuple[Any, ...], Sums]) -> list[Moment]:
    found = []
    for at, label in period.steps:
        models, tools = (times.get((at, kind), Sums()).charged for kind in (MODEL, TOOL))
        found.append(Moment(label, models, tools))
    return found


def _parts(cube: dict[tuple[Any, ...], Sums], view: View) -> Iterator[Part]:
    categories, channels = dict(Ticket.Category.choices), dict(Ticket.Channel.choices)
    total = sum(sums.charged for sums in cube.values())

    def part(name: str, title: str, head: str, label: Callable[[dict[str, str]], str], kind: str = "") -> Part:
        chosen = {key: sums for key, sums in cube.items() if not kind or key[-1] == kind}
        folded = sorted(_folded(chosen, label).items(), key=lambda line: (-line[1].charged, line[0]))
        lines = [Line(words, sums, 100 * sums.charged / total if total else 0) for words, sums in folded]
        return Part(name, title, head, lines)

    yield part("agent", "By agent", "Agent", lambda key: view.agents.get(key["agent"], key["agent"] or NOBODY))
    yield part("model", "By model", "Model", lambda key: key["model"] or "Not recorded", MODEL)
    yield part("category", "By category", "Category", lambda key: str(categories.get(key["category"], "No category")))
    yield part("channel", "By channel", "Channel", lambda key: str(channels.get(key["channel"], "No channel")))
    tools = part("tool", "By priced tool", "Tool", lambda key: key["model"], TOOL)
    if tools.lines:
        yield tools


def _folded(cube: dict[tuple[Any, ...], Sums], label: Callable[[dict[str, str]], str]) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for key, sums in cube.items():
        words = label(dict(zip(DIMENSIONS, key, strict=True)))
        found[words] = found.get(words, Sums()) + sums
    return found
