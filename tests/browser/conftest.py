"""One demo for all flows, one browser per module, and people who log in and look."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.demo import Backstage, Demo
from tests.browser.people import Stage

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOG_LINES = 60


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The whole product, started once and stopped after the last flow, since even an idle one takes CPU from the
    tests after it. Its data folder with the log stays behind among pytest's last three."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        demo.wait_until_up()
        yield demo
    finally:
        demo.stop()


@pytest.fixture(scope="package")
def backstage(demo: Demo) -> Iterator[Backstage]:
    backstage = Backstage(demo)
    yield backstage
    backstage.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the whole session: while Playwright runs, no other test of this process may run an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def stage(demo: Demo, backstage: Backstage, browser: Browser) -> Iterator[Stage]:
    """People with a browser context each. What a browser complained about fails the test at its end."""
    stage = Stage(demo, backstage, browser)
    yield stage
    stage.close()
    assert stage.complaints() == []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    demo = getattr(item, "funcargs", {}).get("demo")
    if report.failed and isinstance(demo, Demo):
        last = "\n".join(demo.said().splitlines()[-LOG_LINES:])
        report.sections.append((f"the end of {demo.log}", last))
