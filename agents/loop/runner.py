"""The loop of one run: observe, plan, act, observe the result, adjust.

It is resumable at every point from rows alone: each round looks at what has no result yet and does that. Each
method that changes something is one transaction under the run's fence; nothing holds one while it waits for a
model, a tool or a person.
"""

import json
import logging
import time
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.utils import timezone

from agents import budgets, failpoints, services
from agents.lease import Claim, FenceLost, Step, claim, heartbeat, step
from agents.loop import execution, guardrails, limits, planning, prompt, thinking
from agents.loop.planning import CallRefused, Capability
from agents.loop.thinking import ModelFailed, Thought
from agents.loop.transcript import Transcript
from agents.models import ModelCall, Run, ToolCall
from agents.prices import PriceUnknown
from agents.providers.base import ModelReply, ModelRequest, ProviderMisconfigured, RequestedCall
from agents.providers.registry import get_provider
from audit import log as audit_log
from supportagent import logs
from supportagent.tickets import services as tickets
from supportagent.tickets.models import HandOver, Ticket
from supportagent.tickets.text import storable
from supportagent.tools.models import Tool

logger = logging.getLogger(__name__)

State = ToolCall.State
SORRY = "I am handing this over to a colleague, who will read our conversation and answer you here."


class HandOverNeeded(Exception):
    """The run cannot go on by itself; a person takes the ticket."""

    def __init__(self, reason: str, summary: str, *, withheld: ModelCall | None = None) -> None:
        super().__init__(summary)
        self.reason = reason
        self.summary = summary
        self.withheld = withheld


class AgentRunner:
    """Works on one run until it waits for somebody, or ends."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.started = time.monotonic()

    def advance(self) -> None:
        """Claim the run and work on it. Returns at once when somebody else has it or nothing is to be done."""
        held = claim(self.run_id)
        if held is None:
            return
        with heartbeat.holding(held), logs.about_run(self.run_id):
            try:
                self._work(held)
            except FenceLost:
                logger.info("run %s was taken by somebody else", self.run_id)
            except Exception:
                logger.exception("run %s stopped on an error", self.run_id)
                services.recover(self.run_id, fence=held.fence)

    def _work(self, held: Claim) -> None:
        capability = Capability(held.run)
        transcript = None
        while True:
            transcript = Transcript(held.run, transcript)
            try:
                if self._finish_open_calls(held, transcript):
                    continue
                if self._think_or_leave(held, transcript, capability):
                    return
            except HandOverNeeded as needed:
                self._hand_over(held, needed)
                return

    # -- calls ---------------------------------------------------------------------------------------------------

    def _finish_open_calls(self, held: Claim, transcript: Transcript) -> bool:
        """Plan what is proposed, settle what was interrupted, send what is ready. True when there was anything."""
        calls = _with_tools(transcript.calls_in(State.PROPOSED, State.SENDING, State.READY))
        proposed = [call for call in calls if call.state == State.PROPOSED]
        interrupted = [call for call in calls if call.state == State.SENDING]
        ready = [call for call in calls if call.state == State.READY]
        if proposed:
            self._plan(held, proposed, transcript)
        elif interrupted:
            self._settle(held, interrupted)
        elif ready:
            self._send_ready(held, ready)
        return bool(calls)

    def _plan(self, held: Claim, calls: list[ToolCall], transcript: Transcript) -> None:
        """Judge every proposed write of the turn, on facts read now, before any of them is sent."""
        known: list[tuple[ToolCall, dict[str, Any], CallRefused | None]] = []
        for call in calls:
            try:
                known.append((call, execution.read_facts(call), None))
            except CallRefused as refusal:
                known.append((call, {}, refusal))
        words = transcript.customer_words()
        provenance = {call.pk: transcript.provenance(call) for call in calls}
        with step(held, with_ticket=True) as current:
            for call, facts, declined in known:
                if declined is not None:
                    execution.conclude_refused(current, _of(current.run, call), declined)
                    continue
                _of(current.run, call)
                execution.plan(current, call, facts, words=words, provenance=provenance[call.pk])

    def _settle(self, held: Claim, calls: list[ToolCall]) -> None:
        """A worker died with these under way: their receipts say what happened."""
        settled = []
        for call in calls:
            outcome = execution.settle_by_receipt(call)
            settled.append((call, outcome, execution.observe(call, outcome)))
        with step(held) as current:
            for call, outcome, evidence in settled:
                execution.conclude(current, _of(current.run, call), outcome, evidence)

    def _send_ready(self, held: Claim, calls: list[ToolCall]) -> None:
        for call in calls:
            try:
                facts = execution.read_facts(call)
            except CallRefused as refusal:
                with step(held) as current:
                    execution.conclude_refused(current, _of(current.run, call), refusal)
                continue
            failpoints.reach("before_intent")
            with step(held, with_ticket=call.approval_id is not None) as current:
                sending = execution.intend(current, _of(current.run, call), facts)
            if sending:
                failpoints.reach("after_intent")
                self._send(held, call)

    def _send(self, held: Claim, call: ToolCall) -> None:
        outcome = execution.send(call)
        failpoints.reach("after_effect")
        evidence = execution.observe(call, outcome)
        with step(held) as current:
            execution.conclude(current, _of(current.run, call), outcome, evidence)

    # -- the model -----------------------------------------------------------------------------------------------

    def _think_or_leave(self, held: Claim, transcript: Transcript, capability: Capability) -> bool:
        """Ask the model when there is something new for it; else answer, wait or end. True when the run is left."""
        run, last, news = transcript.run, transcript.last, transcript.news()
        if run.ticket.held_by_person:
            return self._leave(held, Run.State.HANDED_OVER, "handed_over", seen=run)
        if last is not None and last.fate == ModelCall.Fate.OPEN:
            return self._answer(held, last, transcript, superseded=bool(news))
        if not news:
            return self._leave(held, _resting_state(transcript), "", seen=run)
        worked_ms = run.worked_ms + int((time.monotonic() - self.started) * 1000)
        limit = limits.reached(run, transcript, news, worked_ms=worked_ms)
        if limit:
            raise HandOverNeeded(HandOver.Reason.LIMIT, f"The agent reached its limit: {limit}.")
        thought = self._think(held, transcript, news, capability)
        return self._keep(held, thought, transcript, news, capability)

    def _think(self, held: Claim, transcript: Transcript, news: list, capability: Capability) -> Thought:
        run, agent = transcript.run, transcript.run.agent
        try:
            provider = get_provider(agent.provider)
            request = ModelRequest(
                model=agent.model or settings.DEFAULT_MODEL,
                instructions=prompt.instructions(agent, run),
                items=guardrails.check_input(transcript.items(news)),
                tools=capability.specs,
                max_output_tokens=agent.max_output_tokens,
                stream=settings.MODEL_STREAM,
                deadline=thinking.deadline(),
                reasoning=agent.reasoning_effort,
            )
            return thinking.think(held, agent, provider, request)
        except budgets.BudgetDenied as denied:
            raise HandOverNeeded(HandOver.Reason.BUDGET, f"A budget is used up: {denied}.") from denied
        except (ModelFailed, PriceUnknown, ProviderMisconfigured) as error:
            raise HandOverNeeded(HandOver.Reason.FAILURE, f"The model could not be used: {error}") from error

    def _keep(self, held: Claim, thought: Thought, transcript: Transcript, news: list, capability: Capability) -> bool:
        """Commit the reply before anything that it asks for happens, and send what harms nobody in the same breath:
        its reads, or a final answer that is in order and up to date. True when the run is left.
        """
        # A reply that was cut off or refused may hold half of what the model meant: none of its calls is made.
        whole = thought.reply.finish in ("stop", "tool_calls")
        requested = _with_unique_ids(thought.reply.tool_calls) if whole else ()
        text = "" if requested else self._sendable(thought.reply, transcript)
        try:
            with step(held, with_ticket=bool(text)) as current:
                answers = bool(text) and _may_speak(current.run, transcript)
                self._commit_reply(current, thought, requested, transcript, news, sent=answers)
                reads = self._propose(current, requested, capability)
                if answers:
                    self._post(current, text, _resting_state(transcript))
        except FenceLost:
            with audit_log.transaction():  # the reply is void, but it was paid for
                budgets.settle(thought.spend, charged=thought.cost)
            raise
        failpoints.reach("reply_committed")
        if not reads:
            return answers
        answered = [(call, execution.send(call)) for call in reads]
        with step(held) as current:
            execution.conclude_reads(current, [(_of(current.run, call), outcome) for call, outcome in answered])
        return False

    def _commit_reply(
        self,
        current: Step,
        thought: Thought,
        requested: tuple[RequestedCall, ...],
        transcript: Transcript,
        news: list,
        *,
        sent: bool,
    ) -> None:
        run, reply = current.run, thought.reply
        budgets.settle(thought.spend, charged=thought.cost)
        usage = reply.usage
        run.turns += 1
        run.message_seq = transcript.newest_message_seq()
        run.cost_micros += thought.cost
        run.input_tokens += usage.input_tokens if usage else 0
        run.output_tokens += usage.output_tokens if usage else 0
        unsettled = ModelCall.Fate.TOOLS if requested else ModelCall.Fate.OPEN
        ModelCall.objects.create(
            run=run,
            turn=run.turns,
            shown=news,
            text=storable(reply.text),
            tool_calls=[{"id": c.id, "name": c.name, "arguments": c.arguments} for c in requested],
            raw=_replayable(reply, requested),
            reasoning=storable(reply.reasoning),
            finish=reply.finish,
            fate=ModelCall.Fate.SENT if sent else unsettled,
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
                execution.note_refused(current, call)
        reads = [c for c in calls if c.state == State.PROPOSED and c.tool is not None and not c.tool.writes]
        sending = execution.intend_reads(current, reads)
        ToolCall.objects.bulk_create(calls)
        return sending

    # -- leaving -------------------------------------------------------------------------------------------------

    def _sendable(self, reply: ModelReply, transcript: Transcript) -> str:
        """The final text, when no guardrail objects; empty when it needs a closer look."""
        verdict = guardrails.check_output(storable(reply.text), ticket=transcript.run.ticket)
        return verdict.text if verdict.passes and reply.finish == "stop" else ""

    def _answer(self, held: Claim, last: ModelCall, transcript: Transcript, *, superseded: bool) -> bool:
        """Send a stored final text, unless the customer wrote again meanwhile. True when the run is left."""
        run = transcript.run
        verdict = guardrails.check_output(last.text, ticket=run.ticket)
        if not superseded and (not verdict.passes or last.finish != "stop"):
            problem = verdict.problem or f"the model stopped early ({last.finish})"
            raise HandOverNeeded(HandOver.Reason.GUARDRAIL, f"A reply was withheld: {problem}.", withheld=last)
        with step(held, with_ticket=True) as current:
            # Race: a message, a decision or a taker-over came while the model wrote. They raise `wanted` under the
            # run's lock, which we hold now: what we saw before is still all there is, or we look again.
            if not superseded and current.run.wanted != run.wanted:
                # The answer stays open: what came in may be nothing that it has to speak of, then it is sent.
                return False
            if superseded:
                self._set_fate(last, ModelCall.Fate.UNSENT)
                current.emit("message", "The answer was not sent: something new came in")
                return False
            self._set_fate(last, ModelCall.Fate.SENT)
            self._post(current, verdict.text, _resting_state(transcript))
        return True

    def _post(self, current: Step, text: str, state: str) -> None:
        """Answer the customer and leave the run in `state`. The step holds the ticket."""
        run = current.run
        tickets.post_reply(
            ticket=run.ticket,
            body=text,
            actor=run.agent.service_user,
            author_name=run.agent.name,
            run_id=run.pk,
        )
        current.emit("message", "Answered the customer", text=text[:500])
        self._rest(current, state, "answered")

    def _set_fate(self, last: ModelCall, fate: str) -> None:
        ModelCall.objects.filter(pk=last.pk).update(fate=fate)

    def _leave(self, held: Claim, state: str, because: str, *, seen: Run) -> bool:
        """Leave the run in `state`, unless it was given work since we looked."""
        with step(held, with_ticket=True) as current:
            if current.run.wanted != seen.wanted and state != Run.State.HANDED_OVER:
                return False
            if state == Run.State.HANDED_OVER:
                services.cancel_held_calls(current.run, actor=held.actor, why="handed over")
            self._rest(current, state, because)
        return True

    def _rest(self, current: Step, state: str, because: str) -> None:
        run = current.run
        run.state = state
        run.worked_ms += int((time.monotonic() - self.started) * 1000)
        current.emit("state", Run.State(state).label)
        if state == Run.State.AWAITING_APPROVAL:
            tickets.set_state(ticket=run.ticket, state=Ticket.State.WAITING_APPROVAL)
            return
        if state == Run.State.COMPLETED:
            tickets.set_state(ticket=run.ticket, state=Ticket.State.WAITING_CUSTOMER)
        run.ended_because = because
        run.finished_at = timezone.now()
        services.record_run(f"agents.run.{state.lower()}", run, cost_micros=run.cost_micros, outcome=because)

    def _hand_over(self, held: Claim, needed: HandOverNeeded) -> None:
        with step(held, with_ticket=True) as current:
            if needed.withheld is not None:
                # In this transaction: a worker that dies between the two would leave an answer that nobody sends.
                self._set_fate(needed.withheld, ModelCall.Fate.WITHHELD)
            services.hand_over(current, reason=needed.reason, summary=needed.summary, customer_text=SORRY)
            self._rest(current, Run.State.HANDED_OVER, needed.reason)


def _of(run: Run, call: ToolCall) -> ToolCall:
    """The call with its run's loaded relations, so that nothing is fetched again."""
    call.run = run
    return call


def _with_tools(calls: list[ToolCall]) -> list[ToolCall]:
    """The calls with their tools as they are now."""
    if calls:
        tools = Tool.objects.select_related("server").in_bulk({call.tool_id for call in calls if call.tool_id})
        for call in calls:
            call.tool = tools.get(call.tool_id) if call.tool_id else None
    return calls


def _may_speak(run: Run, transcript: Transcript) -> bool:
    """Whether an answer to this transcript still answers all there is, and no person has the word."""
    return transcript.still_holds(run) and not run.ticket.held_by_person


def _resting_state(transcript: Transcript) -> str:
    waits = transcript.calls_in(State.AWAITING_APPROVAL)
    return Run.State.AWAITING_APPROVAL if waits else Run.State.COMPLETED


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
