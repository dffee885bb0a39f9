"""An installation with `/mcp` on a port of its own: the web process in a thread, and a worker in another."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from django.core.asgi import get_asgi_application
from django.db import connections
from django.utils.module_loading import import_string

from agents import services
from agents.loop.runner import AgentRunner
from agents.models import Run


@contextmanager
def web() -> Iterator[str]:
    """The site as the web process serves it, without lifespan, as some servers do; its address."""
    application = import_string("supportagent.routing.build_application")(get_asgi_application())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


class Worker:
    """Does what is queued, as worker processes do, until it is told to stop."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.failures: list[Exception] = []

    def __enter__(self) -> "Worker":
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stopped.set()
        self.thread.join(30)
        assert self.failures == []

    def _work(self) -> None:
        try:
            while not self.stopped.wait(0.02):
                services.wake_effective()
                for pk in list(Run.objects.filter(state=Run.State.QUEUED, agent=None).values_list("pk", flat=True)):
                    AgentRunner(pk).advance()
        except Exception as error:
            self.failures.append(error)
        finally:
            connections.close_all()
