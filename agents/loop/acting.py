"""The calls of a run: plan what is proposed, settle what was interrupted, send what is ready.

Each step is one transaction under the run's fence; none is open while a server answers.
"""

from typing import Any

from django.db.models import QuerySet

from agents import failpoints, outcomes, tallies
from agents.lease import FenceLost, step
from agents.loop import arrows, classes, execution, gate, handing, intact, money, planning, reconciling
from agents.loop.execution import Unknown
from agents.loop.facts import answer_read, observe, read_facts
from agents.loop.gate import Case
from agents.loop.provenance import sources_of, typed_by_colleague
from agents.loop.refusal import CallRefused
from agents.loop.shift import Shift
from agents.loop.transcript import Transcript
from agents.models import Run, ToolCall
from agents.stopping import stopping
from audit.clock import database_now
from supportagent.grants.server import Outcome
from supportagent.prepared import prepared
from supportagent.tools.models import Tool

State = ToolCall.State


def finish_open_calls(shift: Shift, transcript: Transcript) -> bool:
    """Plan what is proposed, settle what was interrupted, send what is ready. True when there was anything.

    A hand-off comes after all of it: whoever has the conversation next knows how it ended.
    """
    open_calls = transcript.calls_in(State.PROPOSED, State.SENDING, State.READY)
    calls = _with_tools([call for call in open_calls if call.name != handing.NAME])
    proposed = [call for call in calls if call.state == State.PROPOSED]
    interrupted = [call for call in calls if call.state == State.SENDING]
    ready = _effective([call for call in calls if call.state == State.READY])
    if proposed:
        _plan(shift, proposed, transcript)
    elif interrupted:
        _settle(shift, interrupted)
    elif ready:
        _send_ready(shift, ready, transcript)
    return bool(proposed or interrupted or ready)


def send_reads(shift: Shift, reads: list[ToolCall]) -> None:
    """Make the reads whose intent was committed with the reply that asked for them."""
    answered = [(call, _answer_of(answer_read(call))) for call in reads]
    with step(shift.held) as current:
        execution.conclude_reads(current, [(_of(current.run, call), outcome) for call, outcome in answered])


def _answer_of(answer: Outcome | Unknown) -> Outcome:
    """A read that was not answered has failed: nothing depends on whether its server has carried it out."""
    return Outcome.refused("no_answer", answer.message) if isinstance(answer, Unknown) else answer


def _plan(shift: Shift, calls: list[ToolCall], transcript: Transcript) -> None:
    """Judge every proposed write of the turn, on facts read now, before any of them is sent."""
    known: list[tuple[ToolCall, dict[str, Any], CallRefused | None]] = []
    for call in calls:
        try:
            known.append((call, read_facts(call), None))
        except CallRefused as refusal:
            known.append((call, {}, refusal))
    cases = {call.pk: _case(transcript, call, facts) for call, facts, declined in known if declined is None}
    # A write alone that needs nobody goes out with the commit that judged it. Of several each is judged first.
    at_once = len(calls) == 1 and not planning.tool_of(calls[0]).imported
    sending = None
    if at_once:
        failpoints.reach("before_intent")
    with step(shift.held, with_ticket=True) as current:
        for call in calls:
            _of(current.run, call)
        captured = money.captured((call, cases[call.pk].facts) for call in calls if call.pk in cases)
        tallies.lock(calls, shift.capability.caps, captured=captured)
        for call, _, declined in known:
            if declined is not None:
                arrows.refuse(current, call, declined)
            else:
                sending = gate.plan(current, call, cases[call.pk], shift.capability, at_once=at_once)
    if sending is not None:
        failpoints.reach("after_intent")
        _send(shift, sending)


def _settle(shift: Shift, calls: list[ToolCall]) -> None:
    """A worker died with these under way: it is found out what they did."""
    for call in calls:
        _conclude(shift, call, execution.settle_interrupted(call))


def _send_ready(shift: Shift, calls: list[ToolCall], transcript: Transcript) -> None:
    for call in calls:
        if stopping.is_set():
            return  # the others are sent by whoever goes on
        try:
            intact.check_readable(call)
            case = _case(transcript, call, read_facts(call), before=reconciling.snapshot(call))
        except CallRefused as refusal:
            with step(shift.held) as current:
                arrows.refuse(current, _of(current.run, call), refusal)
            continue
        failpoints.reach("before_intent")
        # The ticket too: a decision, an edit or an undo locks it, and a card may have to be made.
        with step(shift.held, with_ticket=True) as current:
            sending = gate.intend(current, _of(current.run, call), case, shift.capability)
        if sending is not None:
            failpoints.reach("after_intent")
            _send(shift, sending)


def _send(shift: Shift, call: ToolCall) -> None:
    answer = execution.send(call)
    failpoints.reach("after_effect")
    try:
        _conclude(shift, call, answer)
    except FenceLost:
        # Of a built-in server the receipt tells whoever has the run now; of an imported one only we have heard.
        if planning.tool_of(call).imported and isinstance(answer, Outcome):
            outcomes.note_late(call.key, answer)
        raise


def _conclude(shift: Shift, call: ToolCall, answer: Outcome | Unknown) -> None:
    """Store what became of a call. Where its answer says nothing it is asked again, looked for, or left unknown."""
    finding = None
    if isinstance(answer, Unknown):
        call, answer = _ask_again(shift, call, answer)
    if not planning.tool_of(call).writes:
        with step(shift.held) as current:
            execution.conclude_reads(current, [(_of(current.run, call), _answer_of(answer))])
        return
    if planning.tool_of(call).imported:
        finding = reconciling.look(call) if isinstance(answer, Unknown) or answer.ok else None
        if isinstance(answer, Outcome) and finding is not None and finding.happened is False:
            words = "the server says that it was done, and the record does not show it"
            answer = Unknown(words, evidence={"answer": answer.data})
    if isinstance(answer, Unknown):
        with step(shift.held) as current:
            outcomes.conclude_unknown(current, _of(current.run, call), answer, finding)
        return
    evidence = observe(call, answer)
    with step(shift.held) as current:
        execution.conclude(current, _of(current.run, call), answer, evidence)


def _ask_again(shift: Shift, call: ToolCall, unknown: Unknown) -> tuple[ToolCall, Outcome | Unknown]:
    """Send a call again that may be: the server knows it by its key. Only a success tells what became of it, since a
    refusal of one attempt says nothing about the one before."""
    while classes.is_repeatable(planning.tool_of(call)) and call.attempt < execution.MAX_ATTEMPTS:
        with step(shift.held) as current:
            again = gate.repeat(current, _of(current.run, call))
        if again is None:
            break
        call, answer = again, execution.send(again)
        if isinstance(answer, Outcome) and answer.ok:
            return call, answer
        if isinstance(answer, Unknown):
            unknown = answer
    return call, unknown


def _effective(ready: list[ToolCall]) -> list[ToolCall]:
    """Those whose approval can no longer be taken back, by the database's clock. The others wait for the scheduler."""
    if not any(call.effective_at for call in ready):
        return ready
    now = database_now()
    return [call for call in ready if call.effective_at is None or call.effective_at <= now]


def _case(
    transcript: Transcript, call: ToolCall, facts: dict[str, Any], *, before: dict[str, Any] | None = None
) -> Case:
    """What is known about a write before it is judged. One that was approved brings its own words and sources."""
    if call.approval_id is not None:
        return Case(facts, words="", provenance={}, before=before)
    tool = planning.tool_of(call)
    if transcript.run.via == Run.Via.CONSOLE:
        sources = typed_by_colleague(call, tool, facts=facts)
    else:
        said, earlier = transcript.customer_said(), transcript.earlier(call)
        sources = sources_of(call, tool, facts=facts, said=said, earlier=earlier)
    return Case(facts, words=transcript.customer_words(), provenance=sources, before=before)


def _of(run: Run, call: ToolCall) -> ToolCall:
    """The call with its run's loaded relations, so that nothing is fetched again."""
    call.run = run
    return call


def _with_tools(calls: list[ToolCall]) -> list[ToolCall]:
    """The calls with their tools as they are now."""
    if calls:
        tools = {tool.pk: tool for tool in _tools(tuple(sorted({call.tool_id for call in calls if call.tool_id})))}
        for call in calls:
            call.tool = tools.get(call.tool_id) if call.tool_id else None
    return calls


@prepared
def _tools(tool_ids: tuple[int, ...]) -> QuerySet[Tool]:
    return Tool.objects.select_related("server").filter(pk__in=tool_ids).order_by()
