"""Customers and supervisors as threads that only speak HTTP, and do again what got no answer."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.test import Client

from approvals.models import ApprovalRequest
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.store.models import Account
from supportagent.widget.keys import issue_key
from supportagent.widget.models import WidgetApp
from supportagent.widget.vault import unseal
from tests.faults.installation import Installation
from tests.store.shop import make_account, make_order
from tests.world import team

APP = "shop"
PATIENCE = 240  # seconds that somebody keeps trying to be heard


def open_shop() -> None:
    """The widget of the shop, so that customers can write."""
    app = WidgetApp.objects.create(app_id=APP, name="Shop", team=team("orders"), allowed_origins=["https://a.example"])
    issue_key(app=app, actor=Actor.system("test"))


def newcomers(count: int) -> list["Visitor"]:
    """Customers with one delivered order of EUR 84.00 each."""
    key = WidgetApp.objects.get(app_id=APP).keys.in_use().get()
    secret = unseal(key.sealed_secret)
    people = []
    for number in range(count):
        account = make_account(f"CUS-8{number:03}", f"Guest Number{number}")
        order = make_order(account, f"ORD-8{number:03}")
        people.append(Visitor(account, order.order_id, _statement(account, secret, key.kid)))
    return people


def _statement(account: Account, secret: str, kid: str) -> str:
    now = int(time.time())
    claims = {"sub": account.reference, "name": account.name, "aud": APP, "iat": now - 5, "exp": now + 1800}
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid})


@dataclass
class Visitor:
    """One customer in the chat. `accepted` are the messages that the console said it has."""

    account: Account
    order: str
    statement: str
    token: str = ""
    accepted: dict[str, str] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)

    def say(self, house: Installation, text: str) -> None:
        """Write until it is accepted, always under the same id."""
        identity = uuid4().hex
        if not self.token:
            body = self._insist(house, "session", {"app_id": APP, "user_jwt": self.statement})
            self.token = body["token"]
        self._insist(house, "messages", {"client_message_id": identity, "body": text})
        self.accepted[identity] = text

    def _insist(self, house: Installation, path: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"X-Widget-App": APP, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            status, answer = house.post(f"/widget/api/{path}", body, **headers)
            self.answers.append(status)
            if status in (200, 201):
                return dict(json.loads(answer))
            time.sleep(0.2)
        raise AssertionError(f"{path} was never accepted: {self.answers[-5:]}")


class Supervisor(threading.Thread):
    """Decides whatever waits, through the page's own forms: all is approved, or all but every so many requests."""

    def __init__(self, house: Installation, user: User, *, rejects_every: int = 0) -> None:
        super().__init__(daemon=True)
        self.house = house
        self.user = user
        self.rejects_every = rejects_every
        self.answers: list[int] = []
        self.failed: list[BaseException] = []
        self._done = threading.Event()
        client = Client()
        client.force_login(user)
        self._session = client.cookies[settings.SESSION_COOKIE_NAME].value

    def run(self) -> None:
        try:
            while not self._done.is_set():
                try:
                    self._look()
                except (OperationalError, InterfaceError):  # the faults hit the connection of this thread as well
                    connection.close()
                self._done.wait(0.1)
        except BaseException as error:
            self.failed.append(error)
        finally:
            connection.close()

    def _look(self) -> None:
        close_old_connections()
        for request in ApprovalRequest.objects.pending():
            self._decide(request)

    def go_home(self) -> None:
        self._done.set()
        self.join(30)
        assert not self.failed, self.failed

    def _decide(self, request: ApprovalRequest) -> None:
        rejects = self.rejects_every and request.pk % self.rejects_every == 0
        fields = {"digest": request.digest, "reason_code": "policy", "reason": "not this time"}
        path = f"/console/approvals/{request.pk}/{'reject' if rejects else 'approve'}/"
        csrf = "c" * 32
        headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={self._session}; csrftoken={csrf}",
            "X-CSRFToken": csrf,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self.answers.append(self.house.request(path, urlencode(fields).encode(), headers)[0])


def at_intervals(visits: list[Callable[[], None]], *, within: float) -> list[threading.Thread]:
    """Start the visits one after the other, spread over the time."""
    threads = []

    def start(visit: Callable[[], None], after: float) -> None:
        time.sleep(after)
        try:
            visit()
        finally:
            connection.close()

    for number, visit in enumerate(visits):
        thread = threading.Thread(target=start, args=(visit, number * within / len(visits)), daemon=True)
        thread.start()
        threads.append(thread)
    return threads
