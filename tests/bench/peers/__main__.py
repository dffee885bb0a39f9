"""Measure the refund workflow in LangGraph and in this product, in turns, on one PostgreSQL: `make bench-peers`.

LangGraph is what its own guide builds: an agent, an interrupt before the refund, the PostgreSQL checkpointer with its
default durability. It runs in one process, is driven in that process, and audits, budgets and pushes nothing; its tools
return a constant. This product runs as it is deployed: a message and an approval come in here, a worker process takes
the run from the queue; rights, rules, budget and audit included, and its tools read and write a shop.

A step is one model call with what follows from it: four of a workflow there, five here, because our agent also tells
the customer that a colleague looks at it. Both speak to the same fake server program, with the same calls in the same
order. Processor time is that of the Python processes, without the database's and the fake server's.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.__main__ import installation
from tests.bench.processes import ROOT, fake_model, worker
from tests.bench.report import Row, Section, show
from tests.broker import Broker

HERE = Path(__file__).parent
ENVIRONMENT = ROOT / "var" / "peers"
LATENCY_MS = 1000
IN_FLIGHT = 64


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description="Compare with LangGraph.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: for a look, not for the record")
    parser.add_argument("--workers", type=int, default=1, help="worker processes that share the runs in flight")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("set DATABASE_URL to a PostgreSQL where databases may be made")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, broker = Path(name), Broker(Path(name))
        try:
            with installation(broker, folder) as database, _database_of_peers() as address:
                sections = list(_measured(broker, folder, address, options.workers, quick=options.quick))
        finally:
            broker.kill()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {database}"
    show(f"{machine}, {time.monotonic() - began:.0f} s{' (--quick)' if options.quick else ''}", sections)


def _measured(broker: Broker, folder: Path, database: str, workers: int, *, quick: bool) -> Iterator[Section]:
    from tests.bench.peers.ours import Ours

    rounds, count = (2, 5) if quick else (4, 15)
    with ExitStack() as stack:
        theirs = stack.enter_context(_langgraph(stack.enter_context(_script(HERE)), database))
        model = stack.enter_context(_script(HERE.parent))
        stack.enter_context(worker(broker, folder, threads=4, **Ours.environment(model)))
        ours = Ours(folder, broker)
        pairs = [(theirs("sequential", count), ours.sequential(count)) for _ in range(1 + rounds)][1:]
        yield Section("One workflow at a time, model answers at once (medians of turns)", _compared(pairs))
    with ExitStack() as stack:
        theirs = stack.enter_context(_langgraph(stack.enter_context(_script(HERE, LATENCY_MS)), database))
        model = stack.enter_context(_script(HERE.parent, LATENCY_MS))
        threads = IN_FLIGHT // workers
        for number in range(workers):
            own = folder / f"worker-{number}"
            own.mkdir()
            registered = threads * (number + 1)
            stack.enter_context(worker(broker, own, threads=threads, registered=registered, **Ours.environment(model)))
        whole = IN_FLIGHT * (1 if quick else 2)
        figures = [("LangGraph", theirs("flight", IN_FLIGHT, whole)), ("here", ours.flight(IN_FLIGHT, whole))]
        what = f"{IN_FLIGHT} in flight, model answers in {LATENCY_MS} ms, {workers} worker process(es) here"
        yield Section(what, [_flight(name, found) for name, found in figures])


def _compared(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> Iterator[Row]:
    for number, name in enumerate(("LangGraph", "here")):
        found = [pair[number] for pair in pairs]
        cpu, wall = (statistics.median(one[key] for one in found) for key in ("cpu", "wall"))
        steps = found[0]["turns"]
        figures = (("CPU ms/step", cpu), ("CPU ms/workflow", cpu * steps), ("wall ms/step", wall))
        yield Row(name, figures)
    by_step = statistics.median(ours["cpu"] / theirs["cpu"] for theirs, ours in pairs)
    by_workflow = statistics.median(
        ours["cpu"] * ours["turns"] / (theirs["cpu"] * theirs["turns"]) for theirs, ours in pairs
    )
    yield Row("here / LangGraph", (("by step", by_step), ("by workflow", by_workflow), ("turns", len(pairs))))


def _flight(name: str, found: dict[str, float]) -> Row:
    ideal = IN_FLIGHT / found["turns"] / LATENCY_MS * 1e3
    figures = (
        ("of ideal", found["per_second"] / ideal),
        ("workflows/s", found["per_second"]),
        ("CPU ms/step", found["cpu"]),
    )
    return Row(name, figures)


def _script(folder: Path, latency_ms: int = 0) -> Any:
    return fake_model("--latency-ms", str(latency_ms), "--script", str(folder / "refund.json"))


@contextmanager
def _langgraph(model: str, database: str) -> Iterator[Any]:
    """LangGraph in a process of its own; yields a function that gives it a command and returns its figures."""
    process = subprocess.Popen(
        [str(_python()), str(HERE / "langgraph_refund.py"), model, database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def command(*words: object) -> dict[str, float]:
        print(*words, file=process.stdin, flush=True)
        figures: dict[str, float] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        return figures

    try:
        yield command
    finally:
        process.stdin.close()
        process.wait()


def _python() -> Path:
    """The peers' own interpreter, made on first use."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    wanted = (HERE / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing LangGraph into var/peers (about a minute) ...", file=sys.stderr)  # noqa: T201
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(HERE / "requirements.txt")]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)
    return python


@contextmanager
def _database_of_peers() -> Iterator[str]:
    """An empty database beside ours, for as long as the measurement takes."""
    from django.db import connection

    from tests.faults.processes import database_url

    name = f"bench_peers_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield database_url().rpartition("/")[0] + f"/{name}"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
