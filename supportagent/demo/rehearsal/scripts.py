"""The demo's own scenarios."""

from pathlib import Path

from supportagent.rehearsal import scripts

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"


def read_all() -> list[scripts.Scenario]:
    """Every scenario of the demo, by name. Raises ScriptError."""
    return scripts.read_all(FOLDER)
