"""The demo's web process: one server on two sockets, so that the shop is another origin than the console."""

from __future__ import annotations

import argparse
import socket
from typing import Any

import uvicorn
from uvicorn.importer import import_from_string

SHOP_PATHS = ("/demo/", "/static/", "/healthz", "/favicon.ico")
MAX_FRAME_BYTES = 128 * 1024  # above the consumers' own limit, so that they can answer with a close code


class TwoOrigins:
    """On the shop's port only the shop is to be found; the console stays on its own."""

    def __init__(self, application: Any, shop_port: int) -> None:
        self.application = application
        self.shop_port = shop_port

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        at_shop = scope["type"] == "http" and scope["server"][1] == self.shop_port
        if at_shop and scope["path"] == "/":
            await _answer(send, 302, [(b"location", b"/demo/")])
        elif at_shop and not scope["path"].startswith(SHOP_PATHS):
            await _answer(send, 404, [])
        else:
            await self.application(scope, receive, send)


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve on two listening sockets that the caller has opened.")
    parser.add_argument("console_fd", type=int)
    parser.add_argument("shop_fd", type=int)
    options = parser.parse_args()
    console, shop = socket.socket(fileno=options.console_fd), socket.socket(fileno=options.shop_fd)

    # By its name, as a web server does: the demo is below the composition root and must not import it.
    application = import_from_string("supportagent.asgi:application")
    config = uvicorn.Config(
        TwoOrigins(application, shop.getsockname()[1]),
        lifespan="on",
        log_config=None,  # Django has set the logs up
        access_log=False,
        ws_max_size=MAX_FRAME_BYTES,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[console, shop])


if __name__ == "__main__":
    main()
