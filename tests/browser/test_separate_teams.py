"""A supervisor of one team sees nothing of another's: not on a page, not in a search, not in a socket frame."""

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.broker import eventually
from tests.browser.people import Stage

pytestmark = pytest.mark.browser


def frames_of(page: Page, frames: list[str]) -> None:
    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(f"{socket.url} {frame}"))

    page.on("websocket", listen)


def test_the_partner_supervisor_sees_nothing_of_the_orders_team_on_pages_in_searches_and_in_frames(stage: Stage):
    stage.excuse("status of 404")
    ours, theirs = stage.staff("supervisor"), stage.staff("partner")
    our_frames: list[str] = []
    their_frames: list[str] = []
    frames_of(ours, our_frames)
    frames_of(theirs, their_frames)
    for page in (ours, theirs):
        page.goto(f"{stage.demo.console}/console/approvals/")
    for frames in (our_frames, their_frames):
        eventually(lambda frames=frames: ours.wait_for_timeout(20) or any("ready" in frame for frame in frames))

    customer = stage.customer()
    stage.backstage("ask_for_refund", customer=customer)
    expect(ours.get_by_test_id("approval-row").filter(has_text=customer["order"])).to_be_visible(timeout=15_000)
    assert any("changed" in frame for frame in our_frames)
    assert not any("changed" in frame for frame in their_frames)
    theirs.reload()
    expect(theirs.get_by_test_id("approvals-list")).to_contain_text("All clear")

    facts = stage.backstage("facts_of", reference=customer["reference"])
    address = stage.demo.console
    for path in (
        f"/console/approvals/{facts['approval']}/",
        f"/console/runs/{facts['run']}/",
        f"/console/tickets/{facts['ticket']}/",
    ):
        assert theirs.goto(address + path).status == 404, path
        assert ours.goto(address + path).status == 200, path
    for path in ("/console/approvals/?split=all&q=", "/console/tickets/?split=all&q=", "/console/runs/?q="):
        theirs.goto(address + path + customer["order"])
        expect(theirs.locator("main")).not_to_contain_text(customer["reference"])
        expect(theirs.locator("main")).not_to_contain_text(facts["ticket"])

    theirs.goto(f"{address}/console/approvals/")
    for socket in (f"/ws/runs/{facts['run']}/", f"/ws/tickets/{facts['ticket']}/"):
        code = theirs.evaluate(
            """path => new Promise(tell => {
                 const socket = new WebSocket(`ws://${location.host}${path}`);
                 socket.onmessage = (event) => tell(event.data);
                 socket.onclose = (event) => tell(event.code);
               })""",
            socket,
        )
        assert code == 4403, socket
