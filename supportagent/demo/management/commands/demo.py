"""`manage.py demo`: the whole product on this machine, in one terminal."""

from __future__ import annotations

import os
import socket
import sys
import time
from argparse import ArgumentParser
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from audit import log as audit_log
from supportagent.demo.logins import LOGINS, PASSWORD
from supportagent.demo.processes import Program, Supervisor
from supportagent.demo.shop import ensure_demo_widget_app
from supportagent.demo.valkey import answers, data_folder, valkey_program

VALKEY_START_SECONDS = 20.0


class Command(BaseCommand):
    help = "Start everything (database, broker, web, worker, scheduler) with sample data, or play the story."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", default=os.environ.get("PORT") or "8000", help="console's port; the shop gets the next"
        )
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
        parser.add_argument(
            "--without-history", action="store_true", help="without the four weeks of sample work behind the figures"
        )
        parser.add_argument("--scripted", action="store_true", help="play the refund story without a person, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("SUPPORTAGENT_ENV=production refuses the demo.")
        if options["scripted"]:
            from supportagent.demo.scripted import play

            raise SystemExit(play(self.stdout))
        port = port_number(options["port"])
        with data_folder(settings.DATA_DIR) as lock:
            console, shop = (listen(options["host"], number) for number in (port, port + 1))
            supervisor = Supervisor(out=sys.stdout)
            self.history = not options["without_history"]
            with supervisor.stopped_by_signals():
                self.start(supervisor, options["host"], console, shop, lock)
                supervisor.run()
                self.stdout.write("\nStopping ...")
        self.stdout.write("Stopped. Nothing is left running; the data stays.")

    def start(self, supervisor: Supervisor, host: str, console: socket.socket, shop: socket.socket, lock: int) -> None:
        start_valkey(supervisor, lock)
        if supervisor.stopping:
            return
        with supervisor.interrupted_by_signals():
            call_command("migrate", verbosity=0, interactive=False)
            call_command("seed_demo", without_history=not self.history, stdout=self.stdout)
            name = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - a comparison
            urls = [f"http://{name}:{opened.getsockname()[1]}" for opened in (console, shop)]
            with audit_log.transaction():
                ensure_demo_widget_app(urls[1:])  # the shop's address depends on the port of this start
        connection.close()
        if supervisor.stopping:
            return
        supervisor.start(*programs(console, shop, *urls))
        supervisor.run(until=lambda: web_answers(console))
        if not supervisor.stopping:
            self.stdout.write(welcome(*urls))
            self.stdout.flush()


def port_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 65534:
        raise CommandError(f"PORT={text} is not a port number from 1 to 65534.")
    return int(text)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened here so that a taken port is found before anything starts."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
        opened.listen(512)
    except OSError as problem:
        raise CommandError(
            f"Port {port} cannot be used ({problem.strerror}). The demo needs two ports in a row: "
            "choose others, for example PORT=9000 make demo"
        ) from None
    return opened


def start_valkey(supervisor: Supervisor, lock: int) -> None:
    """Start the bundled server, unless an outside one is named; return when it answers."""
    if uses_bundled_valkey():
        supervisor.start(valkey_program(settings.VALKEY_SOCKET.parent, lock=lock))
    deadline = time.monotonic() + VALKEY_START_SECONDS
    while not supervisor.stopping and not answers(settings.VALKEY_URL):
        supervisor.tick()
        if time.monotonic() > deadline or not uses_bundled_valkey():
            where = settings.VALKEY_SOCKET.with_suffix(".log") if uses_bundled_valkey() else "VALKEY_URL"
            raise CommandError(f"Valkey does not answer: see {where}")


def uses_bundled_valkey() -> bool:
    return not any(os.environ.get(name) for name in ("VALKEY_URL", "VALKEY_URL_FILE", "REDIS_URL", "REDIS_URL_FILE"))


def programs(console: socket.socket, shop: socket.socket, console_url: str, shop_url: str) -> list[Program]:
    environment = {"SUPPORTAGENT_PUBLIC_URL": console_url, "SUPPORTAGENT_SHOP_URL": shop_url}
    fds = (console.fileno(), shop.fileno())
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    return [
        Program("web", [sys.executable, "-m", "supportagent.demo.web", *map(str, fds)], environment, fds),
        Program("worker", [*manage, "run_worker", "--grace", "3"], environment),
        Program("scheduler", [*manage, "run_scheduler"], environment),
    ]


def web_answers(console: socket.socket) -> bool:
    """Whether the web process serves; the port itself is open since before it started."""
    host, port = console.getsockname()
    client = HTTPConnection(host, port, timeout=0.3)
    try:
        client.request("GET", "/healthz")
        return client.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        client.close()


def welcome(console: str, shop: str) -> str:
    model = "a demo model (offline)" if settings.DEFAULT_MODEL_PROVIDER == "offline" else settings.DEFAULT_MODEL
    rows = [
        f"Shop with the chat widget   {shop}/demo/",
        f"Console of the supervisors  {console}/console/",
        f"Admin                       {console}/admin/",
        "",
        f"Log-ins, each with the password {PASSWORD!r}:",
        *(f"  {login.username:<11} {login.role:<13} {login.shows}" for login in LOGINS),
        "",
        f"The agent is driven by {model}.",
        "Ctrl-C stops everything; the data stays.",
    ]
    width = max(map(len, rows))
    edge = "+" + "-" * (width + 2) + "+"
    return "\n".join(["", edge, *(f"| {row:<{width}} |" for row in rows), edge, ""])
