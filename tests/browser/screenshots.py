"""`python -m tests.browser.screenshots FOLDER`: start the demo, play the refund, and photograph every screen.

Each screen at 1440 and at 390 pixels, light and dark, as `screen-width-theme.png`. The README's own pictures, in
docs/images/, are those of `--readme`: one of a kind, light.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.demo import Backstage, Demo
from tests.browser.people import DESKTOP, PHONE, Stage, Widget
from tests.mcp.ledgerly import CREDENTIAL, SECRET, Ledgerly

WISH = "The pour-over set from order ORD-1042 arrived chipped. I would like my money back, please."
ADMIN = "/admin/agents/agent/"
README_SIZES = {
    "approval": (1440, 1010),
    "run": (1440, 1010),
    "widget": (1020, 690),
    "ticket": (1280, 800),
    "review": (1280, 900),
    "dashboard": (1280, 1010),
}
LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in (DESKTOP, PHONE)]
SECOND_WISHES = 2  # so that the queue is not a list of one


class Photographer:
    def __init__(self, stage: Stage, folder: Path, *, for_readme: bool = False) -> None:
        self.stage = stage
        self.folder = folder
        self.for_readme = for_readme

    def looks(self, name: str) -> list[tuple[str, dict[str, int]]]:
        if not self.for_readme:
            return LOOKS
        width, height = README_SIZES[name]
        return [("light", {"width": width, "height": height})]

    def shoot(self, page: Page, name: str, scheme: str, size: dict[str, int], *, whole: bool = False) -> None:
        page.wait_for_load_state("networkidle")
        page.evaluate("document.fonts.ready.then(() => true)")
        look = "" if self.for_readme else f"-{size['width']}-{scheme}"
        page.screenshot(path=self.folder / f"{name}{look}.png", animations="disabled", full_page=whole)

    def console(
        self, name: str, path: str, *, username: str = "supervisor", prepare: Any = None, whole: bool = False
    ) -> None:
        for scheme, size in self.looks(name):
            page = self.stage.staff(username, color_scheme=scheme, viewport=size)
            page.goto(self.stage.demo.console + path)
            if prepare:
                prepare(page)
            self.shoot(page, name, scheme, size, whole=whole)
            page.context.close()

    def shop(self, name: str, prepare: Callable[[Widget], None]) -> None:
        for scheme, size in self.looks(name):
            widget = self.stage.shopper(color_scheme=scheme, viewport=size)
            expect(widget.launcher).to_be_visible()
            prepare(widget)
            self.shoot(widget.page, name, scheme, size)
            widget.page.context.close()


def open_confirm(page: Page) -> None:
    page.get_by_test_id("approve").click()


def opened(widget: Widget) -> None:
    widget.open()


def waits(widget: Widget) -> None:
    widget.open()
    expect(widget.pending).to_be_visible()


def answered(widget: Widget) -> None:
    widget.open()
    widget.hears("was issued")


def play(stage: Stage, folder: Path) -> None:
    camera = Photographer(stage, folder)
    camera.shop("widget-closed", lambda widget: None)
    camera.shop("widget-open", opened)
    for _ in range(SECOND_WISHES):
        stage.backstage("ask_for_refund", customer=stage.customer())
    ana, facts = ask(stage)
    request, ticket = f"/console/approvals/{facts['approval']}/", f"/console/tickets/{facts['ticket']}/"
    camera.shop("widget-pending", waits)
    camera.console("approval", request)
    camera.console("approval-confirm", request, prepare=open_confirm)
    camera.console("approvals", "/console/approvals/")
    camera.console("ticket-pending", ticket)
    stage.backstage("approve", pk=facts["approval"], username="supervisor")
    ana.hears("was issued")
    camera.shop("widget-answered", answered)
    camera.console("approval-decided", f"{request}?split=decided")
    camera.console("run", f"/console/runs/{facts['run']}/")
    labels(stage, camera)
    camera.console("runs", "/console/runs/")
    camera.console("ticket", ticket)
    camera.console("tickets", "/console/tickets/")
    measures(camera)
    camera.console("admin-list", ADMIN, username="admin")
    camera.console("admin-form", f"{ADMIN}1/change/", username="admin")
    camera.console("audit", "/admin/audit/auditentry/?q=ORD-1042", username="auditor")
    review(stage, camera)
    page = stage.page()
    page.goto(f"{stage.demo.console}/admin/login/")
    camera.shoot(page, "log-in", "light", DESKTOP)


def play_for_readme(stage: Stage, folder: Path) -> None:
    camera = Photographer(stage, folder, for_readme=True)
    for _ in range(SECOND_WISHES):
        stage.backstage("ask_for_refund", customer=stage.customer())
    ana, facts = ask(stage)
    camera.shop("widget", waits)
    camera.console("approval", f"/console/approvals/{facts['approval']}/")
    stage.backstage("approve", pk=facts["approval"], username="supervisor")
    ana.hears("was issued")
    camera.console("run", f"/console/runs/{facts['run']}/")
    camera.console("ticket", f"/console/tickets/{facts['ticket']}/")
    camera.console("dashboard", "/console/")
    review(stage, camera)


def measures(camera: Photographer) -> None:
    """What the demo's four weeks came to, from top to bottom."""
    camera.console("dashboard", "/console/", whole=True)
    camera.console("agent", "/console/agents/billing/", whole=True)
    camera.console("costs", "/console/costs/", whole=True)
    for name in ("costs/alerts", "ratings", "labels", "labels/results", "knowledge/gaps"):
        camera.console(name.replace("/", "-"), f"/console/{name}/", whole=True)


def labels(stage: Stage, camera: Photographer) -> None:
    """An action as somebody judges it who had no hand in it, and what came of such judgements."""
    stage.backstage("new_colleague", username="judge", team="orders")
    stage.backstage("draw_labels")
    camera.console("label", "/console/labels/", username="judge")
    camera.console("accuracy", "/console/labels/results/", username="judge")


def review(stage: Stage, camera: Photographer) -> None:
    """The page on which an admin reviews a tool of a server that is not ours."""
    with tempfile.TemporaryDirectory() as folder, Ledgerly(Path(folder)) as desk:
        tool = stage.backstage("connect", url=desk.url, oauth=desk.oauth)
        camera.console("review", f"/admin/tools/tool/{tool}/change/", username="admin")
        if camera.for_readme:
            return
        server = "/admin/tools/mcpserver/?q=ledgerly"
        camera.console("servers", server, username="admin")
        camera.console("tools", "/admin/tools/tool/?q=ledgerly", username="admin")
        stage.backstage("change_definition", pk=tool)
        camera.console("review-changed", f"/admin/tools/tool/{tool}/change/", username="admin")


def ask(stage: Stage) -> tuple[Widget, dict[str, Any]]:
    """Ana asks for her money back, and the request waits for a person."""
    ana = stage.shopper()
    ana.open()
    ana.write(WISH)
    expect(ana.pending).to_be_visible(timeout=15_000)
    return ana, stage.backstage("facts_of", reference="CUS-1001")


def main(folder: Path, story: Callable[[Stage, Path], None]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()  # the demo begins with the tests' migrated database
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        settings = {"SUPPORTAGENT_INTERNAL_HOSTS": "127.0.0.1", CREDENTIAL: SECRET}
        demo = Demo(Path(data), with_history=True, **settings)
        try:
            demo.wait_until_up()
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            backstage = Backstage(demo)
            story(Stage(demo, backstage, browser), folder)
            backstage.stop()
            browser.close()
        finally:
            demo.stop()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")  # noqa: T201


if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:] if argument != "--readme"]
    if len(folders) != 1:
        raise SystemExit(__doc__)
    main(Path(folders[0]), play_for_readme if "--readme" in sys.argv else play)
