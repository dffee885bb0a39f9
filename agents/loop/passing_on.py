"""Carrying out what `hand_off` asks for: the run ends, and the next agent's begins."""

from agents import hand_offs
from agents.lease import step
from agents.loop import arrows, handing, leaving
from agents.loop.refusal import CallRefused
from agents.loop.shift import Shift
from agents.loop.transcript import Transcript
from agents.models import Run, ToolCall
from supportagent.grants import strict
from supportagent.tickets.models import HandOver

State = ToolCall.State
ONE_ONLY = "a conversation has one agent: name the one who goes first, and say the rest in the summary"


def asked_for(transcript: Transcript) -> list[ToolCall]:
    """The hand-offs that wait to be carried out: after everything else that their turn asked for."""
    return [call for call in transcript.calls_in(State.PROPOSED) if call.name == handing.NAME]


def carry_out(shift: Shift, calls: list[ToolCall]) -> bool:
    """Hand the conversation off, or refuse. True when the run has ended with it."""
    try:
        with step(shift.held, with_ticket=True) as current:
            for call in calls:
                call.run = current.run
            if len(calls) > 1:
                for call in calls:
                    arrows.refuse(current, call, CallRefused("one_hand_off_per_turn", ONE_ONLY))
                return False
            [call] = calls
            current.run.worked_ms = shift.worked_ms(current.run)
            try:
                made = hand_offs.hand_off(current, **strict.parse(call.arguments))
            except CallRefused as refused:
                arrows.refuse(current, call, refused)
                return False
            result = {"status": "handed_off", "run": str(made.to_run_id)}
            arrows.move(call, State.PROPOSED, State.SUCCEEDED, result=result)
            return True
    except hand_offs.GoesInCircles as circles:
        raise leaving.HandOverNeeded(HandOver.Reason.LIMIT, str(circles), because=Run.LOOPED) from circles
