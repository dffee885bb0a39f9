"""The cheaper model that an admin chose: a run goes on with it once a cap is near, and stays with it to its end.

Its answers are never replayed in the form of the dearer model's provider: what one model keeps of its thoughts is
nothing that another must accept.
"""

from dataclasses import replace

from agents.costs import budgets
from agents.costs.spending import Use
from agents.lease import Step
from agents.models import Agent, Run
from agents.providers.base import Item, ModelRequest, ModelTurn


def is_near(run: Run, agent: Agent, amount: int) -> bool:
    """Whether a call of `amount` micro-units would bring any cap of the run, its own included, to the agent's share.

    One statement. Where the call would not fit at all, the cap is near as well.
    """
    own = Use(cap=agent.max_cost_micros, spent=run.cost_micros, reserved=0)
    uses = [own, *budgets.uses_of(run.budget_ids)]
    return any((use.spent + use.reserved + amount) * 100 >= use.cap * agent.fallback_at for use in uses)


def with_model(request: ModelRequest, model: str) -> ModelRequest:
    """The same request to the cheaper model."""
    return replace(request, model=model, items=tuple(map(_plain, request.items)))


def note(current: Step, model: str) -> None:
    """Let the run stay with the cheaper model, in the transaction that reserves its first call."""
    run = current.run
    if run.fallback_model == model:
        return
    run.fallback_model = model
    current.emit("model", f"Goes on with the cheaper model {model}: a cap is near", model=model)


def _plain(item: Item) -> Item:
    return replace(item, raw=None) if isinstance(item, ModelTurn) else item
