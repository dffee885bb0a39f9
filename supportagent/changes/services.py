"""Propose, put in force, decline, withdraw: a change of the rules on its way from one admin to another.

Every verb changes the state by a conditional UPDATE and audits in the same transaction. The race it closes: two
admins deciding at once, or one deciding while the rows move under the change.
"""

import contextlib
from collections.abc import Iterator

from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from django.http import Http404

from audit import log as audit_log
from audit.context import Actor
from supportagent.changes import forms
from supportagent.changes.access import may_decide
from supportagent.changes.difference import Difference, Row
from supportagent.changes.errors import (
    AlreadyDecided,
    ChangedSinceShown,
    ChangeError,
    NotAllowed,
    Stale,
    already_decided,
)
from supportagent.changes.kinds import canonical, digest, kind_of
from supportagent.changes.models import ProposedChange, Turn
from supportagent.staff.models import User

State = ProposedChange.State
THE_ROW = 1
MOVED = "What it was made on has changed meanwhile, so it is not put in force. Propose it again."
DIFFERS = "The form would now do something else than what was shown, so it is not put in force. Propose it again."


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """A transaction in which nobody else changes the rules through the admin.

    Race: a form is read from the rows, another one changes them, and the first writes back what it read. The row is
    the first lock that is taken, and only the admin takes it.
    """
    with audit_log.transaction():
        while not Turn.objects.select_for_update().filter(pk=THE_ROW).values_list("pk", flat=True)[:1]:
            Turn.objects.bulk_create([Turn(pk=THE_ROW)], ignore_conflicts=True)
        yield


def propose(
    *, path: str, form: str, difference: Difference, loosens: list[str], reason: str, by: User
) -> ProposedChange:
    """Keep a change that loosens the rules until a second admin decides. The same proposal is not kept twice."""
    if not reason:
        raise ChangeError("Say why: a second admin decides on it.")
    with audit_log.transaction():
        text = difference.text
        bound = digest([1, path, form, text, reason, by.pk])
        waiting = ProposedChange.objects.filter(state=State.PROPOSED, digest=bound).first()
        if waiting is not None:
            return waiting
        main = _main_row(difference)
        change = ProposedChange.objects.create(
            title=f"{main.kind.capitalize()} “{main.name}”"[:200],
            model=main.model,
            object_id="new" if main.before is None else main.id,
            loosens=loosens,
            path=path,
            form=form,
            rows=text,
            base=difference.base,
            digest=bound,
            reason=reason,
            proposed_by=by,
        )
        _record("changes.change.proposed", change, by)
        return change


def put_in_force(*, change: ProposedChange, by: User, shown_digest: str, reason: str = "") -> ProposedChange:
    """Do exactly what was shown, once, as the decision of a second admin.

    Raises NotAllowed (403), AlreadyDecided, ChangedSinceShown or Stale (409).
    """
    try:
        with in_turn():
            change = _decide(change, by, shown_digest, State.IN_FORCE, reason)
            done = _do(change)
            _record("changes.change.put_in_force", change, by, refs=_touched(done))
            return change
    except Stale:
        _note_stale(change, by)
        raise


def decline(*, change: ProposedChange, by: User, shown_digest: str, reason: str) -> ProposedChange:
    """Say no, with a reason that the proposer reads. Raises what `put_in_force` raises, and ChangeError (422)."""
    with audit_log.transaction():
        change = _decide(change, by, shown_digest, State.DECLINED, reason)
        if not reason.strip():
            raise ChangeError("Say why you decline: whoever proposed it reads this.")
        _record("changes.change.declined", change, by)
        return change


def withdraw(*, change: ProposedChange, by: User) -> ProposedChange:
    """Take one's own proposal back. Raises NotAllowed, AlreadyDecided."""
    if by.pk != change.proposed_by_id:
        raise NotAllowed("Only who proposed a change takes it back; you may decline it.")
    with audit_log.transaction():
        change = _decide(change, by, change.digest, State.WITHDRAWN, "", own=True)
        _record("changes.change.withdrawn", change, by)
        return change


def moved_since(change: ProposedChange) -> list[Row]:
    """What the rows of an open proposal have become since: from what they were to what they are. Empty: nothing."""
    rows = []
    for row in Difference.parse(change.rows).rows:
        now = None if row.id.startswith("new") else kind_of(row.model).read(row.id)
        if canonical(now) != canonical(row.before):
            rows.append(Row(row.model, row.id, row.name, row.before, now))
    return rows


def try_out(change: ProposedChange) -> None:
    """Do what an open proposal would do, decided by nobody, in a transaction that the caller undoes. Raises Stale."""
    _do(change)


def _decide(
    change: ProposedChange, by: User, shown_digest: str, state: str, reason: str, *, own: bool = False
) -> ProposedChange:
    if not own and not (right := may_decide(by, change)):
        raise NotAllowed(f"You may not decide this: {right.because}.")
    open_ones = ProposedChange.objects.filter(pk=change.pk, state=State.PROPOSED)
    moved = open_ones.filter(digest=shown_digest).update(
        state=state, decided_by=by, decided_at=Now(), decision_reason=reason.strip()[:300]
    )
    change = ProposedChange.objects.select_related("decided_by", "proposed_by").get(pk=change.pk)
    if moved == 1:
        return change
    if change.state != State.PROPOSED:
        raise already_decided(change)
    raise ChangedSinceShown(f"{change.reference} is not what this page showed; look at it again.")


def _do(change: ProposedChange) -> Difference:
    """Let the form do its work and compare. Raises Stale, and the transaction takes everything back."""
    if moved_since(change):
        raise Stale(MOVED)
    try:
        done = forms.try_again(change)
    except (PermissionDenied, Http404) as refusal:
        who = change.proposed_by.display_name
        raise Stale(f"The form of {who} is refused now: {refusal or 'the page is not there any more'}") from refusal
    if done.text != change.rows:
        raise Stale(DIFFERS)
    return done


def _note_stale(change: ProposedChange, by: User) -> None:
    with audit_log.transaction():
        moved = canonical([vars(row) for row in moved_since(change)])
        gone = ProposedChange.objects.filter(pk=change.pk, state=State.PROPOSED).update(
            state=State.STALE, decided_by=by, decided_at=Now(), moved=moved
        )
        if gone:
            _record("changes.change.went_stale", change, by)


def _main_row(difference: Difference) -> Row:
    """The row that the change is named after: the first that loosens something."""
    return next((row for row in difference.rows if row.loosens()), difference.rows[0])


def _touched(difference: Difference) -> list[tuple[str, str]]:
    return [(row.model, row.id) for row in difference.changed() if not row.id.startswith("new")]


def _record(action: str, change: ProposedChange, by: User, *, refs: list[tuple[str, str]] | None = None) -> None:
    audit_log.record(
        action,
        target=("change", str(change.pk)),
        actor=Actor.of(by),
        data={"digest": change.digest, "base": change.base, "proposed_by": change.proposed_by_id},
        refs=[("user", str(change.proposed_by_id)), *(refs or _touched(Difference.parse(change.rows)))],
    )


__all__ = ["AlreadyDecided", "decline", "in_turn", "moved_since", "propose", "put_in_force", "try_out", "withdraw"]
