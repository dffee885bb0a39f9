"""What a benchmark tells: rows of figures, and how to take them."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the report: what was done, and its figures in the order of `columns`."""

    what: str
    figures: tuple[tuple[str, float], ...]


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


def show(title: str, rows: Iterable[Row]) -> None:
    print(f"\n{title}")  # noqa: T201
    for row in rows:
        figures = "  ".join(
            f"{name} {value:>8.0f}" if name == "n" else f"{name} {value:>8.2f}" for name, value in row.figures
        )
        print(f"  {row.what:<44} {figures}")  # noqa: T201
