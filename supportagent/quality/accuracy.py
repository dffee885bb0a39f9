"""How often agents' actions and runs were right, by what people said of a sample: the figures for pages and reports.

What one label stands for. A stratum of N rows of which m were labelled gives each of its labels the weight N / m, so
that the labels together stand for everything the sample was drawn from (the stratified, or Horvitz-Thompson, estimator;
over a part that cuts through strata, such as a team or an agent's version, the ratio of two such sums). That holds when
what is not labelled yet is no different from the rest of its stratum: drawn items are shown in an order of each
labeller's own, so nobody picks the easy ones. A stratum of which nothing is labelled is not represented: `missing` says
how much that is.

The interval. `share` is plain (so many of so many labels were "right"), with Wilson's interval: it is about the sample,
in which rare work is over-represented. `weighted` is about the work, and its interval is Wilson's too, but over the
**effective** number n' = (sum of weights)^2 / sum of squared weights (Kish): 40 labels of which one stands for nearly
everything tell as much as one label, and n' says so. The textbook interval of a stratified mean, from the variance
within each stratum, is not used: strata hold two to five labels, and where all of these are right that variance is
zero, so the interval would be narrowest where least is known. Kish's n' ignores what stratifying gains, so the interval
is rather too wide than too narrow.

An item's verdict is the first one given; a second person's only shows whether people agree. Neither figure nor interval
is given below MINIMUM labelled items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from supportagent.quality.agreement import Agreement, agreement
from supportagent.quality.models import Label, SampledItem, Stratum
from supportagent.shares import Share, wilson
from supportagent.staff.models import Team, User

MINIMUM = 30  # labelled items
WEEK = timedelta(days=7)
GROUPS = ("kind", "tool", "agent", "version", "mode", "category", "team", "week")


@dataclass(frozen=True)
class Wanted:
    """Which work is asked about: what was finished from `start` to before `end`; empty fields leave nothing out.

    `agent` and `team` are primary keys, or named by their slugs, `version` the history id of an agent's configuration,
    `kind` and `mode` values of `Stratum.Kind` and `Stratum.Mode`, `language` and `channel` those of tickets.
    """

    start: datetime
    end: datetime
    kind: str = ""
    tool: str = ""
    agent: int | None = None
    version: int | None = None
    mode: str = ""
    category: str = ""
    team: int | None = None
    agent_slug: str = ""
    team_slug: str = ""
    language: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Judged:
    """One labelled item: where it belongs, its verdicts in the order given, and how many rows it stands for."""

    kind: str
    tool: str
    agent: int
    version: int | None
    mode: str
    category: str
    team: int
    week: date
    verdicts: tuple[bool, ...]
    reasons: tuple[str, ...]
    weight: float = 0.0


@dataclass(frozen=True)
class Accuracy:
    """What the labels say. `stands_for`: how many rows they represent; `missing`: rows of strata without a label."""

    labelled: int = 0
    right: int = 0
    stands_for: int = 0
    missing: int = 0
    effective: float = 0.0
    estimate: float | None = None  # whatever n is: for arithmetic, not for a page
    agreement: Agreement = field(default_factory=lambda: Agreement(0, 0, None))
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def enough(self) -> bool:
        return self.labelled >= MINIMUM

    @property
    def share(self) -> Share | None:
        """Plain: so many of the labelled ones were right. None below MINIMUM."""
        return Share(self.right, self.labelled) if self.enough else None

    @property
    def weighted(self) -> float | None:
        """The share of all such work that was right. None below MINIMUM."""
        return self.estimate if self.enough else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares the weighted one lies (95 %). None below MINIMUM."""
        return wilson(self.estimate, self.effective) if self.enough and self.estimate is not None else None


@dataclass(frozen=True)
class Judgements:
    """What is labelled of some work, each item weighed; `empty` are strata without a label."""

    items: list[Judged]
    empty: list[Stratum]

    def together(self) -> Accuracy:
        """What the labels say of all of it."""
        return _of(self.items, self.empty)

    def by(self, *groups: str) -> dict[tuple[Any, ...], Accuracy]:
        """The same for each part, by the values of the named GROUPS.

        `missing` is known only for parts by what makes a stratum, not by version or team. Raises ValueError for another
        name than those of GROUPS.
        """
        if unknown := set(groups) - set(GROUPS):
            raise ValueError(f"no such group: {', '.join(sorted(unknown))}")
        parts = _grouped(self.items, lambda each: tuple(getattr(each, name) for name in groups))
        gaps: dict[Hashable, list[Stratum]] = {}
        if not {"version", "team"} & set(groups):
            columns = {"agent": "agent_id"}
            gaps = _grouped(self.empty, lambda each: tuple(getattr(each, columns.get(name, name)) for name in groups))
        keys = [*parts, *(key for key in gaps if key not in parts)]
        return {key: _of(parts.get(key, []), gaps.get(key, [])) for key in keys}  # type: ignore[misc]


def judgements(user: User | None, wanted: Wanted) -> Judgements:
    """What is asked about and whose team `user` sees (None: the whole house): four statements.

    It is weighed by whole strata, before anything of them is left out.
    """
    strata = {stratum.pk: stratum for stratum in _strata(wanted)}
    verdicts: dict[int, list[tuple[bool, str]]] = defaultdict(list)
    labels = Label.objects.filter(item__stratum__in=_strata(wanted)).order_by("pk")
    for item, right, reason in labels.values_list("item_id", "right", "reason"):
        verdicts[item].append((right, reason))
    labelled: list[tuple[int, Judged]] = []
    counts: Counter[int] = Counter()
    teams = _teams(user, wanted)
    items = SampledItem.objects.filter(given__gt=0, stratum__in=_strata(wanted)).order_by("pk")
    ticket = ("run__ticket__team_id", "run__ticket__language", "run__ticket__channel")
    for pk, stratum_id, version, finished, team, language, channel in items.values_list(
        "pk", "stratum_id", "agent_version", "finished_at", *ticket
    ):
        if pk in verdicts:
            counts[stratum_id] += 1
            is_wanted = (
                wanted.start <= finished < wanted.end
                and team in teams
                and wanted.version in (None, version)
                and wanted.language in ("", language)
                and wanted.channel in ("", channel)
            )
            if is_wanted:
                labelled.append((stratum_id, _judged(strata[stratum_id], version, team, verdicts[pk])))
    return Judgements(
        [replace(judged, weight=strata[stratum_id].population / counts[stratum_id]) for stratum_id, judged in labelled],
        [stratum for stratum in strata.values() if not counts[stratum.pk]],
    )


def weigh(judged: Iterable[Judged]) -> tuple[float | None, float, float]:
    """The weighted share of right ones, the effective number, and the sum of the weights."""
    total = right = squares = 0.0
    for each in judged:
        total += each.weight
        squares += each.weight**2
        right += each.weight * each.verdicts[0]
    return (right / total, total**2 / squares, total) if total else (None, 0.0, 0.0)


def _of(judged: list[Judged], empty: list[Stratum]) -> Accuracy:
    estimate, effective, stands_for = weigh(judged)
    return Accuracy(
        labelled=len(judged),
        right=sum(each.verdicts[0] for each in judged),
        stands_for=round(stands_for),
        missing=sum(stratum.population for stratum in empty),
        effective=effective,
        estimate=estimate,
        agreement=agreement(each.verdicts for each in judged),
        reasons=Counter(reason for each in judged for reason in each.reasons if reason),
    )


def _teams(user: User | None, wanted: Wanted) -> set[int]:
    found = Team.objects.all() if user is None else Team.objects.visible_to(user)
    if wanted.team is not None:
        found = found.filter(pk=wanted.team)
    if wanted.team_slug:
        found = found.filter(slug=wanted.team_slug)
    return set(found.values_list("pk", flat=True))


def _judged(stratum: Stratum, version: int | None, team: int, verdicts: list[tuple[bool, str]]) -> Judged:
    return Judged(
        kind=stratum.kind,
        tool=stratum.tool,
        agent=stratum.agent_id,
        version=version,
        mode=stratum.mode,
        category=stratum.category,
        team=team,
        week=stratum.week,
        verdicts=tuple(right for right, _ in verdicts),
        reasons=tuple(reason for _, reason in verdicts),
    )


def _strata(wanted: Wanted) -> Any:
    """Strata that overlap the period and are of what is asked about."""
    first = wanted.start.astimezone(UTC).date() - WEEK
    found = Stratum.objects.filter(week__gt=first, week__lte=wanted.end.astimezone(UTC).date())
    asked = {"kind": wanted.kind, "tool": wanted.tool, "mode": wanted.mode, "category": wanted.category}
    if wanted.agent is not None:
        found = found.filter(agent=wanted.agent)
    if wanted.agent_slug:
        found = found.filter(agent__slug=wanted.agent_slug)
    return found.filter(**{name: value for name, value in asked.items() if value})


def _grouped(rows: Iterable[Any], key: Callable[[Any], Hashable]) -> dict[Hashable, list[Any]]:
    parts: dict[Hashable, list[Any]] = defaultdict(list)
    for row in rows:
        parts[key(row)].append(row)
    return parts
