"""What a message about a request says: reference, title, tier, end, link. No customer text, no facts or arguments."""

import re
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from approvals.models import ApprovalRequest, Notice
from approvals.notifications.topics import Content
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


def content_of(notice: Notice) -> Content:
    """What this notice says to a person who may decide the request."""
    request = notice.its_request
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
        because="you may decide this request",
    )


def data_of(request: ApprovalRequest) -> dict[str, Any]:
    """What another system is told: enough to find the request, nothing of the customer."""
    return {
        "reference": request.reference,
        "state": request.state,
        "tier": request.tier,
        "tool": request.tool.qualified_name,
        "title": safe_title(request),
        "expires_at": timestamp(request.expires_at),
        "link": link_to(request),
    }


def safe_title(request: ApprovalRequest) -> str:
    """The title in one line, without hidden characters and without anything that a reader could click."""
    return _LINKABLE.sub("…", clean_line(request.title, limit=120))


def link_to(request: ApprovalRequest) -> str:
    """The request's page in the console, where the reader logs in."""
    return settings.PUBLIC_URL + path_to(request)


def path_to(request: ApprovalRequest) -> str:
    """Its address within the console."""
    return reverse("approvals:request", args=[request.pk])


def timestamp(at: datetime) -> str:
    """`2026-01-31T10:20:30Z`"""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
