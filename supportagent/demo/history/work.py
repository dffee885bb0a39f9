"""One run of an agent, turn by turn: what the model was asked and said, what it cost, which calls it made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from agents.loop import planning
from agents.models import HandOff, ModelCall, Run, RunEvent, Spend, ToolCall
from agents.providers.base import Usage
from audit.chain import canonical
from supportagent.demo.history.book import Book
from supportagent.demo.history.house import PROVIDER, House
from supportagent.demo.history.plan import Conversation
from supportagent.tickets.models import Message, Ticket

State, Fate = ToolCall.State, ModelCall.Fate


@dataclass(frozen=True)
class Wanted:
    """A call as a model asks for it. `waits` when a person decides about it first."""

    tool: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]
    reason: str = ""
    waits: bool = False


class Work:
    """A run that grows; `clock` is where it has come to."""

    def __init__(self, book: Book, house: House, it: Conversation, ticket: Ticket, slug: str, at: datetime) -> None:
        self._book, self._house, self._it = book, house, it
        self.clock = at
        self.agent, self.version = house.agents[slug], house.version(slug, at)
        self.run = book.add(
            Run(
                id=self._id(),
                ticket=ticket,
                agent=self.agent,
                customer=ticket.customer.reference,
                assurance=ticket.assurance,
                configuration={"agent": self.version.history_id, "budgets": {}, "policies": 0},
                fence=1,
                enqueued_at=at,
                created_at=at,
            )
        )

    def turn(self, *wanted: Wanted, text: str = "", fate: str = Fate.TOOLS) -> list[ToolCall]:
        """A model call, and the calls it asks for, carried out unless they wait."""
        self._think(wanted, text, fate)
        calls = [self._call(index, each) for index, each in enumerate(wanted)]
        for call, each in zip(calls, wanted, strict=True):
            if not each.waits:
                self.carry_out(call, each.result)
        return calls

    def carry_out(self, call: ToolCall, result: Mapping[str, Any]) -> None:
        call.sent_at = self.clock
        self.clock += timedelta(milliseconds=self._it.chance.randrange(40, 400))
        call.finished_at, call.state, call.result = self.clock, State.SUCCEEDED, dict(result)
        self.event("tool", f"{call.name} succeeded", call=str(call.pk))

    def refuse(self, call: ToolCall, code: str) -> None:
        call.finished_at, call.state, call.code = self.clock, State.REFUSED, code
        self.event("guard", f"{call.name} refused: {code}", call=str(call.pk))

    def end(self, state: str, because: str, said: str) -> None:
        self.run.state, self.run.ended_because, self.run.finished_at = state, because, self.clock
        self.event("message", said)
        self.event("state", Run.State(state).label)

    def hand_off(self, slug: str, newest: Message) -> "Work":
        """End with a hand-off, and begin the other agent's run."""
        reason, summary = f"This is for {slug}.", f"The customer writes about {self._it.story.subject.lower()}"
        summary = self._it.fill(summary)
        arguments = {"to": slug, "reason": reason, "summary": summary}
        self.turn(Wanted("hand_off", arguments, {"handed_off": True}))
        self.end(Run.State.COMPLETED, "handed_off", f"Handed off to {self._house.agents[slug].name}")
        following = Work(self._book, self._house, self._it, self.run.ticket, slug, self.clock)
        self._book.add(
            HandOff(
                from_run=self.run,
                to_run=following.run,
                reason=reason,
                summary=summary,
                brief={"facts": []},
                after_seq=newest.seq,
                created_at=self.clock,
            )
        )
        return following

    def event(self, kind: str, title: str, **body: Any) -> RunEvent:
        self.run.event_seq += 1
        event = RunEvent(run=self.run, seq=self.run.event_seq, kind=kind, title=title[:200], body=body, at=self.clock)
        return self._book.add(event)

    def _think(self, wanted: tuple[Wanted, ...], text: str, fate: str) -> None:
        run, it, model = self.run, self._it, self.version.model
        run.turns += 1
        usage, began = self._usage(), self.clock
        cost, price_id = self._house.cost(model, usage), self._house.price_id(model)
        latency = it.chance.randrange(1_400, 5_200)
        self.clock += timedelta(milliseconds=latency)
        counted = {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "request_id": f"sample-{run.pk.hex[:12]}-{run.turns}",
            "provider": PROVIDER,
            "model": model,
            "price_id": price_id,
        }
        ticket = run.ticket
        asked = [
            {
                "id": f"call_{run.turns}_{index}",
                "name": each.tool,
                "arguments": canonical(dict(each.arguments)).decode(),
            }
            for index, each in enumerate(wanted)
        ]
        self._book.add(
            ModelCall(run=run, turn=run.turns, text=text, tool_calls=asked, fate=fate, cost_micros=cost,
                      finish="tool_calls" if wanted else "stop", latency_ms=latency, created_at=self.clock, **counted)
        )  # fmt: skip
        self._book.add(
            Spend(run=run, turn=run.turns, state=Spend.State.SETTLED, reserved=4 * cost, charged=cost,
                  agent=self.agent.slug, customer=run.customer, category=ticket.category, channel=ticket.channel,
                  expires_at=began + timedelta(minutes=10), created_at=began, **counted)
        )  # fmt: skip
        run.input_tokens += usage.input_tokens
        run.output_tokens += usage.output_tokens
        run.cost_micros += cost
        run.worked_ms += latency
        self.event("model", f"{model} answered", turn=run.turns, cost_micros=cost, ms=latency)

    def _usage(self) -> Usage:
        """A conversation grows with every turn; during the fault of the checkout it is full of logs."""
        chance, turn = self._it.chance, self.run.turns
        read = 2_400 + 900 * turn + chance.randrange(1_200)
        if self._it.is_spike and self.agent.slug == "technical":
            read += 48_000 + 6_000 * turn
        said = chance.randrange(120, 420)
        return Usage(read, said, read // 2 if turn > 1 else 0, said // 3)

    def _call(self, index: int, wanted: Wanted) -> ToolCall:
        tool = self._house.tools.get(wanted.tool)
        arguments = canonical(dict(wanted.arguments)).decode()
        call = ToolCall(
            id=self._id(),
            run=self.run,
            turn=self.run.turns,
            index=index,
            provider_call_id=f"call_{self.run.turns}_{index}",
            name=wanted.tool,
            tool=tool,
            definition_hash=tool.definition_hash if tool else "",
            arguments=arguments,
            bound_arguments=arguments,
            stated_reason=wanted.reason,
            created_at=self.clock,
        )
        if tool is not None and tool.writes:
            planning.name_effect(call, tool, wanted.arguments)
            call.action_key = planning.action_key_of(call, tool, dict(wanted.arguments))
        return self._book.add(call)

    def _id(self) -> UUID:
        return UUID(int=self._it.chance.getrandbits(128), version=4)
