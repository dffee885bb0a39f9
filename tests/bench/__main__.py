"""Measure the loop and its parts: `python -m tests.bench [NAME ...]`.

Every module below has a TITLE and a `run()` that yields rows. Figures are of this machine at this
moment; what stands in the README says on which machine it was taken.
"""

import os
import sys
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from tests.bench.report import show  # noqa: E402

BENCHES = ("model_calls", "job_hop")


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(BENCHES)
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; known: {', '.join(BENCHES)}")  # noqa: T201
        return 2
    for name in wanted or BENCHES:
        bench = import_module(f"tests.bench.{name}")
        show(bench.TITLE, bench.run())
    return 0


sys.exit(main(sys.argv[1:]))
