"""Sorting a request at the front desk: category, priority, language, mood and team, and how sure that is."""

from __future__ import annotations

import re
from typing import Any

from . import entities, patterns
from .context import Moment
from .desk import Desk, Wanted
from .patterns import Intent
from .phrases import LANGUAGES
from .routing import DOMAIN, ORDERS
from .skills import people
from .transcript import Transcript
from .understanding import read

CATEGORISE = "tickets__categorise_ticket"
TRIAGE = "tickets__triage_ticket"
_SURE: dict[int, int] = {1: 65, 2: 75, 3: 85}  # per cent, by the weight of the strongest wish
_SUREST, _GUESS, _TORN, _VAGUE, _NOTHING = 93, 70, 40, 45, 20
_MANY = 4  # wishes of different kinds in one message
_CONTRADICTION = re.compile(
    r"\b(?:no,? wait|on second thought|forget (?:that|it|what i said)|never ?mind|or maybe not|or rather not"
    r"|not sure (?:what|whether|if|which)|(?:don'?t|do not) know (?:what|whether|if) i)\b"
)
_UNHAPPY = re.compile(
    r"\b(?:disappoint\w*|unhappy|annoyed|sad|sorry to say|not (?:happy|pleased|satisfied)|still waiting|third time"
    r"|second time|again and again|enttäuscht|déçue?|decepcionad[oa])\b"
)
_FOREIGN: dict[str, frozenset[str]] = {
    "pt": patterns.words_of("onde meu minha encomenda não obrigado obrigada olá quero chegou quando fazer"),
    "it": patterns.words_of("dove il mio mia ordine non grazie ciao vorrei quando arriva è sono buongiorno"),
    "nl": patterns.words_of("waar mijn bestelling niet dank hallo ik wil wanneer graag een het is van"),
    "tr": patterns.words_of("nerede siparişim merhaba lütfen istiyorum ne zaman değil teşekkürler benim"),
    "pl": patterns.words_of("gdzie moje zamówienie nie dziękuję dzień dobry chcę kiedy jest proszę"),
}
_SCRIPTS = ((re.compile(r"[\u0400-\u04ff]"), "ru"), (re.compile(r"[\u0600-\u06ff]"), "ar"),
            (re.compile(r"[\u0370-\u03ff]"), "el"), (re.compile(r"[\u3040-\u30ff]"), "ja"),
            (re.compile(r"[\u4e00-\u9fff]"), "zh"))  # fmt: skip
UNDETERMINED = "und"  # as ISO 639 calls it


def sorting(transcript: Transcript, desk: Desk, moment: Moment) -> list[Wanted]:
    """The call that sorts the ticket, in the first step; again when the first messages did not show what it is about.

    Triage where that is offered, else the category alone. What another agent handed over is sorted.
    """
    tool = next((name for name in (TRIAGE, CATEGORISE) if desk.offers(name)), "")
    if not transcript.new or not tool or transcript.brief or any(call.fresh for call in desk.find_calls(tool)):
        return []
    vague = all(not read(text).wishes for text in transcript.earlier)
    if not (transcript.first or (vague and moment.category != "other")):
        return []
    if tool == TRIAGE and _says_nothing_yet(moment):
        return []
    about = f"the message is about {moment.category.replace('_', ' ')}"
    if tool == CATEGORISE:
        return [Wanted(tool, {"category": moment.category, "priority": moment.reading.priority}, about)]
    return [Wanted(tool, _triage(moment), about)]


def turned_away(desk: Desk) -> bool:
    """Whether triage just gave the conversation to a person: then there is nothing left to say."""
    return any(call.fresh and call.data.get("status") == "handed_over" for call in desk.find_calls(TRIAGE))


def _triage(moment: Moment) -> dict[str, Any]:
    sure = confidence(moment)
    named = ", ".join(wish.intent.value.replace("_", " ") for wish in moment.reading.wishes)
    return {
        "category": moment.category,
        "priority": moment.reading.priority,
        "language": language_code(moment),
        "sentiment": _sentiment(moment),
        "team": _team(moment),
        "reason": f"The customer's words name: {named}." if named else "No wish is named in the customer's words.",
        "confidence": sure,
    }


def confidence(moment: Moment) -> int:
    """Per cent: how strongly the words speak for the category. Low for vague words and for those that take back what
    they say."""
    reading = moment.reading
    if not reading.wishes:
        return _GUESS if moment.aims else _NOTHING
    strongest = max(wish.weight for wish in reading.wishes)
    if _CONTRADICTION.search(reading.text.lower()) or _torn(moment):
        return _TORN
    if strongest == 1 and moment.category == "order_status" and not entities.order_ids(reading.text):
        return _VAGUE  # the word "order" alone says nothing
    return _SURE.get(strongest, _SUREST)


def language_code(moment: Moment) -> str:
    """The language of the words as a code; `und` where it cannot be told."""
    if moment.language in LANGUAGES:
        return moment.language
    low = moment.reading.text.lower()
    for script, code in _SCRIPTS:
        if script.search(low):
            return code
    words = re.findall(r"[^\W\d_]+", low)
    score = {code: sum(word in known for word in words) for code, known in _FOREIGN.items()}
    best = max(score, key=lambda code: score[code])
    return best if score[best] else UNDETERMINED


def _says_nothing_yet(moment: Moment) -> bool:
    """A mere greeting: the first words that say what it is about are sorted."""
    return not moment.aims and moment.language in LANGUAGES and people.is_mere_manners(moment)


def _torn(moment: Moment) -> bool:
    return len({patterns.CATEGORY[wish.intent] for wish in moment.reading.wishes}) >= _MANY


def _sentiment(moment: Moment) -> str:
    reading = moment.reading
    if reading.angry or reading.threat:
        return "angry"
    complains = any(wish.intent is Intent.COMPLAINT for wish in reading.wishes)
    return "unhappy" if complains or _UNHAPPY.search(reading.text.lower()) else "calm"


def _team(moment: Moment) -> str:
    """The team of whoever will have most to do with it: that of the first wish."""
    return next((DOMAIN[aim.intent] for aim in moment.aims if aim.intent in DOMAIN), ORDERS)
