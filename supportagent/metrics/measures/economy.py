"""What conversations cost, as `agents.costs.economics` works it out."""

from agents.costs.economics import notes_on
from supportagent.metrics.measures.figures import Figure
from supportagent.metrics.measures.tally import Tally


def figures(tally: Tally) -> list[Figure]:
    """Of the conversations that ended."""
    total, n = tally.sums, tally.n
    calls = total.calls_per_interaction
    parts = (
        (
            "cost_per_interaction",
            "Cost per conversation",
            "(Model calls + priced tools + people's time x rate) ÷ conversations ended.",
            "micros",
            n,
            total.per_interaction,
            -1,
        ),
        (
            "agents_cost_per_interaction",
            "Cost of agents per conversation",
            "(Model calls + priced tools) ÷ conversations ended.",
            "micros",
            n,
            total.agents_per_interaction,
            -1,
        ),
        (
            "baseline_per_interaction",
            "The same without agents",
            "What people alone take for each category x rate, over the conversations for which it is known.",
            "micros",
            total.baseline_n,
            total.baseline_per_interaction,
            0,
        ),
        (
            "saving",
            "Saved",
            "Cost without agents - cost with agents, over the conversations for which both are known.",
            "micros",
            total.baseline_n,
            total.saving_micros,
            1,
        ),
        (
            "model_calls_per_interaction",
            "Model calls per conversation",
            "Attempts of model calls that were sent ÷ conversations ended.",
            "number",
            n,
            None if calls is None else float(calls),
            -1,
        ),
    )
    return [Figure(*part) for part in parts]


def notes(tally: Tally) -> list[str]:
    """What is to be said about these figures."""
    return list(notes_on(tally.sums))
