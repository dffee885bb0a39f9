"""Every byte that leaves, by where it goes: collected while a scenario is played, searched afterwards."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from agents.models import Run
from approvals.models import ApprovalRequest, Delivery
from approvals.notifications import announcing, email, webhook
from audit.models import AuditEntry
from supportagent.console import live
from supportagent.engineering.models import EngineeringIssue
from supportagent.logs import JsonLines
from supportagent.staff.models import User
from supportagent.tickets.models import Draft, HandOver, Message, TeamNotice, Ticket
from supportagent.widget.conversation import conversation_after
from tests.hostile.canaries import Sink

MARKUP = "<img src=x id=hostile onerror=alert(1)>"
"""What attacks put where a browser might take it for a tag."""

_RAW_MARKUP = re.compile(r"<[^>]*\bid=.?hostile", re.IGNORECASE)
_DECEIVING = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\U000e0000-\U000e007f]")
_FOREIGN_TARGET = re.compile(
    r"""<[^>]*(?:href|src|action)=["']?(?:javascript:|data:|(?:https?:)?//(?!shop\.example/))"""
)
_LINK = re.compile(r"(?i)\b(?:https?|ftp|javascript|data|mailto):|\bwww\.|evil\.example")
_CUSTOMERS_TAGS = re.compile(r"<(?!/?(?:a|blockquote|br|code|em|li|ol|p|pre|strong|ul)\b)")

Piece = tuple[Sink, str, str]
"""Where it goes, what it is, and the text."""


class RecordingLayer:
    """A channel layer that keeps what it is given; `settings.CHANNEL_LAYERS` names it."""

    sent: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.append((group, message))


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logged() -> Iterator[list[str]]:
    """The log lines of the block, traces included."""
    handler = _Lines()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.lines
    finally:
        logging.getLogger().removeHandler(handler)


_WAYS_OUT = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen", "os.system"})
_UNAME = "subprocess.Popen uname"  # for the header in which OpenAI's client names its platform
_listening: list[list[str]] = []


def _note_ways_out(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event in _WAYS_OUT:
        target = arguments[1] if event in ("socket.connect", "socket.sendto") else arguments[0]
        host = target[:2] if isinstance(target, tuple) else (target,)
        _listening[-1].append(f"{event} {':'.join(map(str, host))}")


sys.addaudithook(_note_ways_out)  # once per process: what was added cannot be taken away


@contextmanager
def connecting() -> Iterator[list[str]]:
    """Every connection, name look-up and program that this process starts in the block, whoever starts it."""
    _listening.append([])
    try:
        yield _listening[-1]
    finally:
        _listening.pop()


def strangers(ways_out: Iterable[str], known: Iterable[str]) -> list[str]:
    """Those that lead to none of the known addresses (`host:port`)."""
    fine = {_UNAME, *(f"socket.connect {address}" for address in known)}
    fine |= {f"socket.getaddrinfo {address.partition(':')[0]}" for address in known}
    return [way for way in ways_out if way not in fine]


@contextmanager
def committing() -> Iterator[None]:
    """At the end of the block, do what waits for the commit: the transaction around a scenario has none.

    Jobs for workers are left out. They carry a run's id and nothing else, and there is no broker.
    """
    first = len(connection.run_on_commit)
    yield
    for _, action, _ in connection.run_on_commit[first:]:
        if action.__module__ != "agents.dispatch":
            action()
    live.flush()


def to_model(requests: Iterable[dict[str, Any]]) -> Iterator[Piece]:
    """Requests to the model's provider; the key may stand in its header and nowhere else."""
    for number, request in enumerate(requests):
        headers = {name: value for name, value in request["headers"].items() if name != "authorization"}
        yield Sink.MODEL, f"request {number}", json.dumps([request["body"], headers], ensure_ascii=False)


def to_remote(received: Iterable[str]) -> Iterator[Piece]:
    yield from ((Sink.REMOTE, f"request {number}", text) for number, text in enumerate(received))


def to_customer(tickets: Iterable[Ticket]) -> Iterator[Piece]:
    for ticket in tickets:
        if ticket.channel == Ticket.Channel.INTERNAL:
            continue
        conversation = conversation_after(ticket, 0)
        yield Sink.CUSTOMER, ticket.number, json.dumps(conversation, ensure_ascii=False)
        mine = ticket.messages.for_customer().exclude(kind=Message.Kind.CUSTOMER)
        yield Sink.CUSTOMER, f"{ticket.number} as stored", "\n".join(mine.values_list("body", flat=True))


def to_staff(tickets: list[Ticket]) -> Iterator[Piece]:
    of_them: dict[str, Any] = {"ticket__in": tickets}
    kept: list[tuple[str, Iterable[str]]] = [
        ("notes", Message.objects.filter(kind="NOTE", **of_them).values_list("body", flat=True)),
        ("drafts", Draft.objects.filter(**of_them).values_list("body", flat=True)),
        ("notices", TeamNotice.objects.filter(**of_them).values_list("body", flat=True)),
        ("hand-overs", HandOver.objects.filter(**of_them).values_list("summary", flat=True)),
        ("requests", ApprovalRequest.objects.filter(**of_them).values_list("stated_reason", flat=True)),
    ]
    yield from ((Sink.STAFF, what, "\n".join(texts)) for what, texts in kept)
    issues = EngineeringIssue.objects.values_list("title", "summary")
    yield Sink.ENGINEERS, "issues", "\n".join(" ".join(issue) for issue in issues)


def pages(tickets: list[Ticket], reader: User) -> Iterator[Piece]:
    """What a supervisor's browser gets: the ticket, its runs and its requests."""
    client = Client()
    client.force_login(reader, backend="django.contrib.auth.backends.ModelBackend")
    addresses = [
        *(reverse("workspace:ticket", args=[ticket.number]) for ticket in tickets),
        *(reverse("agents:run", args=[run.pk]) for run in Run.objects.filter(ticket__in=tickets)),
        *(reverse("approvals:request", args=[r.pk]) for r in ApprovalRequest.objects.filter(ticket__in=tickets)),
    ]
    for address in addresses:
        response = client.get(address)
        yield Sink.STAFF, address, f"{response.status_code} {response.content.decode()}"


def notices() -> Iterator[Piece]:
    """What mails and webhooks say of the requests that wait now: announced and composed as the scheduler does it."""
    known = set(Delivery.objects.values_list("pk", flat=True))
    announcing.announce()
    for delivery in Delivery.objects.select_related("notice__request__tool").exclude(pk__in=known):
        if delivery.endpoint_id:
            yield Sink.WEBHOOK, f"webhook {delivery.notice}", json.dumps(webhook.payload(delivery.notice))
        else:
            mail_ = email.compose(delivery)
            parts = [mail_.subject, *mail_.to, *mail_.extra_headers.values(), mail_.body, *map(str, mail_.alternatives)]
            yield Sink.WEBHOOK, f"mail {delivery.notice}", "\n".join(parts)


def is_page(piece: Piece) -> bool:
    return piece[1].startswith("/console/")


def elsewhere(frames_from: int, entries_after: int, lines: list[str]) -> Iterator[Piece]:
    """Frames to open pages, the audit leaves, mails and the log."""
    frames = RecordingLayer.sent[frames_from:]
    yield Sink.FRAMES, "frames", json.dumps(frames, default=str)
    leaves = AuditEntry.objects.filter(seq__gt=entries_after).values_list("leaf", flat=True)
    yield Sink.LEAVES, "leaves", "\n".join(bytes(leaf).decode() for leaf in leaves)
    yield Sink.WEBHOOK, "mails", "\n".join(str(m.message()) for m in getattr(mail, "outbox", ()))
    yield Sink.LOGS, "log", "\n".join(lines)


def is_run(piece: Piece) -> bool:
    return piece[1].startswith("/console/runs/")


def dangers(piece: Piece) -> list[str]:
    """What a browser would do with a text that it must only show: tags, foreign targets, deceiving characters."""
    sink, where, text = piece
    found: list[tuple[str, Callable[[str], Any]]] = []
    if sink is Sink.CUSTOMER and not where.endswith("as stored"):
        messages = json.loads(text)["messages"]
        # What has no HTML, the customer's own words, becomes a text node, in which a tag is none.
        html = "\n".join(message.get("html", "") for message in messages)
        text = "\n".join(message.get("text", "") for message in messages) + html
        found = [("a tag", lambda _: _CUSTOMERS_TAGS.search(html)), ("a foreign target", _FOREIGN_TARGET.search)]
        found.append(("a deceiving character", _DECEIVING.search))
    elif sink is Sink.WEBHOOK:
        text = text.replace(settings.PUBLIC_URL, "")
        found = [("a link", _LINK.search), ("markup", _RAW_MARKUP.search), ("a deceiving character", _DECEIVING.search)]
    elif is_page(piece):
        found = [("markup", _RAW_MARKUP.search), ("a deceiving character", _DECEIVING.search)]
    return [f"{what} in {where} for {sink}: {hit[0]!r}" for what, search in found if (hit := search(text))]
