"""How far a run may go by itself before a person takes over.

Turns and calls are counted since the customer last wrote: a refund that waits for days must not be lost because its
customer asked a few questions meanwhile. Tokens and money are counted over the whole run, like its time: they bound
what it costs, and a customer who keeps writing must not raise that. A message that comes after the answer begins
another run; what a whole ticket may cost is the budget's to say.
"""

from typing import Any

from agents.costs import budgets
from agents.loop.planning import CONFUSED
from agents.loop.transcript import Transcript
from agents.models import Run

MAX_REPAIRS = 2  # turns with calls that do not follow the contract, before a person takes over


class LimitReached(Exception):
    """The next step would carry the run beyond a limit; the message names it, its value and what was counted."""


def reached(run: Run, transcript: Transcript, news: list[list[Any]], *, worked_ms: int) -> str:
    """The limit that the next turn would exceed, with its value and what was counted; empty when none."""
    since = transcript.last_heard(news)
    calls = [call for call in transcript.calls.values() if call.turn >= since]
    confused = {call.turn for call in calls if call.code in CONFUSED}
    counts = (
        ("turns", run.turns + 1 - since, run.its_agent.max_turns),
        ("tool calls", len(calls), run.its_agent.max_tool_calls),
        ("seconds of work", worked_ms // 1000, run.its_agent.max_seconds),
        ("turns with calls that do not follow the contract", len(confused), MAX_REPAIRS + 1),
    )
    return next((f"{count} {what} of {limit}" for what, count, limit in counts if count >= limit), "")


def check_tokens(run: Run, bound: int) -> None:
    """Refuse a model call with which the run could count more tokens than it may. Raises LimitReached.

    `bound` is the most that the call can count. An attempt that nobody counted, a cut stream, adds no tokens; it is
    charged in full, so the limit of money holds it.
    """
    used, limit = run.input_tokens + run.output_tokens, run.its_agent.max_tokens
    if used + bound > limit:
        raise LimitReached(f"{used} tokens of {limit}, and the next model call may take {bound}")


def committed(run: Run) -> int:
    """What the run has cost and may still be charged for attempts under way, micro-units.

    Race: a dead worker's reservation is charged when it expires, long after its successor went on. Only a run that
    changed hands can have one.
    """
    return run.cost_micros + (budgets.open_of(run.pk) if run.fence > 1 else 0)


def check_cost(run: Run, amount: int, *, committed: int) -> None:
    """Refuse a call that may cost `amount` where the run could then cost more than it may. Raises LimitReached."""
    limit = run.its_agent.max_cost_micros
    if committed + amount > limit:
        raise LimitReached(
            f"{committed} micro-units of {limit} spent or reserved in this run, and the next call may cost {amount}"
        )
