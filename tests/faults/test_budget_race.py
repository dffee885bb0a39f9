"""The short race for the last micro-unit; `make budget-race` runs the long one, with what each figure means."""

import os
import subprocess
import sys

import pytest

from tests.faults.processes import ROOT

pytestmark = pytest.mark.faults


def test_eight_processes_that_are_cut_and_killed_exceed_no_cap_and_leave_no_reservation_open() -> None:
    size = {"RACE_PROCESSES": "8", "RACE_SECONDS": "20", "RACE_CALLS": "6"}
    command = [sys.executable, "-m", "tests.race"]
    race = subprocess.run(command, cwd=ROOT, env={**os.environ, **size}, capture_output=True, text=True, timeout=300)
    print(race.stdout)  # noqa: T201 - `make faults` shows it
    assert race.returncode == 0, race.stdout + race.stderr
