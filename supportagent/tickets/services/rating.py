"""What a customer thought of a thread that has ended, and who takes care of it when that was little."""

from datetime import timedelta

from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict, InvalidMessage, NotYours
from supportagent.tickets.models import Customer, Rating, SkippedRating, Ticket
from supportagent.tickets.services.base import announce, authorise, lock, refs_of, require_whole
from supportagent.tickets.text import clean_body, clean_line

COMMENT_LIMIT = 2_000  # characters
CARE_NOTE_LIMIT = 500  # characters
ASKED_FOR = timedelta(days=7)  # after the end: later nobody remembers how it was
CHANGED_FOR = timedelta(days=1)  # after it was given


def rate(*, ticket: Ticket, customer: Customer, score: int, comment: str = "") -> Rating:
    """Keep what the customer thought, 1 to 5. Within a day they may think better of it: then the newer one stands.

    A changed rating is nobody's care any more: whoever took care of it saw another one. Raises InvalidMessage,
    MessageTooLong, NotYours for somebody else's ticket, and Conflict for one that goes on, was merged, ended too long
    ago, or whose rating stands.
    """
    if type(score) is not int or not 1 <= score <= 5:
        raise InvalidMessage("A rating is a number from 1 to 5.")
    text = clean_body(comment, limit=COMMENT_LIMIT) if comment.strip() else ""
    with audit_log.transaction():
        locked = _lock_ended(ticket, customer)
        rating = Rating.objects.filter(ticket=locked).first()
        data = {"score": score, "comment": len(text)}
        if rating is None:
            rating = Rating.objects.create(ticket=locked, score=score, comment=text)
        elif (rating.score, rating.comment) == (score, text):
            return rating
        else:
            data["before"] = rating.score
            _change(rating, score, text)
        announce(locked, "rated", for_customer=True)
        _record("tickets.ticket.rated", locked, Actor.customer(customer.reference), **data)
    return rating


def skip_rating(*, ticket: Ticket, customer: Customer) -> None:
    """The customer does not want to say: they are not asked again. Twice is as once. Raises as `rate` does."""
    with audit_log.transaction():
        locked = _lock_ended(ticket, customer)
        _skipped, new = SkippedRating.objects.get_or_create(ticket=locked)
        if new:
            announce(locked, "rated", for_customer=True)
            _record("tickets.rating.skipped", locked, Actor.customer(customer.reference))


def is_wanted(ticket: Ticket) -> bool:
    """Whether the customer is to be asked: the thread has ended lately, and they neither said nor skipped it."""
    return (
        may_rate(ticket)
        and not Rating.objects.filter(ticket=ticket).exists()
        and not SkippedRating.objects.filter(ticket=ticket).exists()
    )


def may_rate(ticket: Ticket) -> bool:
    """Whether the thread has ended, by itself, and not too long ago."""
    ended = ticket.resolved_at
    over = ticket.is_over and ticket.merged_into_id is None and ticket.channel != Ticket.Channel.INTERNAL
    return over and ended is not None and ended > timezone.now() - ASKED_FOR


def may_change(rating: Rating) -> bool:
    return rating.created_at > timezone.now() - CHANGED_FOR


def take_care(*, rating: Rating, by: User, note: str, shown: int) -> Rating:
    """Say that one has taken care of a low rating, and how. `shown` is how often it had been changed as one saw it.

    Raises PermissionDenied, NotYours, InvalidMessage without a note, and Conflict(by) when a colleague was first, when
    the customer changed it meanwhile, or when it is not low.
    """
    text = clean_line(note, limit=CARE_NOTE_LIMIT)
    with audit_log.transaction():
        locked = lock(rating.ticket)  # as `rate` does, so that no change of the rating goes by unseen
        authorise(by, Permission.ADD_NOTE, locked)
        current = Rating.objects.select_related("cared_by").get(pk=rating.pk)
        if current.cared_by is not None:
            raise Conflict(f"{current.cared_by.display_name} has taken care of {locked.number}.", by=current.cared_by)
        if not current.is_low:
            raise Conflict(f"The rating of {locked.number} is not a low one.")
        if current.changes != shown:
            raise Conflict(f"The customer has changed the rating of {locked.number}. Look at what it says now.")
        if not text:
            raise InvalidMessage("Say in a few words what you did about it.")
        current.cared_by, current.cared_at, current.care_note = by, timezone.now(), text
        current.save(update_fields=["cared_by", "cared_at", "care_note"])
        announce(locked, "rated", for_customer=False)
        _record("tickets.rating.cared_for", locked, Actor.of(by), score=current.score)
    return current


def _lock_ended(ticket: Ticket, customer: Customer) -> Ticket:
    locked = lock(ticket)
    if locked.customer_id != customer.pk or locked.channel == Ticket.Channel.INTERNAL:
        raise NotYours("This conversation belongs to somebody else.")
    require_whole(locked)
    if not locked.is_over:
        raise Conflict("The conversation goes on. It can be rated once it has ended.")
    if not may_rate(locked):
        raise Conflict(f"A conversation can be rated for {ASKED_FOR.days} days after it has ended.")
    return locked


def _change(rating: Rating, score: int, text: str) -> None:
    if not may_change(rating):
        raise Conflict("A rating can be changed for a day after it was given.")
    rating.score, rating.comment = score, text
    rating.changes, rating.changed_at = rating.changes + 1, timezone.now()
    rating.cared_by, rating.cared_at, rating.care_note = None, None, ""
    rating.save()


def _record(action: str, ticket: Ticket, actor: Actor, **data: int) -> None:
    target = ("ticket", ticket.number)
    audit_log.record(action, target=target, actor=actor, ticket=ticket.number, data=data, refs=refs_of(ticket))
