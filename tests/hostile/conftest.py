from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile import estate as installation
from tests.hostile.estate import Estate
from tests.hostile.report import Table
from tests.hostile.server import LoopbackModel
from tests.hostile.stage import Stage

RECORDING = {"default": {"BACKEND": "tests.hostile.outbound.RecordingLayer"}}
TABLE = pytest.StashKey[Table]()


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackModel]:
    with LoopbackModel() as running:
        yield running


@pytest.fixture
def estate(db: None, settings: Any) -> Estate:
    settings.CHANNEL_LAYERS = RECORDING
    installation.configure(settings)
    return installation.build()


@pytest.fixture
def stage(estate: Estate, server: LoopbackModel, settings: Any) -> Stage:
    return Stage(estate, server, settings)


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Table:
    """What this run has played, for the summary at its end."""
    return request.config.stash.setdefault(TABLE, Table())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several hands its share to the one that reports."""
    output, table = getattr(session.config, "workeroutput", None), session.config.stash.get(TABLE, None)
    if output is not None and table is not None:
        output["hostile"] = table.as_data()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if share := getattr(node, "workeroutput", {}).get("hostile"):
        node.config.stash.setdefault(TABLE, Table()).join(share)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    table = config.stash.get(TABLE, None)
    if table is not None and (table.levels or table.utility):
        terminalreporter.section("hostile models")
        table.show(terminalreporter.write_line)
