"""Measure the loop and its parts: `python -m tests.bench [--quick] [NAME ...]`.

Runs by itself on SQLite in a folder of its own, or on the PostgreSQL of DATABASE_URL in a database of its own; it
starts its own Valkey, worker and fake model. Figures are of this machine at this moment; what stands in the
README says on which machine it was taken.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.report import Section, show
from tests.broker import Broker

NAMES = ("gate", "gateway", "workflows", "pauses", "job_hop", "model_calls", "costs", "figures")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the agent loop.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: for a look, not for the record")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; without one, all")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, broker = Path(name), Broker(Path(name))
        try:
            with installation(broker, folder) as database:
                sections = list(_measured(options.names or list(NAMES), broker, folder, quick=options.quick))
        finally:
            broker.kill()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {database}"
    show(f"{machine}, {time.monotonic() - began:.0f} s{' (--quick)' if options.quick else ''}", sections)


@contextmanager
def installation(broker: Broker, folder: Path) -> Iterator[str]:
    """Django on a new database; yields the database's name and version."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "supportagent.settings",
        "SUPPORTAGENT_ENV": "development",
        "SUPPORTAGENT_DATA_DIR": str(folder),
        "SUPPORTAGENT_LOG_LEVEL": "ERROR",
        "VALKEY_URL": broker.url,
    }
    import django

    django.setup()
    from django.db import connection

    on_sqlite = connection.vendor == "sqlite"
    connection.settings_dict["TEST"]["NAME"] = str(folder / "bench.sqlite3") if on_sqlite else f"bench_{os.getpid()}"
    original = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        connection.ensure_connection()
        version = ".".join(str(part) for part in connection.get_database_version())
        yield f"{connection.display_name} {version}"
    finally:
        connection.creation.destroy_test_db(original, verbosity=0)


def _measured(names: list[str], broker: Broker, folder: Path, *, quick: bool) -> Iterator[Section]:
    from tests.bench import costs, figures, gate, gateway, job_hop, model_calls, pauses, workflows
    from tests.bench.story import Shop

    shop = Shop(folder)
    runs = {
        "gate": lambda: Section(gate.TITLE, gate.run(shop, quick=quick)),
        "gateway": lambda: Section(gateway.TITLE, gateway.run(shop, folder, quick=quick)),
        "workflows": lambda: Section(workflows.TITLE, workflows.run(shop, quick=quick)),
        "pauses": lambda: Section(pauses.TITLE, pauses.run(shop, broker, folder, quick=quick)),
        "job_hop": lambda: Section(job_hop.TITLE, job_hop.run(broker, folder, quick=quick)),
        "model_calls": lambda: Section(model_calls.TITLE, model_calls.run(quick=quick)),
        "figures": lambda: Section(figures.TITLE, figures.run(shop, quick=quick)),
        "costs": lambda: Section(costs.TITLE, costs.run(shop, quick=quick)),
    }
    for name in names:
        yield runs[name]()


if __name__ == "__main__":
    main()
