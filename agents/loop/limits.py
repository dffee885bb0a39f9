"""How far a run may go by itself before a person takes over.

Turns, calls and repetitions are counted since the customer last wrote: a refund that waits for days must not be lost
because its customer asked a few questions meanwhile. What a whole ticket may cost is the budget's to say.
"""

from collections import Counter
from typing import Any

from django.conf import settings

from agents.loop.planning import CONFUSED
from agents.loop.transcript import Transcript
from agents.models import Run

MAX_REPAIRS = 2  # turns with calls that do not follow the contract, before a person takes over


def reached(run: Run, transcript: Transcript, news: list[list[Any]], *, worked_ms: int) -> str:
    """The limit that the next turn would exceed, with its value and what was counted; empty when none."""
    since = _last_heard(transcript, news)
    calls = [call for call in transcript.calls.values() if call.turn >= since]
    repeated = Counter((call.name, call.arguments) for call in calls if call.arguments)
    confused = {call.turn for call in calls if call.code in CONFUSED}
    counts = (
        ("turns", run.turns + 1 - since, run.its_agent.max_turns),
        ("tool calls", len(calls), run.its_agent.max_tool_calls),
        ("seconds of work", worked_ms // 1000, run.its_agent.max_seconds),
        ("turns with calls that do not follow the contract", len(confused), MAX_REPAIRS + 1),
        ("identical calls", max(repeated.values(), default=0), settings.MAX_IDENTICAL_CALLS),
    )
    return next((f"{count} {what} of {limit}" for what, count, limit in counts if count >= limit), "")


def _last_heard(transcript: Transcript, news: list[list[Any]]) -> int:
    """The turn that is the first to know what the customer wrote last."""
    if any(ref[0] == "message" for ref in news):
        return transcript.run.turns + 1
    heard = [turn.turn for turn in transcript.turns if any(ref[0] == "message" for ref in turn.shown)]
    return heard[-1] if heard else 0
