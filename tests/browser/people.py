"""Who sits before the screens: customers with the chat widget, staff with the console."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from supportagent.demo.logins import PASSWORD
from tests.browser.demo import Backstage, Demo

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
ANSWER_MS = 15_000  # the agent works, on a machine that runs other tests too

EXCHANGE_IDENTITY = """
new MutationObserver(() => {
  const tag = document.querySelector("script[data-app-id]");
  if (tag && tag.dataset.userJwt !== signed) tag.dataset.userJwt = signed;
}).observe(document, { childList: true, subtree: true });
"""

expect.set_options(timeout=10_000)


class Widget:
    """The chat on a shop's page, as its customer uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.launcher = page.locator("#support-agent .launcher")
        self.frame = page.frame_locator("#support-agent iframe")
        self.field = self.frame.locator("#field")
        self.banner = self.frame.locator("#banner")
        self.pending = self.frame.locator("#pending .card")
        self.messages = self.frame.locator("#messages")
        self.mine = self.messages.locator(".message.customer .bubble")
        self.answers = self.messages.locator(".message.agent .bubble")
        self.people = self.messages.locator(".message.person .bubble")

    def open(self) -> None:
        self.launcher.click()
        expect(self.field).to_be_focused()  # by its script, which has arrived then

    def write(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def hears(self, text: str | re.Pattern[str]) -> Locator:
        """Waits for an answer of the agent with these words."""
        answer = self.answers.filter(has_text=text).last
        expect(answer).to_be_visible(timeout=ANSWER_MS)
        return answer


class Stage:
    """The contexts of one test. Every one is watched for what a browser complains about."""

    def __init__(self, demo: Demo, backstage: Backstage, browser: Browser) -> None:
        self.demo = demo
        self.backstage = backstage
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.heard: list[str] = []
        self.excused: list[str] = []
        self.logged_in: dict[str, Any] = demo.__dict__.setdefault("logged_in", {})

    # -- who comes in -----------------------------------------------------------------------------------

    def page(self, **options: Any) -> Page:
        context = self.browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        context.set_default_timeout(10_000)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.heard.append(str(error.error)))
        context.on("request", self._note_request)
        self.contexts.append(context)
        return context.new_page()

    def staff(self, username: str = "supervisor", **options: Any) -> Page:
        """A colleague who is logged in; by hand the first time, with that session afterwards."""
        if username not in self.logged_in:
            page = self.page()
            log_in(page, self.demo, username)
            self.logged_in[username] = page.context.storage_state()
            page.context.close()
        return self.page(storage_state=self.logged_in[username], **options)

    def shopper(self, customer: dict[str, str] | None = None, *, jwt: str = "", **options: Any) -> Widget:
        """A customer before the shop's page: Ana, the showcase, or whoever the shop signs in instead."""
        page = self.page(**options)
        signed = jwt or (customer or {}).get("jwt", "")
        if signed:
            self.sign_in(page, signed)
        page.goto(f"{self.demo.shop}/demo/")
        return Widget(page)

    def sign_in(self, page: Page, jwt: str) -> None:
        """From now on the shop's pages carry this signed identity: it is put into the tag before that runs."""
        page.add_init_script(f"const signed = {json.dumps(jwt)}; {EXCHANGE_IDENTITY}")

    def customer(self) -> dict[str, str]:
        """Somebody nobody has heard of, with one delivered order of EUR 84.00."""
        return self.backstage("new_customer")  # type: ignore[no-any-return]

    # -- what the browsers complained about ---------------------------------------------------------------

    def excuse(self, *patterns: str) -> None:
        """Complaints that this test causes on purpose, as regular expressions."""
        self.excused += patterns

    def complaints(self) -> list[str]:
        return [text for text in self.heard if not any(re.search(pattern, text) for pattern in self.excused)]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _note_request(self, request: Request) -> None:
        ours = (self.demo.console, self.demo.shop, "data:", "blob:", "about:")
        if not request.url.startswith(ours):
            self.heard.append(f"request to another origin: {request.url}")

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def log_in(page: Page, demo: Demo, username: str, password: str = PASSWORD) -> None:
    """Through the form, as everybody does."""
    page.goto(f"{demo.console}/console/approvals/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    if password == PASSWORD:
        page.wait_for_url(f"{demo.console}/console/approvals/")
