"""Shares with what they leave open: 3 of 4 says less than 300 of 400."""

from dataclasses import dataclass
from math import sqrt

Z = 1.959964  # of the interval: 95 %


@dataclass(frozen=True)
class Share:
    """So many of so many, and between which shares the true one lies (Wilson's interval, 95 %)."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """None where nothing was counted: 0 of 0 is not zero."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits / self.of, self.of) if self.of else (0.0, 1.0)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's interval (95 %) of a share that was found among `n` > 0, which need not be a whole number."""
    centre = share + Z**2 / (2 * n)
    spread = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)
