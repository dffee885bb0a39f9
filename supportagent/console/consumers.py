"""The socket behind every live page: it says that something changed, and takes no commands."""

import asyncio
import json
import logging
import random
import time
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from supportagent.console import presence

logger = logging.getLogger(__name__)

NOT_LOGGED_IN = 4401
NOT_ALLOWED = 4403
TOO_BIG = 1009
TOO_MANY = 1008
TRY_AGAIN = 1013

MAX_FRAME_BYTES = 64 * 1024
MAX_FRAMES_PER_SECOND = 50
MAX_BAD_FRAMES = 5
MAX_TOPICS = 100
REAUTHORISE_SECONDS = 20.0
SEND_SECONDS = 10.0
COALESCE_SECONDS = 0.05
BROKER_SECONDS = 2.0
PRESENCE_SECONDS = 60.0


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """Subclasses say in `authorise` which groups this person may listen to; the rest is done here.

    The socket is accepted before it is refused, because a refusal before that reaches the browser as
    a bare HTTP 403 without our close code. Authorisation is repeated while the socket is open, with the
    person read afresh, so that a role taken away or a log-out ends the stream within 30 seconds.

    Frames to the browser: `{"type": "ready"}` once listening has begun, `{"type": "changed", "what",
    "seq"}` for news, `{"type": "error", "message"}`, `{"type": "pong"}`. Decisions never come this way.
    """

    login_required = True

    async def authorise(self) -> list[str]:
        """The channel groups to listen to. An empty list, PermissionDenied or Http404 closes with 4403."""
        raise NotImplementedError

    async def received(self, content: dict[str, Any]) -> bool:
        """Handle a frame from the browser; False when its type is unknown."""
        return False

    # -- life of the socket -------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Channels subscribes before `connect`; with the broker down that would hang, then be an HTTP 500."""
        if await _broker_answers():
            await super().__call__(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": TRY_AGAIN})

    def _prepare(self) -> None:
        self._listening: set[str] = set()
        self._news: dict[str, dict[str, Any]] = {}
        self._has_news = asyncio.Event()
        self._bad_frames = 0
        self._window = (0, 0)
        self._report_next = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        self._prepare()
        await self.accept()
        if not await self._listen():
            return
        await self.send_json({"type": "ready"})
        await self._report_presence()
        self._tasks = [asyncio.create_task(self._tell()), asyncio.create_task(self._keep_authorised())]

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        for group in self._listening:
            try:
                await self.channel_layer.group_discard(group, self.channel_name)
            except Exception:  # The broker may be the very reason why the socket went away.
                logger.info("could not leave the group of a closed socket")

    async def live_changed(self, event: dict[str, Any]) -> None:
        """Note the news and return at once: a slow browser must not fill the queue behind us."""
        what = str(event.get("what", ""))
        if what not in self._news and len(self._news) >= MAX_TOPICS:
            what = "*"
        self._news[what] = {"type": "changed", "what": what, "seq": event.get("seq")}
        self._has_news.set()

    # -- frames from the browser --------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        if len(text_data or bytes_data or "") > MAX_FRAME_BYTES:
            return await self.close(code=TOO_BIG)
        if self._is_flooding():
            return await self.close(code=TOO_MANY)
        content = _parse(text_data)
        if content == {"type": "ping"}:
            await self.send_json({"type": "pong"})
            return await self._report_presence()
        if content is None or not await self.received(content):
            await self._refuse_frame()
        return None

    async def _report_presence(self) -> None:
        """The page is open, so its person is there: said once a minute, and never in the page's way."""
        if not self.login_required or not self._listening or time.monotonic() < self._report_next:
            return
        self._report_next = time.monotonic() + PRESENCE_SECONDS
        try:
            await database_sync_to_async(presence.report)(self.scope["user"])
        except Exception:
            logger.warning("nobody could be told that a person is there", exc_info=True)

    def _is_flooding(self) -> bool:
        second, count = self._window
        now = int(time.monotonic())
        self._window = (now, count + 1 if now == second else 1)
        return self._window[1] > MAX_FRAMES_PER_SECOND

    async def _refuse_frame(self) -> None:
        self._bad_frames += 1
        if self._bad_frames > MAX_BAD_FRAMES:
            return await self.close(code=TOO_MANY)
        await self.send_json({"type": "error", "message": "This socket does not understand that frame."})
        return None

    # -- who may listen -----------------------------------------------------------------------------

    async def _listen(self) -> bool:
        """Join what `authorise` allows now, leave the rest; False after closing the socket."""
        if self.login_required and not self.scope["user"].is_authenticated:
            await self.close(code=NOT_LOGGED_IN)
            return False
        try:
            allowed = set(await self.authorise())
        except (PermissionDenied, Http404):
            allowed = set()
        if not allowed:
            await self.close(code=NOT_ALLOWED)
            return False
        return await self._join_exactly(allowed)

    async def _join_exactly(self, allowed: set[str]) -> bool:
        try:
            for group in allowed - self._listening:
                await self.channel_layer.group_add(group, self.channel_name)
            for group in self._listening - allowed:
                await self.channel_layer.group_discard(group, self.channel_name)
        except Exception as error:  # The broker's client decides what it raises when the broker is down.
            logger.warning("a live page cannot listen: %r", error)
            await self.close(code=TRY_AGAIN)
            return False
        self._listening = allowed
        return True

    async def _keep_authorised(self) -> None:
        while True:
            # Spread out, so that a thousand sockets opened at once do not ask at once for ever.
            await asyncio.sleep(REAUTHORISE_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311
            self.scope["user"] = await _current_user(self.scope)
            if not await self._listen():
                return

    # -- news to the browser ------------------------------------------------------------------------

    async def _tell(self) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            news, self._news = self._news, {}
            try:
                for frame in news.values():
                    await asyncio.wait_for(self.send_json(frame), SEND_SECONDS)
            except TimeoutError:
                await self.channel_layer.send(self.channel_name, {"type": "live.stuck"})
                return
            await asyncio.sleep(COALESCE_SECONDS)

    async def live_stuck(self, event: dict[str, Any]) -> None:
        """The browser takes nothing any more, not even a close frame: let the server drop the connection."""
        await self.disconnect(TOO_MANY)
        raise StopConsumer


async def _broker_answers() -> bool:
    try:
        probe = get_channel_layer().group_send("live.probe", {"type": "live.probe"})
        await asyncio.wait_for(probe, BROKER_SECONDS)
    except Exception as error:  # The broker's client decides what it raises when the broker is down.
        logger.warning("a live page cannot listen: %r", error)
        return False
    return True


def _parse(text: str | None) -> dict[str, Any] | None:
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("type"), str) else None


@database_sync_to_async
def _current_user(scope: dict[str, Any]) -> Any:
    """The person behind the socket as the database knows him now: gone after log-out or deactivation."""
    if "session" not in scope:
        user = get_user_model().objects.filter(pk=scope["user"].pk, is_active=True).first()
        return user or AnonymousUser()
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(scope["session"].session_key)
    return get_user(request)
