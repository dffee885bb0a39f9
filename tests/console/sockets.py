import json
from typing import Any
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """A browser's end of a WebSocket, spoken to the ASGI application directly.

    `channels.testing` offers the same but imports daphne, which this project does not install.
    """

    def __init__(self, application: Any, path: str, *, user: Any, **scope: Any) -> None:
        parts = urlsplit(path)
        super().__init__(
            application,
            {
                "type": "websocket",
                "path": parts.path,
                "query_string": parts.query.encode(),
                "headers": [],
                "subprotocols": [],
                "user": user,
                **scope,
            },
        )

    async def open(self, timeout: float = 5) -> None:
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(timeout))["type"] == "websocket.accept"

    async def say(self, text: str | None = None, data: bytes | None = None) -> None:
        await self.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def say_json(self, frame: Any) -> None:
        await self.say(json.dumps(frame))

    async def hear(self, timeout: float = 2) -> Any:
        """The next frame; fails when the socket is closed instead."""
        output = await self.receive_output(timeout)
        assert output["type"] == "websocket.send", output
        return json.loads(output["text"])

    async def close_code(self, timeout: float = 2) -> int:
        """The code the socket is closed with, after whatever frames come before it."""
        while True:
            output = await self.receive_output(timeout)
            if output["type"] == "websocket.close":
                return output["code"]

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1005})
        await self.wait(2)
