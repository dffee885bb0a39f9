"""What notices can be about. Each topic says to whom, in which words, and until when; the outbox knows none of them.

Approval requests are one topic. Apps above this one register theirs, and so tell of what this app knows nothing of.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import QuerySet

from approvals.models import Notice
from supportagent.staff.models import User


@dataclass(frozen=True)
class Content:
    """What a mail says, the same as text and as HTML. `because` says why the reader gets it."""

    headline: str
    title: str
    lines: list[tuple[str, str]]
    link: str
    closing: str
    because: str


class Topic(Protocol):
    """How to tell of one sort of things."""

    name: str

    def people(self, notice: Notice) -> QuerySet[User]:
        """Who has an e-mail address and is told."""

    def over(self, notice: Notice) -> str:
        """Why there is nothing left to tell, asked right before the sending; empty while there is."""

    def denied(self, notice: Notice, person: User) -> str:
        """Why this person is not to be told any more; empty when they are."""

    def content(self, notice: Notice) -> Content:
        """What a person is told."""

    def payload(self, notice: Notice) -> tuple[str, dict[str, Any]]:
        """What another system is told: the type of the message, and its data without anything of a customer."""

    def reference(self, notice: Notice) -> tuple[str, str]:
        """The name of what it is about and its address in the console; asks the database nothing."""

    def refs(self, notice: Notice) -> tuple[str, list[tuple[str, str]]]:
        """For the audit trail: the number of the ticket, if it is about one, and further records."""


_topics: dict[str, Topic] = {}


def register(topic: Topic) -> None:
    """Let notices be about this; the same name again replaces the earlier one."""
    _topics[topic.name] = topic


def topic_of(notice: Notice) -> Topic:
    """Raises KeyError for a topic that nobody registered."""
    return _topics[notice.topic]
