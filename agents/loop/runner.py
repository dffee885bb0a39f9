"""The loop of one run: observe, plan, act, observe the result, adjust.

It is resumable at every point from rows alone: each round looks at what has no result yet and does that. Each
method that changes something is one transaction under the run's fence; nothing holds one while it waits for a
model, a tool or a person.
"""

import json
import logging
from dataclasses import replace
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import PermissionDenied

from agents import failpoints, services
from agents.costs import budgets
from agents.costs.prices import PriceUnknown
from agents.dispatch import enqueue
from agents.lease import FenceLost, Step, claim, heartbeat, step
from agents.loop import (
    acting,
    arrows,
    gate,
    guardrails,
    leaving,
    limits,
    loops,
    passing_on,
    paying,
    planning,
    prompt,
    thinking,
)
from agents.loop.capability import Capability
from agents.loop.limits import LimitReached
from agents.loop.shift import Shift
from agents.loop.thinking import ModelFailed, Thought
from agents.loop.transcript import Transcript
from agents.models import ModelCall, Run, ToolCall
from agents.providers.base import ModelReply, ModelRequest, ProviderMisconfigured, RequestedCall
from agents.providers.registry import get_provider
from agents.stopping import stopping
from audit import log as audit_log
from supportagent import logs
from supportagent.prepared import insert
from supportagent.tickets.models import HandOver
from supportagent.tickets.text import storable

logger = logging.getLogger(__name__)

State = ToolCall.State


class AgentRunner:
    """Works on one run until it waits for somebody, or ends."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id

    def advance(self) -> None:
        """Claim the run and work on it. Returns at once when somebody else has it or nothing is to be done."""
        if stopping.is_set():
            # Race: an idle thread took the job just before it heard that the process ends. What it claimed now could
            # be missed by those who give the claims of this process back.
            enqueue(self.run_id)
            return
        failpoints.reach("before_claim")
        held = claim(self.run_id)
        if held is None:
            return
        with heartbeat.holding(held), logs.about_run(self.run_id):
            try:
                self._work(Shift.begin(held))
            except FenceLost:
                logger.info("run %s was taken by somebody else", self.run_id)
            except Exception:
                logger.exception("run %s stopped on an error", self.run_id)
                services.recover(self.run_id, fence=held.fence)

    def _work(self, shift: Shift) -> None:
        transcript = None
        while True:
            if stopping.is_set():
                services.give_back(shift.held)
                return
            transcript = Transcript(shift.held.run, transcript)
            shift.keep_rights_fresh()
            try:
                if acting.finish_open_calls(shift, transcript):
                    continue
                hand_offs = passing_on.asked_for(transcript)
                if hand_offs:
                    if passing_on.carry_out(shift, hand_offs):
                        return
                    continue
                if self._think_or_leave(shift, transcript):
                    return
            except leaving.HandOverNeeded as needed:
                leaving.hand_over(shift, needed)
                return
            except PermissionDenied as denied:
                if transcript.run.is_direct:
                    raise  # nobody promised the customer anything: it is tried again, then parked
                because = f"The agent lost a right that it needs: {denied}"
                leaving.hand_over(shift, leaving.HandOverNeeded(HandOver.Reason.FAILURE, because))
                return

    def _think_or_leave(self, shift: Shift, transcript: Transcript) -> bool:
        """Ask the model when there is something new for it; else answer, wait or end. True when the run is left."""
        run = transcript.run
        if run.is_direct:  # nothing thinks; whoever asked for the call sees what became of it
            return leaving.leave(shift, leaving.resting_state(transcript), "done", seen=run)
        last, news = transcript.last, transcript.news()
        if run.ticket.held_by_person and not run.is_assist:
            return leaving.leave(shift, Run.State.HANDED_OVER, "handed_over", seen=run)
        if last is not None and last.fate == ModelCall.Fate.OPEN:
            return leaving.answer(shift, last, transcript, superseded=bool(news) and not run.is_assist)
        if not news:
            return leaving.leave(shift, leaving.resting_state(transcript), "", seen=run)
        _require_progress(shift, transcript, news)
        thought = self._think(shift, transcript, news)
        thought = replace(thought, reply=guardrails.without_secrets(thought.reply))
        return self._keep(shift, thought, transcript, news)

    def _think(self, shift: Shift, transcript: Transcript, news: list) -> Thought:
        run, agent = transcript.run, transcript.run.its_agent
        try:
            provider = get_provider(agent.provider)
            request = ModelRequest(
                model=agent.model or settings.DEFAULT_MODEL,
                instructions=prompt.instructions(agent, run),
                items=guardrails.check_input(transcript.items(news)),
                tools=shift.capability.specs,
                max_output_tokens=agent.max_output_tokens,
                stream=settings.MODEL_STREAM,
                deadline=thinking.deadline(),
                reasoning=agent.reasoning_effort,
            )
            return thinking.think(shift.held, agent, provider, request)
        except budgets.BudgetDenied as denied:
            raise leaving.HandOverNeeded(HandOver.Reason.BUDGET, f"A budget is used up: {denied}.") from denied
        except LimitReached as limit:
            raise leaving.HandOverNeeded(HandOver.Reason.LIMIT, f"The agent reached its limit: {limit}.") from limit
        except (ModelFailed, PriceUnknown, ProviderMisconfigured) as error:
            raise leaving.HandOverNeeded(HandOver.Reason.FAILURE, f"The model could not be used: {error}") from error

    def _keep(self, shift: Shift, thought: Thought, transcript: Transcript, news: list) -> bool:
        """Commit the reply before anything that it asks for happens, and send what harms nobody in the same breath:
        its reads, or a final answer that is in order and up to date. True when the run is left.
        """
        # A reply that was cut off or refused may hold half of what the model meant: none of its calls is made.
        whole = thought.reply.finish in ("stop", "tool_calls")
        requested = _with_unique_ids(thought.reply.tool_calls) if whole else ()
        text = "" if requested else leaving.sendable(thought.reply, transcript)
        try:
            with step(shift.held, with_ticket=bool(text)) as current:
                answers = bool(text) and leaving.may_speak(current.run, transcript)
                fate = leaving.fate_of_answer(current.run) if answers else ModelCall.Fate.OPEN
                self._commit_reply(current, thought, requested, transcript, news, fate)
                reads = self._propose(current, requested, shift.capability)
                if answers:
                    leaving.post(shift, current, text, leaving.resting_state(transcript), fate)
        except (FenceLost, PermissionDenied):
            with audit_log.transaction():  # the reply is void, but it was paid for
                thinking.settle(thought)
            raise
        failpoints.reach("reply_committed")
        if reads:
            acting.send_reads(shift, reads)
        return answers

    def _commit_reply(
        self,
        current: Step,
        thought: Thought,
        requested: tuple[RequestedCall, ...],
        transcript: Transcript,
        news: list,
        fate: str,
    ) -> None:
        run, reply = current.run, thought.reply
        thinking.settle(thought, run)
        usage = reply.usage
        run.turns += 1
        run.message_seq = transcript.newest_message_seq()
        turn = ModelCall(
            run=run,
            turn=run.turns,
            shown=news,
            text=storable(reply.text),
            tool_calls=[{"id": c.id, "name": c.name, "arguments": c.arguments} for c in requested],
            raw=_replayable(reply, requested),
            reasoning=storable(reply.reasoning),
            finish=reply.finish,
            fate=ModelCall.Fate.TOOLS if requested else fate,
            provider=thought.provider,
            model=reply.model,
            request_id=reply.request_id,
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            cached_tokens=usage.cached_tokens if usage else 0,
            reasoning_tokens=usage.reasoning_tokens if usage else 0,
            price_id=thought.price_id,
            cost_micros=thought.cost,
            latency_ms=thought.latency_ms,
        )
        insert(turn)
        current.emit(
            "model",
            f"{reply.model} answered",
            turn=run.turns,
            cost_micros=thought.cost,
            ms=thought.latency_ms,
        )

    def _propose(self, current: Step, requested: tuple[RequestedCall, ...], capability: Capability) -> list[ToolCall]:
        """Store the calls of the turn. Returns the reads, whose intent is committed with the reply."""
        calls = planning.propose(current.run, capability, requested)
        for call in calls:
            if call.state == State.REFUSED:
                arrows.note_refused(current, call)
        reads = [c for c in calls if c.state == State.PROPOSED and c.tool is not None and not c.tool.writes]
        sending = gate.intend_reads(current, reads)
        if calls:
            insert(*calls)
        return sending


def _require_progress(shift: Shift, transcript: Transcript, news: list) -> None:
    """Raise HandOverNeeded where a cap refused a call, the agent goes in circles, or has done as much as it may."""
    run = transcript.run
    denied = paying.denied(transcript, news)
    if denied is not None:
        raise leaving.HandOverNeeded(*denied)
    circle = loops.found(transcript, news, writes=shift.capability.writes)
    if circle:
        summary = f"The agent goes in circles: {circle}."
        raise leaving.HandOverNeeded(HandOver.Reason.LIMIT, summary, because=Run.LOOPED)
    limit = limits.reached(run, transcript, news, worked_ms=shift.worked_ms(run))
    if limit:
        raise leaving.HandOverNeeded(HandOver.Reason.LIMIT, f"The agent reached its limit: {limit}.")


def _with_unique_ids(calls: tuple[RequestedCall, ...]) -> tuple[RequestedCall, ...]:
    """A model may repeat or omit ids; results must still find their call."""
    seen: set[str] = set()
    unique = []
    for call in calls:
        identity = call.id if call.id and len(call.id) <= 120 and call.id not in seen else f"call_{uuid4().hex}"
        seen.add(identity)
        unique.append(RequestedCall(identity, storable(call.name), storable(call.arguments)))
    return tuple(unique)


def _replayable(reply: ModelReply, requested: tuple[RequestedCall, ...]) -> list | None:
    """The provider's own form of the reply, when it says the same as what we keep."""
    if reply.raw is None or requested != reply.tool_calls or "\\u0000" in json.dumps(reply.raw):
        return None
    return reply.raw
