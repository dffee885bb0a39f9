"""Whether two people who judge the same thing say the same."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEAST = 5  # items that were judged twice: with fewer there is nothing to say


@dataclass(frozen=True)
class Agreement:
    """Over `items` that two or more people judged: on how many they all said the same, and `kappa` of it.

    `kappa` is Krippendorff's alpha for nominal data: 1 means that they always agree, 0 that they agree no more than
    chance would have it, below 0 that they agree less. Cohen's kappa compares one fixed pair of people. Here every
    item has its own pair, so the verdicts of all are pooled, as in Fleiss' kappa; alpha is the one of that kind that
    is right for small numbers too, and for items that three people judged. It is None where nothing can be said: where
    every verdict was the same, chance would agree always too.
    """

    items: int
    same: int
    kappa: float | None

    @property
    def enough(self) -> bool:
        return self.items >= LEAST


def agreement(verdicts: Iterable[Sequence[bool]]) -> Agreement:
    """Of the verdicts on each item; items that one person judged say nothing about agreement."""
    judged = [Counter(each) for each in verdicts if len(each) > 1]
    same = sum(len(each) == 1 for each in judged)
    return Agreement(len(judged), same, _alpha(judged))


def _alpha(judged: Sequence[Counter[bool]]) -> float | None:
    """1 - observed disagreement / expected disagreement, both over pairs of verdicts.

    Within an item of m verdicts each ordered pair counts 1 / (m - 1), so that an item weighs as many verdicts as it
    has. What chance would have it are the pairs that could be drawn from all n verdicts without putting one back.
    """
    total: Counter[bool] = sum(judged, Counter())
    n, expected = total.total(), total[True] * total[False]
    if not expected:
        return None
    observed = sum(each[True] * each[False] / (each.total() - 1) for each in judged)
    return 1 - (n - 1) * observed / expected
