"""What a benchmark tells: rows of figures, and how to take them."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the report: what was done, and its figures with their units."""

    what: str
    figures: tuple[tuple[str, float], ...]


class Section:
    """The rows of one benchmark, measured when it is made."""

    def __init__(self, title: str, rows: Iterable[Row]) -> None:
        self.title, self.rows = title, list(rows)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all lies at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(what: str, milliseconds: Sequence[float]) -> Row:
    """Median and tail of single measurements."""
    p50, p95 = statistics.median(milliseconds), percentile(milliseconds, 0.95)
    return Row(what, (("p50 ms", p50), ("p95 ms", p95), ("n", len(milliseconds))))


def per_call(what: str, call: Callable[[], object], *, warm_up: int = 20, times: int = 200) -> Row:
    """Processor and wall time of one call, averaged over many, in this process and thread."""
    for _ in range(warm_up):
        call()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        call()
    spent_cpu, spent_wall = time.process_time() - cpu, time.perf_counter() - wall
    return Row(what, (("CPU ms", spent_cpu / times * 1e3), ("wall ms", spent_wall / times * 1e3), ("n", times)))


def show(head: str, sections: Iterable[Section]) -> None:
    """Print one table: a block per benchmark, a line per row, its figures under one another."""
    print(head)  # noqa: T201
    for section in sections:
        print(f"\n{section.title}")  # noqa: T201
        for row in section.rows:
            figures = "".join(f"{_written(value):>10} {name:<13}" for name, value in row.figures)
            print(f"  {row.what:<52}{figures}".rstrip())  # noqa: T201


def _written(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2f}"
