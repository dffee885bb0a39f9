"""Whether an agent goes in circles: it asks the same again and again, and learns nothing by it.

All of it is counted since the customer last wrote: who writes again may well ask the same again.
"""

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

from django.conf import settings

from agents.loop.transcript import Transcript
from agents.models import ToolCall

ANSWERS = frozenset({"result", "held", "unknown_result"})  # news that nobody but the agent itself is the reason of


def found(transcript: Transcript, news: list[list[Any]], *, writes: Collection[str]) -> str:
    """The circle that the next turn would go on with, its value and what was counted; empty when there is none.

    `writes` are the names of the tools that change something: a change is new, whatever its answer says.
    """
    since = transcript.last_heard(news)
    calls = [(call.name, call.arguments) for call in transcript.calls.values() if call.turn >= since and call.arguments]
    length, rounds = _rounds(calls)
    counts = (
        ("identical calls", max(Counter(calls).values(), default=0), settings.MAX_IDENTICAL_CALLS),
        (f"rounds of the same {length} calls", rounds, settings.MAX_ROUNDS_OF_CALLS),
        ("turns without anything new", _without_news(transcript, news, writes), settings.MAX_TURNS_WITHOUT_NEWS),
    )
    return next((f"{count} {what} of {limit}" for what, count, limit in counts if count >= limit), "")


def _rounds(calls: list[tuple[str, str]]) -> tuple[int, int]:
    """How many calls the newest of them repeat in a row, and how often: 2 and 3 for A B A B A B. At least two calls."""
    best = (0, 0)
    for length in range(2, len(calls) // 2 + 1):
        last, rounds = calls[-length:], 1
        while calls[-length * (rounds + 1) : -length * rounds] == last:
            rounds += 1
        if rounds > 1:
            best = max(best, (length, rounds), key=lambda each: each[1])
    return best


def _without_news(transcript: Transcript, news: list[list[Any]], writes: Collection[str]) -> int:
    """The newest turns in a row of which every answer was known before, while nobody else said or did anything."""
    if _heard(news):
        return 0
    by_turn: dict[int, list[ToolCall]] = {}
    for call in transcript.calls.values():
        by_turn.setdefault(call.turn, []).append(call)
    known: set[str] = set()
    count = 0
    for turn in transcript.turns:
        calls = by_turn.get(turn.turn, [])
        answers = {_answer(call) for call in calls}
        wrote = any(call.name in writes and call.state in ToolCall.COUNTED for call in calls)
        repeats = bool(calls) and not wrote and answers <= known
        known |= answers
        count = (0 if _heard(turn.shown) else count) + 1 if repeats else 0
    return count


def _heard(refs: list[list[Any]]) -> bool:
    """Whether there is more in it than answers to the agent's own calls."""
    return any(ref[0] not in ANSWERS for ref in refs)


def _answer(call: ToolCall) -> str:
    """What the model learnt from a call. One that waits is answered with a reference of its own; of one that failed the
    code is what counts, whatever was guessed in vain."""
    learnt = [call.code] if call.code else [call.approval_id, call.result]
    return json.dumps([call.name, *learnt], sort_keys=True)
