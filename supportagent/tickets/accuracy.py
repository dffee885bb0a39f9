"""How often triage is right, by category, measured against the labels of people."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from supportagent.shares import Share
from supportagent.tickets.models import Ticket, TriageLabel


@dataclass(frozen=True)
class CategoryAccuracy:
    """One category: `labelled` requests are truly of it, `claimed` ones were said to be, `right` ones are both."""

    category: str
    labelled: int
    claimed: int
    right: int

    @property
    def label(self) -> str:
        return str(Ticket.Category(self.category).label)

    @property
    def precision(self) -> Share:
        """Of those that triage put here, how many belong here."""
        return Share(self.right, self.claimed)

    @property
    def recall(self) -> Share:
        """Of those that belong here, how many triage put here."""
        return Share(self.right, self.labelled)


def accuracy(counted: Mapping[tuple[str, str], int] | Iterable[tuple[str, str]]) -> list[CategoryAccuracy]:
    """From pairs of (what triage said, what is true), or how many there are of each; every category has a row."""
    pairs = Counter(counted)
    claimed: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for (said, truth), count in pairs.items():
        claimed[said] += count
        labelled[truth] += count
    return [
        CategoryAccuracy(category, labelled[category], claimed[category], pairs[category, category])
        for category in Ticket.Category.values
    ]


def overall(rows: Iterable[CategoryAccuracy]) -> Share:
    """How many of all labelled requests were sorted right."""
    rows = list(rows)
    return Share(sum(row.right for row in rows), sum(row.labelled for row in rows))


def triage_accuracy(labels: "QuerySet[TriageLabel] | None" = None) -> list[CategoryAccuracy]:
    """Of these labels, of all if none are named. One query, however many there are."""
    chosen = TriageLabel.objects.all() if labels is None else labels
    counts = chosen.order_by().values_list("triage__category", "category").annotate(n=Count("pk"))
    return accuracy({(said, truth): n for said, truth, n in counts})
