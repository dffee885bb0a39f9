"""What one run may do: minted by code when a worker takes the run, and asked before every call.

A model's words never widen it. It ages: rights change while a run works, so it is minted anew every few minutes, and
an old one refuses.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings

from agents import hand_offs, tallies
from agents.loop import handing
from agents.loop.refusal import CallRefused
from agents.models import Run, ToolCall, VelocityCap
from agents.providers.base import ToolSpec
from supportagent.grants import strict
from supportagent.tools import access, schema
from supportagent.tools.access import GrantedTool
from supportagent.tools.models import Tool


@dataclass(frozen=True)
class Capability:
    """Customer, assurance, granted tools with their pinned definitions and argument rules, caps, and an expiry.

    A limit per effect is the `maximum` of an amount in the argument rules of a grant; limits per day are `caps`.
    `targets` are the agents that it may hand off to, and when.
    `expires_at` is monotonic time: a clock that jumps neither shortens nor prolongs it.
    """

    run_id: UUID
    customer: str
    assurance: str
    tools: Mapping[str, GrantedTool]
    caps: tuple[VelocityCap, ...]
    targets: Mapping[str, str]
    expires_at: float

    @classmethod
    def mint(cls, run: Run) -> "Capability":
        """What this run may do from now on: the tools of who acts, those for proved identities only if it is proved.

        Who works for a colleague looks things up and writes nothing.
        """
        tools = {
            name: granted
            for name, granted in access.granted(run.actor).items()
            if access.serves(granted.tool, verified=bool(run.customer)) and not (run.is_assist and granted.tool.writes)
        }
        return cls(
            run_id=run.pk,
            customer=run.customer,
            assurance=run.assurance,
            tools=tools,
            caps=tallies.caps_for(granted.tool.pk for granted in tools.values() if granted.tool.writes),
            targets=hand_offs.targets_of(run.its_agent, run.ticket) if run.answers_customer else {},
            expires_at=time.monotonic() + settings.CAPABILITY_SECONDS,
        )

    @property
    def expired(self) -> bool:
        return time.monotonic() >= self.expires_at

    @property
    def hands_off(self) -> bool:
        return bool(self.targets)

    @cached_property
    def writes(self) -> frozenset[str]:
        """The names of the tools that change something."""
        return frozenset(name for name, granted in self.tools.items() if granted.tool.writes)

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told that it may call."""
        offered = [
            ToolSpec(name, granted.tool.description, schema.offered_schema(granted.tool))
            for name, granted in self.tools.items()
        ]
        return (*offered, handing.spec(self.targets)) if self.hands_off else tuple(offered)

    def mediate(self, call: ToolCall, arguments: Mapping[str, Any] | None = None, *, tool: Tool | None = None) -> Tool:
        """The tool of a call that this run may make; raises CallRefused. Every call passes here, reads too.

        `arguments` are those that would be sent, `tool` is its row as it is now; what is not given is not known yet.
        """
        if self.expired:
            raise CallRefused("capability_expired", "the rights of this turn are too old; make the call again")
        run = call.run
        of_another = run.customer not in ("", run.ticket.customer.reference)
        if of_another or (run.pk, run.customer, run.assurance) != (self.run_id, self.customer, self.assurance):
            raise CallRefused("identity_changed", "the call is not of the customer for whom the rights were given")
        granted = self.tools.get(call.name)
        if granted is None:
            raise CallRefused("unknown_tool", "there is no such tool")
        if tool is not None and (tool.pk, tool.definition_hash) != (granted.tool.pk, granted.tool.definition_hash):
            raise CallRefused("definition_changed", "the tool changed since it was offered to you")
        if arguments is not None:
            _check_rules(granted, arguments)
        return granted.tool


def _check_rules(granted: GrantedTool, arguments: Mapping[str, Any]) -> None:
    """One grant that accepts the arguments is enough: rights of several roles add up."""
    problem = ""
    for rules in granted.rules:
        try:
            strict.validate(arguments, rules)
            return
        except strict.InvalidArguments as error:
            problem = problem or str(error)
        except Exception as error:  # whatever jsonschema makes of rules that nobody checked: they accept nothing
            problem = problem or f"its rules cannot be applied ({type(error).__name__})"
    if granted.rules:
        raise CallRefused("outside_role", f"your role does not reach this far: {problem}")
