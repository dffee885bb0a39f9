"""A domain's MCP server as a process of its own, over stdio or HTTP. It enforces the signed grant as in process.

It has no users and no tokens: whoever reaches it reads what its tools are, and nothing can be called without a grant
that our own gate signed. Its HTTP is for this machine or a private network.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings

from supportagent.grants.server import DomainServer

MAX_BYTES = 256 * 1024


class ServeCommand(BaseCommand):
    """Serves `domain`: over stdio, or with --http over HTTP, until the client or a SIGTERM ends it."""

    domain: DomainServer
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--http", metavar="HOST:PORT", help="Serve over HTTP at /mcp instead of stdio.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["http"]:
            host, port = _address(options["http"])
            _serve_http(self.domain.as_mcp(), host, port)
        else:
            _log_to_stderr()
            asyncio.run(_serve_stdio(self.domain.as_mcp()))


async def _serve_stdio(server: Server[Any]) -> None:
    """Until the end of stdin, or SIGTERM: then a call in flight still ends in its thread, and its receipt tells how."""
    async with anyio.create_task_group() as group:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, group.cancel_scope.cancel)
        lines = cast("anyio.AsyncFile[str]", await _Lines.of_stdin())  # all that is asked of a file is its lines
        async with stdio_server(stdin=lines) as (read, write):
            await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()


class _Lines:
    """Standard input by lines, read without a thread: one that waits for a line could not be ended by a signal."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader

    @classmethod
    async def of_stdin(cls) -> "_Lines":
        reader = asyncio.StreamReader(limit=MAX_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader)

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            try:
                line = await self.reader.readline()
            except ValueError:  # longer than the limit: nobody knows where the next message begins
                return
            if not line:
                return
            yield line.decode(errors="replace")


def _serve_http(server: Server[Any], host: str, port: int) -> None:
    known = dict.fromkeys((host, "127.0.0.1", "localhost", *settings.ALLOWED_HOSTS))
    names = [f"{name}:{port}" for name in known]
    app = server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=MAX_BYTES,
        # Requests of web pages have an origin: none is allowed.
        transport_security=TransportSecuritySettings(allowed_hosts=names, allowed_origins=[]),
    )
    # uvicorn ends in order at a SIGTERM and then raises it again, for whoever had set a handler before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, lifespan="on")
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise CommandError("--http wants HOST:PORT, for example 127.0.0.1:9000")
    return host, int(port)


def _log_to_stderr() -> None:
    """Standard output carries the protocol and nothing else."""
    for logger in (logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)):
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
                handler.setStream(sys.stderr)
