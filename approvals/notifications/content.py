"""What a message says: reference, title, tier, end and link. No customer's text, no facts, no arguments."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.urls import reverse

from approvals.models import ApprovalRequest, Notice
from supportagent.tickets.text import clean_line

Kind = Notice.Kind

# What a mail program would make a link of. A title can hold an argument, and an argument was written by a model.
_LINKABLE = re.compile(r"\S*(?:[/\\@]|\.[^\W\d])\S*")
_WORDS = {
    Kind.PENDING: (
        "{} waits for a decision",
        "Nothing is carried out before it is decided. Without a decision nothing is executed.",
    ),
    Kind.EXPIRING: (
        "{} ends soon",
        "It still waits. Without a decision by then nothing is executed, and the customer is told so.",
    ),
    Kind.ESCALATED: (
        "{} still waits and was passed on",
        "Nobody decided in the agreed time, or it is above the limit of those who were asked first.",
    ),
    Kind.EXPIRED: (
        "{} ended without a decision",
        "The time is over and nothing was executed. There is nothing left to decide.",
    ),
}


@dataclass(frozen=True)
class Content:
    """The same for text and HTML."""

    headline: str
    title: str
    lines: list[tuple[str, str]]
    link: str
    closing: str


def content_of(notice: Notice) -> Content:
    """What this notice says to a person who may decide the request."""
    request = notice.request
    headline, closing = _WORDS[Kind(notice.kind)]
    title = safe_title(request)
    ends = "Ended" if notice.kind == Kind.EXPIRED else "Ends"
    return Content(
        headline=headline.format(request.reference),
        title=title,
        lines=[
            ("Request", request.reference),
            ("What", title),
            ("Tool", request.tool.qualified_name),
            ("Care", request.get_tier_display()),
            (ends, f"{request.expires_at.astimezone(UTC):%d %B %Y, %H:%M} UTC"),
        ],
        link=link_to(request),
        closing=closing,
    )


def safe_title(request: ApprovalRequest) -> str:
    """The title in one line, without hidden characters and without anything that a reader could click."""
    return _LINKABLE.sub("…", clean_line(request.title, limit=120))


def link_to(request: ApprovalRequest) -> str:
    """The request's page in the console, where the reader logs in."""
    return settings.PUBLIC_URL + reverse("approvals:request", args=[request.pk])


def timestamp(at: datetime) -> str:
    """`2026-01-31T10:20:30Z`"""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
