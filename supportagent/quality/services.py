"""Saying whether something that agents did was right."""

from django.core.exceptions import PermissionDenied
from django.db.models import F

from audit import log as audit_log
from audit.context import Actor
from supportagent.quality import queue
from supportagent.quality.errors import AlreadyLabelled, InvalidLabel, NotForYou
from supportagent.quality.models import Label, SampledItem
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.text import storable

WORDS_LIMIT = 1_000  # characters

Reason = Label.Reason


def label(*, item: SampledItem, by: User, verdict: str, reason: str = "", words: str = "") -> Label:
    """Keep what a person says of an item; it is final. `verdict` is "right" or "wrong", the latter with a reason.

    Raises PermissionDenied (agents never label, whatever their role), NotForYou, AlreadyLabelled, InvalidLabel.
    """
    if by.is_service:
        raise PermissionDenied("Only people judge what agents did.")
    require(by, Permission.ADD_LABEL)
    right, reason, words = _checked(verdict, reason, words)
    with audit_log.transaction():
        # Race: two clicks of one person. The item's lock puts them in order, so the second finds the first.
        SampledItem.objects.select_for_update(no_key=True).get(pk=item.pk)
        if not queue.open_to(by).filter(pk=item.pk).exists():
            raise NotForYou("This is not yours to judge.")
        if Label.objects.filter(item=item.pk, by=by).exists():
            raise AlreadyLabelled("You have judged this one already, and what you said stands.")
        given = Label.objects.create(item=item, by=by, right=right, reason=reason, words=words)
        SampledItem.objects.filter(pk=item.pk).update(given=F("given") + 1)
        audit_log.record(
            "quality.item.labelled",
            target=("label", str(given.pk)),
            actor=Actor.of(by),
            ticket=item.run.ticket.number,
            run=str(item.run_id),
            data={"item": item.pk, "right": right, "reason": reason},
            refs=[("tool_call", str(item.call_id))] if item.call_id else (),
        )
    return given


def _checked(verdict: str, reason: str, words: str) -> tuple[bool, str, str]:
    """Raises InvalidLabel, naming the field that is missing or outside its list."""
    words = storable(words).strip()
    if verdict not in ("right", "wrong"):
        raise InvalidLabel("Say whether it was right or wrong.", field="verdict")
    if len(words) > WORDS_LIMIT:
        raise InvalidLabel(f"At most {WORDS_LIMIT} characters; these are {len(words)}.", field="words")
    if verdict == "right":
        return True, "", words
    if reason not in Reason.values:
        raise InvalidLabel("Choose what was wrong.", field="reason")
    if reason == Reason.OTHER and not words:
        raise InvalidLabel("Say in your own words what was wrong.", field="words")
    return False, reason, words
