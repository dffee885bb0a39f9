"""The chat's socket: it tells the frame that there is news; the frame then fetches it with its token."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async

from supportagent.console import consumers
from supportagent.console.consumers import NOT_ALLOWED, NOT_LOGGED_IN, LiveConsumer
from supportagent.widget import conversation, sessions
from supportagent.widget.errors import Refused
from supportagent.widget.models import WidgetSession
from supportagent.widget.receivers import conversation_group, customer_group

HELLO_SECONDS = 10.0
WORKING_SECONDS = 1.0  # How soon a change of progress shows that nobody announced.
WAITING_SECONDS = 5.0


class WidgetConsumer(LiveConsumer):
    """The first frame is `{"type": "hello", "app_id", "token"}`: the token never stands in an address.

    Frames to the browser, beside those of LiveConsumer: `{"type": "progress", "state"}` with working,
    waiting or idle. Closes with 4401 without a valid session, 4403 for another app's.
    """

    login_required = False

    # -- life of the socket -------------------------------------------------------------------------

    async def connect(self) -> None:
        self._prepare()
        self._greeted = False
        self._may_have_moved = asyncio.Event()
        if not _is_same_origin(self.scope):
            await self.close()  # Before accepting: the handshake itself answers 403.
            return
        await self.accept()
        self._tasks = [asyncio.create_task(self._expect_hello())]

    async def received(self, content: dict[str, Any]) -> bool:
        if content["type"] != "hello" or self._greeted:
            return False
        app_id, token = content.get("app_id"), content.get("token")
        if not isinstance(app_id, str) or not isinstance(token, str):
            return False
        self._greeted = True
        self._app_id, self._token = app_id, token
        if await self._listen():
            await self.send_json({"type": "ready"})
            self._tasks += [asyncio.create_task(run()) for run in (self._tell, self._keep_authorised, self._watch)]
        return True

    async def live_changed(self, event: dict[str, Any]) -> None:
        if event.get("what") == "conversation":
            await self._listen()  # A new ticket was opened: from now on its group is ours.
        await super().live_changed(event)
        self._may_have_moved.set()

    # -- who may listen -----------------------------------------------------------------------------

    async def _listen(self) -> bool:
        try:
            self._session = await _session(self._app_id, self._token)
        except Refused as refusal:
            await self.close(code=NOT_ALLOWED if refusal.status == 403 else NOT_LOGGED_IN)
            return False
        return await super()._listen()

    async def _keep_authorised(self) -> None:
        """A session that was ended or ran out closes its socket; there is no staff member to read afresh."""
        while True:
            await asyncio.sleep(consumers.REAUTHORISE_SECONDS)
            if not await self._listen():
                return

    async def authorise(self) -> list[str]:
        return await _groups(self._session)

    async def _expect_hello(self) -> None:
        await asyncio.sleep(HELLO_SECONDS)
        if not self._greeted:
            await self.close(code=NOT_LOGGED_IN)

    # -- progress -----------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Send progress when it changes. While somebody is at work look again on our own, else only on news."""
        told = ""
        while True:
            self._may_have_moved.clear()
            progress = await _progress(self._session)
            if progress != told:
                told = progress
                await self.send_json({"type": "progress", "state": progress})
            await self._sleep_until_it_may_have_moved(progress)

    async def _sleep_until_it_may_have_moved(self, progress: str) -> None:
        pause = {"working": WORKING_SECONDS, "waiting": WAITING_SECONDS}.get(progress)
        try:
            await asyncio.wait_for(self._may_have_moved.wait(), pause)
        except TimeoutError:
            return


def _is_same_origin(scope: dict[str, Any]) -> bool:
    """The frame is ours, so an honest socket has our own host as its origin; a missing or null one is refused."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


@database_sync_to_async
def _session(app_id: str, token: str) -> WidgetSession:
    return sessions.authenticate(app_id=app_id, token=token)


@database_sync_to_async
def _groups(session: WidgetSession) -> list[str]:
    ticket = conversation.current_ticket(session)
    of_ticket = [conversation_group(ticket.pk)] if ticket else []
    return [customer_group(session.customer_id), *of_ticket]


@database_sync_to_async
def _progress(session: WidgetSession) -> str:
    ticket = conversation.current_ticket(session)
    return conversation.progress_of(ticket) if ticket else "idle"
