import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile import estate as installation
from tests.hostile.estate import Estate
from tests.hostile.report import Table
from tests.hostile.server import LoopbackModel
from tests.hostile.stage import Stage

RECORDING = {"default": {"BACKEND": "tests.hostile.outbound.RecordingLayer"}}
SHARE = "hostile"


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
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """What this test plays. It travels with the test's report: a process that dies loses one test, not all."""
    played = Table()
    yield played
    request.node.user_properties.append((SHARE, json.dumps(played.as_data())))


class Summary:
    """Adds up the shares, of this process or of several, and shows the table at the end."""

    def __init__(self) -> None:
        self.table = Table()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for share in (value for name, value in report.user_properties if name == SHARE):
                self.table.join(json.loads(str(share)))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.table.levels or self.table.utility:
            terminalreporter.section("hostile models")
            broken = [report.nodeid for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())]
            self.table.show(terminalreporter.write_line, broken)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Summary())
