"""How well the front desk sorts: recorded first messages with a label, and precision and recall per category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction

from supportagent.demo.play import Conversation, drive_until_idle
from supportagent.demo.rehearsal.casting import BY_THE_OFFLINE_MODEL, Casting
from supportagent.demo.rehearsal.stage import Stage, staged
from supportagent.rehearsal.scripts import Expected, OrderScript, Scenario
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Triage

UNSORTED = "unsorted"
# What the customer of every message has bought, so that there is something to look up.
_ORDERS = (OrderScript("DELIVERED"), OrderScript("PAID", status="paid", items=("KET-COVE",)))


@dataclass(frozen=True)
class Score:
    """One category: `right` of those that were given it, and of those that have it."""

    category: str
    labelled: int
    given: int
    right: int

    @property
    def precision(self) -> float | None:
        return self.right / self.given if self.given else None

    @property
    def recall(self) -> float | None:
        return self.right / self.labelled if self.labelled else None


@dataclass
class TriageReport:
    """What each labelled message was sorted as. A message may have several right labels; the first one is counted
    where none of them was given."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    confused: list[str] = field(default_factory=list)
    unsure: int = 0

    @property
    def n(self) -> int:
        return len(self.pairs)

    @property
    def right(self) -> int:
        return sum(label == given for label, given in self.pairs)

    def scores(self) -> Iterator[Score]:
        """By category, the most frequent label first."""
        labels = Counter(label for label, _ in self.pairs)
        given = Counter(given for _, given in self.pairs)
        right = Counter(label for label, given in self.pairs if label == given)
        for category in sorted({*labels, *given}, key=lambda name: (-labels[name], name)):
            yield Score(category, labels[category], given[category], right[category])


def measure(conversations: list[Conversation], casting: Casting = BY_THE_OFFLINE_MODEL) -> TriageReport:
    """Let the front desk sort the first message of every labelled conversation; nothing of it stays."""
    report = TriageReport()
    nobody = Expected(route=(), ticket="")
    scenario = Scenario(name="triage", title="", steps=(), expected=nobody, orders=_ORDERS)
    with staged(scenario, casting) as stage:
        for conversation in conversations:
            if conversation.categories:
                _enter(report, conversation, _sorted(stage, conversation))
    return report


def _sorted(stage: Stage, conversation: Conversation) -> Triage | None:
    """The triage of a thread of its own, undone before the next one."""
    point = transaction.savepoint()
    try:
        message, _ = tickets.receive_message(
            customer=stage.customer,
            body=conversation.turns[0],
            client_message_id=conversation.id,
            assurance=stage.assurance,
        )
        drive_until_idle(message.ticket)
        return Triage.objects.filter(ticket=message.ticket).order_by("pk").first()
    finally:
        transaction.savepoint_rollback(point)


def _enter(report: TriageReport, conversation: Conversation, triage: Triage | None) -> None:
    given = triage.category if triage is not None else UNSORTED
    label = given if given in conversation.categories else conversation.categories[0]
    report.pairs.append((label, given))
    report.unsure += triage is not None and not triage.is_sure
    if label != given:
        sure = f" ({triage.confidence} %)" if triage is not None else ""
        report.confused.append(f"{conversation.id}: {given}{sure}, not {' or '.join(conversation.categories)}")
