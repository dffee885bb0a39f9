"""Every scripted conversation, played by the offline model against the demo's own installation."""

from pathlib import Path

import pytest

from supportagent.demo.rehearsal.rehearse import rehearse
from supportagent.demo.rehearsal.scripts import FOLDER
from supportagent.rehearsal.scripts import read

FILES = sorted(FOLDER.glob("*.toml"))


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 44


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_ends_as_expected(path: Path) -> None:
    performance = rehearse(read(path))
    assert not performance.problems
