"""Sorting a request: an agent's triage, and what a person says about it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import Team, User, may_see
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict, InvalidMessage
from supportagent.tickets.models import HandOver, Ticket, Triage, TriageLabel
from supportagent.tickets.services.base import (
    announce,
    authorise,
    lock,
    refs_of,
    require_holder,
    require_not_over,
    require_whole,
    save,
)
from supportagent.tickets.services.holding import give_back, hand_over
from supportagent.tickets.services.working import end_work, work_on
from supportagent.tickets.text import clean_body, clean_language, clean_line

REASON_LIMIT = Triage._meta.get_field("reason").max_length or 0
# What the customer reads when the agent is not sure.
A_PERSON_LOOKS = "I want to be sure that you reach the right people, so a colleague will read this and answer you here."


@dataclass(frozen=True)
class Sorted:
    """What a request is about and who should have it, each within its vocabulary."""

    category: str
    priority: str
    language: str
    sentiment: str
    team: Team

    @classmethod
    def checked(cls, *, category: str, priority: str, language: str, sentiment: str, team: Team) -> "Sorted":
        """Raises InvalidMessage, naming the field that is outside its vocabulary."""
        vocabularies = {
            "category": (category, Ticket.Category.values),
            "priority": (priority, Ticket.Priority.values),
            "sentiment": (sentiment, Ticket.Sentiment.values),
        }
        for name, (value, known) in vocabularies.items():
            if value not in known:
                raise InvalidMessage(f"The {name} must be one of {', '.join(known)}.")
        if not isinstance(team, Team) or team.pk is None:
            raise InvalidMessage("There is no such team.")
        return cls(category, priority, clean_language(language), sentiment, team)

    @classmethod
    def of(cls, ticket: Ticket) -> "Sorted":
        return cls(ticket.category, ticket.priority, ticket.language, ticket.sentiment, ticket.team)

    @property
    def columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def data(self) -> dict[str, str]:
        """As an audit entry holds it: no free text is among it."""
        return {**self.columns, "team": self.team.slug}


def triage(
    *,
    ticket: Ticket,
    category: str,
    priority: str,
    language: str,
    sentiment: str,
    team: Team,
    reason: str,
    confidence: int,
    threshold: int,
    actor: User,
    run_id: UUID | None = None,
) -> Triage:
    """Sort a request and move it to the team that it belongs to. Sorted again, it gets a second row.

    Below `threshold` a person sorts it: the ticket gets what was found and is handed over where it is.

    Raises PermissionDenied, InvalidMessage, and Conflict for a ticket that is over, merged or in a person's hands.
    """
    found = Sorted.checked(category=category, priority=priority, language=language, sentiment=sentiment, team=team)
    why = clean_line(clean_body(reason), limit=REASON_LIMIT)
    for name, value in (("confidence", confidence), ("threshold", threshold)):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
            raise InvalidMessage(f"The {name} must be a whole number from 0 to 100.")
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(actor, Permission.CATEGORISE_TICKET, locked)
        _require_open(locked)
        if actor.is_service and locked.assignee is not None:
            raise Conflict(f"{locked.assignee.display_name} holds {locked.number}.", by=locked.assignee)
        row = Triage.objects.create(
            ticket=locked,
            **found.columns,
            reason=why,
            confidence=confidence,
            threshold=threshold,
            author=actor,
            run_id=run_id,
        )
        before = Sorted.of(locked)
        _apply(locked, found if row.is_sure else Sorted(**{**found.columns, "team": before.team}))
        audit_log.record(
            "tickets.ticket.triaged",
            target=("triage", str(row.pk)),
            actor=Actor.of(actor),
            ticket=locked.number,
            run=str(run_id or ""),
            data={"before": before.data, "after": found.data, "confidence": confidence, "threshold": threshold},
            refs=[*refs_of(locked), ("team", locked.team.slug)],
        )
        if not row.is_sure:
            _ask_a_person(locked, row, actor)
    return row


def _ask_a_person(ticket: Ticket, row: Triage, actor: User) -> None:
    guess = {"category": row.get_category_display(), "team": row.team.name, "confidence": f"{row.confidence} %"}
    hand_over(
        ticket=ticket,
        reason_code=HandOver.Reason.UNSORTED,
        summary=f"The agent is not sure what this is about ({row.confidence} %): {row.reason}",
        facts={"guess": f"{guess['category']}, for {guess['team']}", "confidence": guess["confidence"]},
        question="What is it about, and who should have it?",
        next_step="Sort it and give it back to the agents, or answer it.",
        actor=actor,
        author_name=actor.display_name,
        customer_text=A_PERSON_LOOKS,
        run_id=row.run_id,
    )


def label_triage(
    *, triage: Triage, by: User, category: str, priority: str, language: str, sentiment: str, team: Team
) -> TriageLabel:
    """Keep how a person sorts the same request: the truth against which triage is measured. The last word counts.

    A label of the ticket's newest triage corrects the ticket too. Raises PermissionDenied, NotYours, InvalidMessage,
    and Conflict for a ticket that was merged, or whose holder would not see it any more.
    """
    truth = Sorted.checked(category=category, priority=priority, language=language, sentiment=sentiment, team=team)
    with audit_log.transaction():
        locked = _lock_to_label(triage, by)
        return _label(locked, triage, by, truth)


def sort_and_return(
    *,
    triage: Triage,
    by: User,
    category: str,
    priority: str,
    language: str,
    sentiment: str,
    team: Team,
    brief: str = "",
) -> TriageLabel:
    """Label a request that waits for a person and give it to the agents: the one that fits begins with the brief.

    Whoever may take the ticket over need not do so first. Raises what `label_triage` raises, and Conflict(by) for a
    ticket that a colleague holds, that is over, or that the agents have already.
    """
    truth = Sorted.checked(category=category, priority=priority, language=language, sentiment=sentiment, team=team)
    text = clean_body(brief) if brief.strip() else ""
    with audit_log.transaction():
        locked = _lock_to_label(triage, by)
        authorise(by, Permission.TAKE_OVER_TICKET, locked)
        _require_open(locked)
        if locked.assignee_id is not None:
            require_holder(locked, by)
        elif not locked.held_by_person:
            raise Conflict(f"{locked.number} is with the agents already.")
        work_on(locked, by)
        end_work(locked)
        locked.assignee = None  # before it moves: the holder need not see the team that has it next
        label = _label(locked, triage, by, truth)
        give_back(locked, by, text or _brief_of(label))
    return label


def _brief_of(label: TriageLabel) -> str:
    return (
        f"Sorted by {label.by.display_name}: {label.get_category_display()}, priority "
        f"{label.get_priority_display().lower()}, for {label.team.name}."
    )


def _lock_to_label(triage: Triage, by: User) -> Ticket:
    if by.is_service:
        raise ValueError("only a person says how a request should have been sorted")
    locked = lock(triage.ticket)
    authorise(by, Permission.CATEGORISE_TICKET, locked)
    require_whole(locked)
    return locked


def _label(ticket: Ticket, triage: Triage, by: User, truth: Sorted) -> TriageLabel:
    """The second half of both verbs, on the locked ticket, which puts two labels at once in order."""
    label, _new = TriageLabel.objects.update_or_create(triage=triage, defaults={**truth.columns, "by": by})
    newest = ticket.triages.values_list("pk", flat=True).first()
    if newest == triage.pk:
        _apply(ticket, truth)
    audit_log.record(
        "tickets.triage.labelled",
        target=("triage_label", str(label.pk)),
        actor=Actor.of(by),
        ticket=ticket.number,
        data={"triage": str(triage.pk), "said": _said(triage).data, "truth": truth.data},
        refs=[*refs_of(ticket), ("triage", str(triage.pk)), ("team", truth.team.slug)],
    )
    return label


def _said(triage: Triage) -> Sorted:
    return Sorted(triage.category, triage.priority, triage.language, triage.sentiment, triage.team)


def _require_open(ticket: Ticket) -> None:
    require_whole(ticket)
    require_not_over(ticket)


def _apply(ticket: Ticket, found: Sorted) -> None:
    """Set it on the locked ticket, and tell the pages of the team that it leaves as well."""
    left = ticket.team_id
    holder = ticket.assignee if not ticket.is_over else None
    if holder is not None and found.team.pk != left and not may_see(holder, found.team.pk):
        # A ticket in the hands of somebody who cannot open it would be nobody's.
        raise Conflict(f"{holder.display_name} holds {ticket.number} and does not see {found.team.name}.", by=holder)
    for name, value in found.columns.items():
        setattr(ticket, name, value)
    save(ticket)
    announce(ticket, "categorised", for_customer=False, left=left)
