"""What the customer wants now, with the conversation so far: follow-ups, answers to our questions, topic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import entities, patterns
from .patterns import Intent
from .phrases import LANGUAGES, is_said
from .transcript import Transcript
from .understanding import Reading, Wish, read

_NAMED = 2
_SHORT = 3
_ORDER_LINE = re.compile(r"^\d+\. (ORD-\d{4,8})", re.M)
_OFFER_REFUND = "Shall I ask for a refund"
ASK_EMAIL = "What should the new e-mail address be?"
ASK_PHONE = "What should the new phone number be?"
ASK_ADDRESS = "Please send me the full new address in one line: street and number, postcode and city, country."
ASK_BILLING = "Which name, address or VAT number should your invoices carry?"
ASK_CONTACT = "Which detail should change, and to what?"
ASK_PRODUCT = "What exactly would you like to know?"


@dataclass(frozen=True)
class Aim:
    """A wish with its history: `text` is what was said now, `background` what was said about it before;
    `confirmed` when the customer answered our own offer with yes."""

    intent: Intent
    text: str
    background: str = ""
    confirmed: bool = False


@dataclass(frozen=True)
class Moment:
    """The customer's latest words in context. `aims` is empty when there is nothing to do for them."""

    reading: Reading
    aims: tuple[Aim, ...]
    language: str
    category: str
    declined: bool
    listed: tuple[str, ...]
    last_orders: tuple[str, ...]


def understand(transcript: Transcript) -> Moment:
    """Read the unanswered messages against what was asked and wanted before."""
    reading = read("\n".join(transcript.new))
    topic = next(_topics(transcript), None)
    aims = _aims(reading, transcript.last_words, topic)
    listed = tuple(_ORDER_LINE.findall(transcript.last_words))
    category = reading.category if reading.wishes or topic is None else read(topic.text).category
    return Moment(
        reading=reading,
        aims=aims,
        language=_language(transcript, reading),
        category=category,
        declined=_declined(reading, transcript.last_words),
        listed=listed,
        last_orders=entities.order_ids(transcript.last_words),
    )


def _topics(transcript: Transcript) -> Iterator[Wish]:
    """Earlier wishes, the latest first; hints only where no message named a wish."""
    readings = [read(text) for text in reversed(transcript.earlier)]
    for floor in (_NAMED, 1):
        for reading in readings:
            for wish in reading.wishes:
                if wish.weight >= floor:
                    yield Wish(wish.intent, reading.text, wish.weight)


def _aims(reading: Reading, last_words: str, topic: Wish | None) -> tuple[Aim, ...]:
    offered = _offer(last_words)
    named = tuple(wish for wish in reading.wishes if wish.weight >= _NAMED)
    if offered is not None and reading.yes and not _declined(reading, last_words):
        rest = tuple(Aim(w.intent, w.text) for w in named if w.intent not in _SAME_AS.get(offered, (offered,)))
        return (Aim(offered, reading.text, last_words, confirmed=True), *rest)
    if _declined(reading, last_words):
        return tuple(Aim(w.intent, w.text) for w in named)
    if topic is not None and not named and _continues(reading, last_words):
        return (Aim(topic.intent, reading.text, topic.text),)
    background = topic.text if topic is not None else ""
    same = [topic.intent] if topic is not None else []
    return tuple(Aim(w.intent, w.text, background if w.intent in same else "") for w in reading.wishes)


_SAME_AS: dict[Intent, tuple[Intent, ...]] = {
    Intent.REFUND: (Intent.REFUND, Intent.RETURN),
    Intent.CANCEL: (Intent.CANCEL, Intent.REFUND),
    Intent.HUMAN: (Intent.HUMAN, Intent.COMPLAINT),
}


def _offer(last_words: str) -> Intent | None:
    """What our last words offered to do, if they asked."""
    if is_said("offer_cancel", last_words):
        return Intent.CANCEL
    if _OFFER_REFUND in last_words:
        return Intent.REFUND
    return Intent.HUMAN if is_said("offer_person", last_words) else None


def _declined(reading: Reading, last_words: str) -> bool:
    return reading.no and not patterns.GO_AHEAD.search(reading.text.lower()) and bool(last_words)


def _continues(reading: Reading, last_words: str) -> bool:
    """Whether a message without a named wish goes on about the earlier topic."""
    text = reading.text
    asked = is_said("which_order", last_words) or any(
        ask in last_words for ask in (ASK_EMAIL, ASK_PHONE, ASK_ADDRESS, ASK_BILLING, ASK_CONTACT, ASK_PRODUCT)
    )
    details = (
        entities.order_ids(text)
        or entities.foreign_order_id(text)
        or entities.EMAIL.search(text)
        or entities.ordinal(text) is not None
    )
    return bool(
        (asked and not reading.thanks)
        or details
        or (reading.yes and (not reading.thanks or patterns.GO_AHEAD.search(text.lower())))
        or reading.identity
        or reading.no_number
        or patterns.NEWS.search(text.lower())
    )


def _language(transcript: Transcript, reading: Reading) -> str:
    """The language to answer in: of these words, or of earlier ones when these are too few to tell."""
    readings = ([reading] if reading.text else []) + [read(text) for text in reversed(transcript.earlier)]
    for said in readings:
        if len(said.text.split()) >= _SHORT or said.language != "en":
            return said.language if said.language in LANGUAGES else "other"
    return "en"
