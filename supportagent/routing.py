"""Which application answers which connection: pages, MCP clients, the sockets of staff, the sockets of visitors."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import re_path

from agents.mcp import gateway

logger = logging.getLogger(__name__)

WIDGET_PREFIX = "/ws/widget/"
NO_SUCH_SOCKET = 4404
# Answered before Django, which would serve a client on a thread of its own for as long as a call takes.
MOUNTED = {gateway.PATH: gateway.gateway, gateway.METADATA_PATH: gateway.metadata}


async def no_such_socket(scope: Any, receive: Any, send: Any) -> None:
    """Answers an unknown path with a close code, where the router would raise and leave a trace."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": NO_SUCH_SOCKET})


def socket_routes(*modules: str) -> list[Any]:
    """The `websocket_urlpatterns` of the modules, and an answer for every other path."""
    routes = [route for name in modules for route in import_module(name).websocket_urlpatterns]
    return [*routes, re_path(r"", no_such_socket)]  # type: ignore[arg-type]


class Sockets:
    """Staff log in and come from our own hosts; visitors bring a token, and the widget knows its origins."""

    def __init__(self) -> None:
        self.staff = AllowedHostsOriginValidator(
            AuthMiddlewareStack(
                URLRouter(socket_routes("agents.routing", "approvals.routing", "supportagent.workspace.routing"))
            )
        )
        self.visitors = URLRouter(socket_routes("supportagent.widget.routing"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self.visitors if scope["path"].startswith(WIDGET_PREFIX) else self.staff
        # Outside a request all synchronous work of the process would share one thread: one per socket.
        async with ThreadSensitiveContext():
            await app(scope, receive, send)


class Pages:
    """Everything over HTTP that is not mounted by its path is Django's."""

    def __init__(self, django_application: Any) -> None:
        self.django = django_application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await MOUNTED.get(scope["path"], self.django)(scope, receive, send)


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Start and stop of the server. Django and Channels raise on this protocol, so it is answered here."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            logger.info("Ready to serve")
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return


def build_application(django_application: Any) -> ProtocolTypeRouter:
    return ProtocolTypeRouter({"http": Pages(django_application), "websocket": Sockets(), "lifespan": lifespan})
