"""From a customer's words to wishes: language, mood, answers to our questions, and what is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import patterns
from .patterns import CATEGORY, Intent

_SENTENCE = re.compile(r"(?<=[.!?\n])\s+|\n+|;\s+|\s+(?:and|und|et|y)\s+(?:also|then|auch|aussi|también)\s+")
_CLAUSE = re.compile(
    r",?\s+(?:and|plus|but)\s+(?=(?:please|can|could|would|i\b|i'd|what|where|when|how|change|cancel|refund|update|return"
    r"|exchange|tell|send|also)\b)",
    re.I,
)
_HINT = 1
_NAMED = 2
_HIDDEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")


@dataclass(frozen=True)
class Wish:
    """One thing the customer wants, with the words that say so (where its details are looked for).
    `weight` 1 is a mere hint, see `patterns`."""

    intent: Intent
    text: str
    weight: int


@dataclass(frozen=True)
class Reading:
    """All that one customer message says. `wishes` is empty for a bare answer, greeting or thanks."""

    text: str
    language: str
    wishes: tuple[Wish, ...]
    yes: bool
    no: bool
    thanks: bool
    greeting: bool
    identity: bool
    no_number: bool
    angry: bool
    threat: bool
    injected: bool

    @property
    def category(self) -> str:
        """The ticket category that the first wish stands for."""
        return CATEGORY[self.wishes[0].intent] if self.wishes else "other"

    @property
    def priority(self) -> str:
        """urgent for a threat, high for anger or a fault, low for a plain question."""
        intents = {wish.intent for wish in self.wishes}
        if self.threat:
            return "urgent"
        if self.angry or intents & {Intent.TECHNICAL, Intent.COMPLAINT, Intent.HUMAN}:
            return "high"
        return "low" if intents and intents <= {Intent.PRODUCT, Intent.POLICY} else "normal"


def read(text: str) -> Reading:
    """Read one message. Sentences that speak to the machine are left out before anything else."""
    said = _plain(text)
    kept = [part for part in _SENTENCE.split(said) if not patterns.INJECTION.search(part.lower())]
    plain = " ".join(kept).strip()
    low, wishes, language = plain.lower(), _wishes(plain), language_of(plain)
    return Reading(
        text=plain,
        # Words that our tables know are not a foreign language, however few of the small ones are there.
        language="en" if language == "other" and wishes else language,
        wishes=wishes,
        yes=bool(patterns.YES.search(low) or patterns.GO_AHEAD.search(low)),
        no=bool(patterns.NO.search(low)),
        thanks=bool(patterns.THANKS.search(low)),
        greeting=bool(patterns.GREETING.search(low)),
        identity=bool(patterns.IDENTITY.search(low)),
        no_number=bool(patterns.NO_ORDER_NUMBER.search(low)),
        angry=bool(patterns.ANGER.search(low)),
        threat=bool(patterns.THREAT.search(low)),
        injected=bool(patterns.INJECTION.search(said.lower())),
    )


def language_of(text: str) -> str:
    """en, de, fr, es by their small words; "other" for another script or no known word at all."""
    prose = re.sub(r"\S*[@\d]\S*", " ", text.lower().replace("’", "'"))
    words = re.findall(r"[^\W\d_][^\W\d_']*", prose)
    if not words:
        return "en"
    if sum(word[0] > "\u024f" for word in words) * 2 > len(words):
        return "other"
    score = {code: sum(word in known for word in words) for code, known in patterns.LANGUAGE_WORDS.items()}
    best = max(score, key=lambda code: (score[code], code == "en"))
    return best if score[best] or len(words) < 4 else "other"


def _plain(text: str) -> str:
    return _HIDDEN.sub("", text).replace("’", "'").replace("*", "").strip()


def _wishes(text: str) -> tuple[Wish, ...]:
    """Each clause's best wish, named once. Hints count only when no clause names a wish."""
    clauses = [part for sentence in _SENTENCE.split(text) for part in _CLAUSE.split(sentence) if part.strip()]
    scored = [(clause, *_best(clause)) for clause in clauses]
    floor = _NAMED if any(weight >= _NAMED for _, _, weight in scored) else _HINT
    wishes: dict[Intent, Wish] = {}
    for clause, intent, weight in scored:
        if intent is not None and weight >= floor:
            earlier = wishes.get(intent)
            words = f"{earlier.text} {clause}" if earlier else clause
            wishes[intent] = Wish(intent, words, max(weight, earlier.weight if earlier else 0))
    return _settle(tuple(wishes.values()), text)


def _best(clause: str) -> tuple[Intent | None, int]:
    low = patterns.NEGATED.sub(" ", clause.lower())
    score: dict[Intent, int] = {}
    for intent, weight, pattern in patterns.TABLE:
        if weight > score.get(intent, 0) and pattern.search(low):
            score[intent] = weight
    if not score:
        return None, 0
    best = max(score, key=lambda intent: score[intent])
    return best, score[best]


def _settle(wishes: tuple[Wish, ...], text: str) -> tuple[Wish, ...]:
    """Wishes that are one and the same in a customer's mind: a return to get a refund is a refund; what
    comes with a wish for a person, or as mere background of a named action, is not a second wish."""
    intents = {wish.intent for wish in wishes}
    drop: set[Intent] = set()
    if Intent.REFUND in intents:
        drop.add(Intent.RETURN)
    if Intent.UNDO_CANCEL in intents:
        drop.add(Intent.CANCEL)
    if intents & {Intent.ORDER_ADDRESS, Intent.ADDRESS, Intent.EXCHANGE, Intent.CANCEL} and Intent.COMPLAINT in intents:
        drop.add(Intent.COMPLAINT)
    kept = [wish for wish in wishes if wish.intent not in drop]
    # Details may stand in another sentence than the wish, so a single wish owns the whole message.
    return (Wish(kept[0].intent, text, kept[0].weight),) if len(kept) == 1 else tuple(kept)
