"""What a priced tool call costs: reserved with its intent, charged or given back with its outcome.

An approval waits before the intent, so nothing is reserved while people think. A call without a price costs no
statement here.
"""

from typing import Any

from agents.costs import budgets
from agents.costs.budgets import BudgetDenied
from agents.loop import limits, planning
from agents.loop.limits import LimitReached
from agents.loop.refusal import CallRefused
from agents.loop.transcript import Transcript
from agents.models import ToolCall
from supportagent.grants.server import Outcome
from supportagent.tickets.models import HandOver

OVER_BUDGET, OVER_LIMIT = "over_budget", "over_limit"
REASONS = {OVER_BUDGET: HandOver.Reason.BUDGET, OVER_LIMIT: HandOver.Reason.LIMIT}
INTERRUPTED = "interrupted"  # the worker of a read died: it may have been answered
# Reads that a server may have answered and counted, although we have nothing of it.
ASKED = frozenset({INTERRUPTED, "no_answer", "bad_answer", "tool_error"})


def reserve(call: ToolCall, price: int) -> None:
    """Hold the price of a call, micro-units, before it is sent; raises CallRefused where a cap does not hold it.

    The caller holds the run and has locked and counted what the call has effects on.
    """
    if not price:
        return
    run = call.run
    try:
        if not run.is_direct:  # several calls of a turn may be under way: what they reserved counts as well
            limits.check_cost(run, price, committed=run.cost_micros + budgets.open_of(run.pk))
        budgets.reserve_call(call, price)
    except BudgetDenied as denied:
        raise CallRefused(OVER_BUDGET, f"a budget is used up: {denied}") from denied
    except LimitReached as limit:
        raise CallRefused(OVER_LIMIT, f"the agent reached its limit: {limit}") from limit


def settle(call: ToolCall, outcome: Outcome | None) -> None:
    """Charge a call that was carried out or may have been (None: nobody knows); give back what certainly was not.

    A refused call was not carried out. An imported server's failed read has no effect by which one could tell: one that
    was sent is charged.
    """
    if not call.price_micros:
        return
    asked = outcome is None or outcome.ok or (not planning.tool_of(call).writes and outcome.code in ASKED)
    budgets.settle_call(call, charge=asked)


def denied(transcript: Transcript, news: list[list[Any]]) -> tuple[str, str] | None:
    """Why a person must take over, in a code and in words, where a cap refused a call; as it is with a model call."""
    for _, key in (ref[:2] for ref in news):
        call = transcript.calls.get(str(key))
        if call is not None and call.code in REASONS:
            words = call.result["error"]["message"] if call.result else call.code
            return REASONS[call.code], f"{words[:1].upper()}{words[1:]}."
    return None
