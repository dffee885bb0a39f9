"""The ways a worker leaves a run: with an answer, to wait, at its end, or by giving the ticket to a person.

Nobody leaves over work that came in meanwhile: `wanted` is compared under the run's lock.
"""

from django.utils import timezone

from agents import services
from agents.autonomy import Level, level_of
from agents.lease import Step, step
from agents.loop import guardrails
from agents.loop.shift import Shift
from agents.loop.transcript import Transcript
from agents.models import ModelCall, Run, ToolCall
from agents.providers.base import ModelReply
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Draft, HandOver, Ticket
from supportagent.tickets.text import storable

State = ToolCall.State
SORRY = "I am handing this over to a colleague, who will read our conversation and answer you here."


class HandOverNeeded(Exception):
    """The run cannot go on by itself; a person takes the ticket.

    `because` is what the run keeps of why it ended, where that says more than the reason that people are told.
    """

    def __init__(self, reason: str, summary: str, *, because: str = "", withheld: ModelCall | None = None) -> None:
        super().__init__(summary)
        self.reason = reason
        self.because = because or reason
        self.summary = summary
        self.withheld = withheld


def sendable(reply: ModelReply, transcript: Transcript) -> str:
    """The final text, when no guardrail objects; empty when it needs a closer look."""
    verdict = guardrails.check_output(
        storable(reply.text), ticket=transcript.run.ticket, agent=transcript.run.its_agent
    )
    return verdict.text if verdict.passes and reply.finish == "stop" else ""


def may_speak(run: Run, transcript: Transcript) -> bool:
    """Whether an answer to this transcript still answers all there is, and no person has the word.

    Who was asked by a colleague answers the colleague, whatever is said to the customer meanwhile.
    """
    return run.is_assist or (transcript.still_holds(run) and not run.ticket.held_by_person)


def fate_of_answer(run: Run) -> str:
    """What becomes of the run's words: they go to the customer, or are kept for a person to send."""
    if run.is_assist or level_of(run.its_agent, run.ticket) != Level.AUTONOMOUS:
        return ModelCall.Fate.DRAFTED
    return ModelCall.Fate.SENT


def resting_state(transcript: Transcript) -> str:
    """What a run becomes that has nothing more to do: it waits, or it is done.

    It waits for a person who decides or finds out what became of a call, or for the end of the time to take an
    approval back: a call that could go at once would have been sent.
    """
    waits = transcript.calls_in(*ToolCall.UNSETTLED)
    return Run.State.AWAITING_APPROVAL if waits else Run.State.COMPLETED


def answer(shift: Shift, last: ModelCall, transcript: Transcript, *, superseded: bool) -> bool:
    """Send a stored final text, unless the customer wrote again meanwhile. True when the run is left."""
    run = transcript.run
    verdict = guardrails.check_output(last.text, ticket=run.ticket, agent=run.its_agent)
    if not superseded and (not verdict.passes or last.finish != "stop"):
        problem = verdict.problem or f"the model stopped early ({last.finish})"
        raise HandOverNeeded(HandOver.Reason.GUARDRAIL, f"A reply was withheld: {problem}.", withheld=last)
    with step(shift.held, with_ticket=True) as current:
        # Race: a message, a decision or a taker-over came while the model wrote. They raise `wanted` under the
        # run's lock, which we hold now: what we saw before is still all there is, or we look again.
        if not superseded and not run.is_assist and current.run.wanted != run.wanted:
            # The answer stays open: what came in may be nothing that it has to speak of, then it is sent.
            return False
        if superseded:
            _set_fate(last, ModelCall.Fate.UNSENT)
            current.emit("message", "The answer was not sent: something new came in")
            return False
        fate = fate_of_answer(current.run)
        _set_fate(last, fate)
        post(shift, current, verdict.text, resting_state(transcript), fate)
    return True


def post(shift: Shift, current: Step, text: str, state: str, fate: str) -> None:
    """Answer whoever waits, or keep the answer for a person to send, and leave the run in `state`.

    The step holds the ticket.
    """
    run = current.run
    if run.is_assist:
        _tell_colleague(run, text)
        current.emit("message", "Answered the colleague", text=text[:500])
        _rest(shift, current, Run.State.COMPLETED, "answered")
    elif fate == ModelCall.Fate.DRAFTED:
        _rest(shift, current, state, "drafted")
        kind = Draft.Kind(level_of(run.its_agent, run.ticket))
        tickets.save_draft(ticket=run.ticket, body=text, actor=run.actor, run_id=run.pk, kind=kind)
        current.emit("message", "Drafted an answer for a person to send", text=text[:500])
    else:
        tickets.post_reply(ticket=run.ticket, body=text, actor=run.actor, author_name=run.actor_name, run_id=run.pk)
        current.emit("message", "Answered the customer", text=text[:500])
        _rest(shift, current, state, "answered")


def _tell_colleague(run: Run, text: str) -> None:
    if run.asked_for == Run.AskedFor.DRAFT:
        tickets.save_draft(ticket=run.ticket, body=text, actor=run.actor, run_id=run.pk)
    else:
        tickets.add_note(ticket=run.ticket, body=text, actor=run.actor, run_id=run.pk)


def leave(shift: Shift, state: str, because: str, *, seen: Run) -> bool:
    """Leave the run in `state`, unless it was given work since we looked."""
    with step(shift.held, with_ticket=True) as current:
        if current.run.wanted != seen.wanted and state != Run.State.HANDED_OVER:
            return False
        if state == Run.State.HANDED_OVER:
            services.cancel_held_calls(current.run, actor=shift.held.actor, why="handed over")
            services.complete_hand_over(current.run)
        _rest(shift, current, state, because)
    return True


def hand_over(shift: Shift, needed: HandOverNeeded) -> None:
    """Give the ticket to a person and end the run. A colleague who asked has the ticket already, and is told."""
    with step(shift.held, with_ticket=True) as current:
        if needed.withheld is not None:
            # In this transaction: a worker that dies between the two would leave an answer that nobody sends.
            _set_fate(needed.withheld, ModelCall.Fate.WITHHELD)
            current.emit("guard", needed.summary, turn=needed.withheld.turn)
        if current.run.is_assist:
            current.emit("error", needed.summary)
            _rest(shift, current, Run.State.FAILED, needed.because)
            return
        services.hand_over(current, reason=needed.reason, summary=needed.summary, customer_text=SORRY)
        _rest(shift, current, Run.State.HANDED_OVER, needed.because)


def _rest(shift: Shift, current: Step, state: str, because: str) -> None:
    run = current.run
    run.state = state
    run.worked_ms = shift.worked_ms(run)
    current.emit("state", Run.State(state).label)
    moves_ticket = run.answers_customer  # what a colleague asks for beside the conversation changes nothing about it
    if state == Run.State.AWAITING_APPROVAL:
        if moves_ticket:
            tickets.set_state(ticket=run.ticket, state=Ticket.State.WAITING_APPROVAL)
        return
    if state == Run.State.COMPLETED and moves_ticket:
        tickets.set_state(ticket=run.ticket, state=Ticket.State.WAITING_CUSTOMER)
    run.ended_because = because
    run.finished_at = timezone.now()
    services.record_run(f"agents.run.{state.lower()}", run, cost_micros=run.cost_micros, outcome=because)


def _set_fate(last: ModelCall, fate: str) -> None:
    ModelCall.objects.filter(pk=last.pk).update(fate=fate)
