import json
import time
from typing import Any

import jwt
import pytest
from django.test import Client

from audit.context import Actor
from supportagent.staff.models import Team
from supportagent.throttle import Throttle
from supportagent.tickets import services, signals
from supportagent.widget import receivers, views
from supportagent.widget.keys import issue_key
from supportagent.widget.models import WidgetApp
from supportagent.widget.vault import unseal

SHOP = "https://shop.example"


@pytest.fixture(autouse=True)
def no_agent_answers(monkeypatch):
    """The widget by itself: nobody starts a run on what customers write."""
    monkeypatch.setattr(signals.message_received, "receivers", [])
    signals.message_received.connect(receivers.announce_conversation)


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch, tmp_path):
    """Every test counts from zero, and on its own: Valkey is not there."""
    throttle = Throttle(f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(views, "throttle", throttle)
    return throttle


@pytest.fixture
def app(db):
    team = Team.objects.create(name="Orders & returns", slug="orders")
    return make_app("shop", team)


@pytest.fixture
def other_app(app):
    return make_app("other", app.team)


@pytest.fixture
def browser(app):
    return Browser(app)


def make_app(app_id: str, team: Team) -> WidgetApp:
    app = WidgetApp.objects.create(app_id=app_id, name=app_id.title(), team=team, allowed_origins=[SHOP])
    issue_key(app=app, actor=Actor.system("test"))
    return app


def signed(app: WidgetApp, subject: Any = "CUS-1001", *, key: Any = None, **changes: Any) -> str:
    """A JWT as the shop's server makes it; `changes` replace claims, None removes one, `kid` goes to the header."""
    used = app.keys.in_use().first()
    now = int(time.time())
    claims = {"sub": subject, "aud": app.app_id, "iat": now, "exp": now + 600, **changes}
    kid = claims.pop("kid", used.kid)
    algorithm = claims.pop("alg", "HS256")
    claims = {name: value for name, value in claims.items() if value is not None}
    secret = None if algorithm == "none" else key or unseal(used.sealed_secret)
    # PyJWT refuses to sign a subject that is no string; the attacker's library does not.
    encoder = jwt.PyJWS()
    headers = {"kid": kid, "typ": "JWT"} if kid is not None else {"typ": "JWT"}
    return encoder.encode(json.dumps(claims).encode(), secret, algorithm=algorithm, headers=headers)


class Browser:
    """One visitor's frame: keeps the token and speaks to the endpoints as the frame does."""

    def __init__(self, app: WidgetApp) -> None:
        self.app = app
        self.client = Client(raise_request_exception=True)
        self.token = ""

    def open(self, user_jwt: str = "", *, token: str | None = None, **options: Any) -> Any:
        body = {"app_id": self.app.app_id}
        if user_jwt:
            body["user_jwt"] = user_jwt
        if token or (token is None and self.token):
            body["token"] = token or self.token
        answer = self.post("session", body, **options)
        if answer.status_code == 200:
            self.token = answer.json()["token"]
        return answer

    def say(self, text: str, *, client_id: str = "m1", **options: Any) -> Any:
        return self.post("messages", {"client_message_id": client_id, "body": text}, **options)

    def read(self, after: int = 0, conversation: str = "") -> Any:
        query = {"after": after, **({"conversation": conversation} if conversation else {})}
        return self.client.get("/widget/api/messages", query, headers=self.headers())

    def texts(self) -> list[str]:
        return [message.get("text") or message["html"] for message in self.read().json()["messages"]]

    def post(self, path: str, body: Any, **options: Any) -> Any:
        content = body if isinstance(body, (str, bytes)) else json.dumps(body)
        options.setdefault("content_type", "application/json")
        headers = {**self.headers(), **options.pop("headers", {})}
        return self.client.post(f"/widget/api/{path}", content, headers=headers, **options)

    def headers(self) -> dict[str, str]:
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"X-Widget-App": self.app.app_id, **token}


def reply(ticket: Any, body: str, **options: Any) -> Any:
    return services.post_reply(
        ticket=ticket, body=body, actor=Actor.system("test"), author_name="Shop assistant", **options
    )
