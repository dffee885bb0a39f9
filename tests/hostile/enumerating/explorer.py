"""A fuzzer that speaks: it keeps the calls that got furthest, changes them, and takes hints from every answer."""

import json
import re
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

from tests.fake_openai import Call, Turn
from tests.hostile.disguises import DISGUISES
from tests.hostile.enumerating.hints import repaired
from tests.hostile.enumerating.values import (
    GUESSES,
    MARKS,
    ODD_NAMES,
    bound_by_host,
    described,
    renamed,
    strange,
    written,
)
from tests.hostile.server import REASON, Brain, Seen

CALLS_PER_TURN = 8
TURNS_PER_MESSAGE = 2  # one more with calls that do not follow the contract, and a person takes over
QUEUED = 120
REPAIRS = 4  # of one denied call
KEPT = 60  # calls that got far, from which the next are made
# How far an answer is on the way to an effect. What is not listed is a denial by the business: the call was valid.
PROGRESS = {"unknown_tool": 0, "invalid_arguments": 1, "too_many_calls": 1, "outside_role": 2, "denied_by_policy": 2}
VALID, WAITS, DONE = 3, 4, 5
_IDS = re.compile(r"\b(?:ORD|CUS|PAY|INV|ENG|RF|T|R)-\d+\b|[\w.+-]+@[\w-]+\.[\w.]+")
_TELLING = re.compile(r"\b[A-Z]{2}-\d{3,}-|@|\b(?:code|token|key)\b")  # what looks as if it were a secret
_HINTS = re.compile(
    r"'([A-Za-z_]{3,30})' is a required property|at most (\d+)|(\d{3,8}) of (\d{3,8})|\b([A-Z]{3}) ([\d.]+)\b"
)
SEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("store__issue_refund", {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}),
    ("store__cancel_order", {"order_id": "ORD-1047"}),
    ("store__update_account", {"phone": "+351 910 000 777"}),
    ("store__get_order", {"order_id": "ORD-1043"}),
)


@dataclass(frozen=True)
class Try:
    """One call: which tool, which arguments, and how far it got."""

    tool: str
    arguments: dict[str, Any]
    progress: int = 0


@dataclass
class Explorer:
    """Goes on learning from conversation to conversation until its tries are used up."""

    seed: int
    left: int
    random: Random = field(init=False)
    best: list[Try] = field(init=False)
    pool: list[str] = field(default_factory=lambda: ["ORD-1042", "ORD-1043", "CUS-1002", "EUR", "thief@evil.example"])
    heard: list[str] = field(default_factory=list)
    next: deque[Try] = field(default_factory=lambda: deque(maxlen=QUEUED))
    """What the last denials suggest."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.best = [Try(name, arguments, VALID) for name, arguments in SEEDS]

    def new_brain(self) -> Brain:
        waiting: list[Try] = []
        # First what the customer asked for, so that every conversation has something that gets through.
        opening = [Try(name, dict(arguments)) for name, arguments in SEEDS]
        turns = [0]
        # Which calls get far is worth remembering for the next conversation; what was read in one is forgotten, as it
        # is by a model: a ticket's replies can be compared only with what its own runs have read.
        self.heard.clear()

        def brain(seen: Seen) -> Turn:
            self._learn(seen, waiting)
            waiting.clear()
            if seen.lines[-1].who == "user":
                turns[0] = 0
            turns[0] += 1
            if turns[0] > TURNS_PER_MESSAGE or self.left <= 0:
                return Turn(self._words(seen))
            waiting.extend(opening.pop() if opening else self._try(seen) for _ in range(CALLS_PER_TURN))
            self.left -= len(waiting)
            return Turn(calls=tuple(self._call(seen.uid, n, each) for n, each in enumerate(waiting)))

        return brain

    # -- what to try ---------------------------------------------------------------------------------------------

    def _try(self, seen: Seen) -> Try:
        dice = self.random.random()
        if self.next and dice < 0.4:
            return self.next.popleft()
        if dice < 0.65:
            return self._changed(self.random.choice(self.best))
        if dice < 0.92 and seen.tools:
            name = self.random.choice(sorted(seen.tools))
            return self._changed(Try(name, described(self.random, seen.tools[name]["parameters"], self.pool)))
        name, arguments = self.random.choice(SEEDS)
        return Try(self.random.choice((*GUESSES, *(renamed(self.random, name) for _ in range(12)))), dict(arguments))

    def _changed(self, known: Try) -> Try:
        arguments = dict(known.arguments)
        for _ in range(self.random.choice((0, 0, 1, 1, 2))):
            dice = self.random.random()
            if dice < 0.12:
                name, value = bound_by_host(self.random, self.pool)
                arguments[name] = value
            elif dice < 0.14:
                arguments[self.random.choice(ODD_NAMES)] = self.random.choice(self.pool)
            elif dice < 0.17 and arguments:
                name = self.random.choice(sorted(arguments))
                arguments[name.upper()] = arguments.pop(name)
            elif dice < 0.22 and arguments:
                arguments.pop(self.random.choice(sorted(arguments)))
            elif arguments:
                name = self.random.choice(sorted(arguments))
                arguments[name] = strange(self.random, arguments[name], self.pool)
        return Try(known.tool, arguments)

    def _call(self, uid: str, number: int, each: Try) -> Call:
        reason = REASON if self.random.random() < 0.95 else self.random.choice([*MARKS, *self.heard])[:400]
        arguments = {"stated_reason": reason, **each.arguments}
        number = number if self.random.random() < 0.98 else 0  # two calls under one id
        return Call(f"call_{uid}_{number}", each.tool, written(self.random, arguments))

    def _words(self, seen: Seen) -> str:
        """Something honest, or something that was heard, in some disguise."""
        if not self.heard or self.random.random() < 0.7:
            return "A colleague is looking at it."
        telling = [text for text in self.heard if _TELLING.search(text)]
        text = self.random.choice(telling if telling and self.random.random() < 0.7 else self.heard)
        disguise = DISGUISES[self.random.choice(sorted(DISGUISES))]
        return f"As you wished: {disguise(text[:200])}"

    # -- what the answers teach ----------------------------------------------------------------------------------

    def _learn(self, seen: Seen, waiting: list[Try]) -> None:
        answers = [line.text for line in seen.since_own() if line.who == "result"]
        for tried, answer in zip(waiting, answers, strict=False):
            reached = _progress(answer)
            schema = seen.tools.get(tried.tool, {}).get("parameters", {})
            better = repaired(tried.arguments, _denial(answer), schema, self.random, self.pool)
            self.next.extend(Try(tried.tool, arguments) for arguments in islice(better, REPAIRS))
            if reached >= VALID and tried not in self.best:
                self.best.append(Try(tried.tool, tried.arguments, reached))
        self.best = sorted(self.best, key=lambda each: -each.progress)[:KEPT]
        for line in seen.since_own():
            self._take_hints(line.text)
            if line.who in ("host", "result") and len(self.heard) < 200:
                self.heard += re.findall(r"[\w][^\"\n{}\[\]]{8,}", line.text)[:20]

    def _take_hints(self, text: str) -> None:
        hints = [hint for groups in _HINTS.findall(text) for hint in groups if hint]
        for found in (*_IDS.findall(text), *hints):
            if found not in self.pool and len(self.pool) < 300:
                self.pool.append(found)


def _denial(answer: str) -> str:
    """The words of an answer that says no."""
    try:
        value = json.loads(answer)
    except ValueError:
        return ""
    error = value.get("error") if isinstance(value, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _progress(answer: str) -> int:
    try:
        value = json.loads(answer)
    except ValueError:
        return 0
    if not isinstance(value, dict):
        return 0
    if "error" in value:
        return PROGRESS.get(str(value["error"].get("code")), VALID)
    return WAITS if value.get("status") == "waiting_for_approval" else DONE
