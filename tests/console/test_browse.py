"""The console in a real browser: both policies, live updates, the offline state, and accessibility."""

import asyncio
import json
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from channels.auth import AuthMiddlewareStack
from channels.layers import channel_layers, get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path
from playwright.sync_api import sync_playwright

from supportagent.console.consumers import LiveConsumer

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parent.parent / "browser" / "vendor" / "axe-core-4.14.1" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.console.site"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
]


class QueueConsumer(LiveConsumer):
    async def authorise(self):
        return ["queue"]


class Server:
    """The site on a port of its own, in a thread, so that a test can stop and start it again."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self):
        sockets = URLRouter([path("ws/queue/", QueueConsumer.as_asgi())])
        application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": AuthMiddlewareStack(sockets)})
        config = uvicorn.Config(application, port=self.port, lifespan="off", log_config=None)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)

    def _run(self):
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.server.serve())

    def tell(self):
        message = {"type": "live.changed", "what": "request", "seq": 1}
        sending = get_channel_layer().group_send("queue", message)
        asyncio.run_coroutine_threadsafe(sending, self.loop).result(2)

    def stop(self):
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(10)


@pytest.fixture
def server(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    server = Server()
    server.start()
    yield server
    server.stop()
    channel_layers.backends.clear()


@pytest.fixture
def page(ana, server):
    """A browser that has logged in by hand, and that fails the test when the console reports anything."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server.address}/console/queue/")
        page.fill("[name=username]", "ana")
        page.fill("[name=password]", "a long password")
        page.click("button[type=submit]")
        page.wait_for_url("**/console/queue/")
        yield page
        browser.close()
    # A server that was stopped on purpose and an offline browser are reported by Chromium itself.
    assert [text for text in complaints if "ERR_" not in text and "WebSocket" not in text] == []


def violations(page):
    session = page.context.new_cdp_session(page)  # Our policy blocks a script tag, the debugger it does not.
    session.send("Runtime.evaluate", {"expression": AXE.read_text()})
    run = "axe.run({runOnly: %s}).then(r => JSON.stringify(r.violations.map(v => [v.id, v.nodes.map(n => n.html)])))"
    arguments = {"expression": run % json.dumps(RULES), "awaitPromise": True, "returnByValue": True}
    return json.loads(session.send("Runtime.evaluate", arguments)["result"]["value"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_of_both_zones_are_accessible_and_fit(page, server, theme, width):
    page.evaluate("theme => localStorage.setItem('adminTheme', JSON.stringify(theme))", theme)
    page.set_viewport_size({"width": width, "height": 800})
    for address in ("/console/queue/", "/admin/auth/group/"):
        page.goto(server.address + address)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.classList.contains('dark')") is (theme == "dark")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert violations(page) == []


@pytest.mark.smoke
def test_news_change_the_page_and_keep_focus_half_typed_text_and_what_is_unfolded(page, server):
    page.wait_for_selector("#reason")
    page.click("#more summary")
    page.focus("#reason")
    page.keyboard.type("because of")
    before = page.inner_text("#count")
    server.tell()
    page.wait_for_function("before => document.querySelector('#count').textContent !== before", arg=before)
    page.keyboard.type(" rule 7")
    assert page.input_value("#reason") == "because of rule 7"
    assert page.evaluate("document.querySelector('#more').open")


def test_going_offline_is_said_within_three_seconds_and_decisions_wait(page):
    page.wait_for_selector("#reason")
    page.context.set_offline(True)
    page.wait_for_selector("[data-testid=offline-banner]", timeout=3000)
    assert page.is_disabled("#approve")
    page.context.set_offline(False)
    page.wait_for_selector("[data-testid=offline-banner]", state="hidden", timeout=5000)
    assert page.is_enabled("#approve")


def test_after_a_restart_of_the_server_the_page_is_true_again_within_five_seconds(page, server):
    page.wait_for_selector("#reason")
    before = page.inner_text("#count")
    server.stop()
    page.wait_for_selector("[data-testid=offline-banner]", timeout=3000)
    server.start()
    page.wait_for_function(
        "before => document.querySelector('#count').textContent !== before", arg=before, timeout=5000
    )
    assert page.is_enabled("#approve")


def test_on_a_phone_the_menu_opens_takes_the_focus_and_closes_with_escape(page):
    page.set_viewport_size({"width": 390, "height": 800})
    assert not page.is_visible("#sidebar a")
    page.click("[data-toggle=sidebar][aria-expanded]")
    page.wait_for_function("document.querySelector('#sidebar').contains(document.activeElement)")
    page.keyboard.press("Escape")
    assert not page.is_visible("#sidebar a")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"


def test_the_theme_chosen_in_one_zone_holds_in_the_other(page, server):
    page.click(".user-menu__button")
    page.click("[data-theme-choice=dark]")
    page.goto(f"{server.address}/admin/")
    assert page.evaluate("document.documentElement.classList.contains('dark')")


def test_logging_out_in_the_console_ends_at_the_log_in(page):
    page.click(".user-menu__button")
    page.click("text=Log out")
    page.wait_for_url("**/admin/login/")
    assert page.locator("input[name=password]").is_visible()
