"""Manners, moods and the wish for a person."""

from __future__ import annotations

import re

from ..context import Aim, Moment
from ..desk import CannotHelp, Desk
from ..phrases import phrase
from ..understanding import read

KNOWN = "Thank you. You are logged in, so I need no name or e-mail address."
NO_NUMBER_NEEDED = "No need for an order number: tell me its place in the list or the name of what you bought."
UNCLEAR = "I cannot work out from this what exactly you need."
WOULD_WITHDRAW = "The rest needs a colleague, but handing over withdraws the request that waits ({references}). "
APOLOGY = "I am sorry for the trouble this has caused you."


def wants_person(desk: Desk, moment: Moment, aim: Aim) -> str:
    """The customer asks for a person: always granted."""
    raise CannotHelp("customer_asked", "the customer asks for a person")


def complaint(desk: Desk, moment: Moment, aim: Aim) -> str:
    """A complaint without a wish that could be fulfilled: a person listens."""
    raise CannotHelp("angry_customer", "the customer complains")


def not_understood(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Nothing this agent knows how to do."""
    raise CannotHelp("cannot_resolve", "the agent does not know what to do with this", "That is beyond what I can do.")


def small_talk(moment: Moment) -> str:
    """A message without a wish: thanks, a greeting, a no. Raises CannotHelp for anything not understood."""
    reading = moment.reading
    if not reading.text and reading.injected:
        return "I can help with orders, refunds, your account and questions about our products. What do you need?"
    if moment.declined and not _REQUEST.search(reading.text.lower()):
        return phrase("acknowledged_no", moment.language)
    if reading.thanks and not _REQUEST.search(reading.text.lower()):
        return phrase("thanks", moment.language)
    if reading.greeting and len(reading.text.split()) <= _GREETING_WORDS:
        return phrase("greeting", moment.language)
    if reading.yes and len(reading.text.split()) <= _GREETING_WORDS:
        return "Alright. What can I do for you?"
    if reading.angry:
        raise CannotHelp("angry_customer", "the customer is angry and names no wish")
    raise CannotHelp("cannot_resolve", "the message is not understood", "I am not sure I understand this correctly.")


def is_mere_manners(moment: Moment) -> bool:
    """A greeting or thanks, and nothing else said."""
    reading = moment.reading
    if reading.thanks and not _REQUEST.search(reading.text.lower()):
        return True
    return reading.greeting and len(reading.text.split()) <= _GREETING_WORDS


_GREETING_WORDS = 8
_REQUEST = re.compile(r"\?|\b(?:can|could|would|will) (?:you|i|we)\b|\bplease\b|\bi (?:want|need|'d like)\b")


def unclear() -> CannotHelp:
    """The customer was asked and asked again."""
    return CannotHelp("cannot_resolve", "asked several times, the customer's wish stays unclear")


def is_vague(text: str) -> bool:
    """Whether a message says nothing about what the customer wants."""
    return not read(text).wishes


def with_manners(moment: Moment, body: str) -> str:
    """The reply, after an apology where the customer is angry."""
    return f"{APOLOGY} {body}" if moment.reading.angry and moment.language == "en" else body
