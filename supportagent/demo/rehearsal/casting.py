"""Who plays a scenario: which model, and which version of an agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from agents.models import Agent
from supportagent.changes import services as changes
from supportagent.changes.models import ProposedChange

OFFLINE, OFFLINE_MODEL = "offline", "offline-demo"


@dataclass(frozen=True)
class Casting:
    """`provider` and `model` play every agent; without them each agent's own do. `told` are the values of a version,
    by the agent's slug. `change` is put in force on the stage first, and undone with it.
    """

    provider: str = ""
    model: str = ""
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    change: ProposedChange | None = None

    @contextmanager
    def playing(self) -> Iterator[None]:
        """The settings while it plays."""
        wanted = {"DEFAULT_MODEL_PROVIDER": self.provider, "DEFAULT_MODEL": self.model} if self.provider else {}
        before = {name: getattr(settings, name) for name in wanted}
        try:
            for name, value in wanted.items():
                setattr(settings, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(settings, name, value)

    def put_in_force(self) -> None:
        """Do what the change would do. The caller's transaction is undone. Raises changes.errors.ChangeError."""
        if self.change is not None:
            changes.try_out(self.change)

    def dress(self, agent: Agent) -> None:
        """Give a loaded agent the version that is to be played; the caller saves it."""
        for name, value in self.told.get(agent.slug, {}).items():
            setattr(agent, name, value)
        if self.provider:
            agent.provider = agent.model = ""


BY_THE_OFFLINE_MODEL = Casting(OFFLINE, OFFLINE_MODEL)
