"""A call that may not happen, and the answer that the model gets for it."""

from agents.models import ToolCall


class CallRefused(Exception):
    """The call may not happen; the model is told the code and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def answer_refusal(call: ToolCall, refusal: CallRefused) -> None:
    """Mark an unsaved or locked call as refused, with the answer that the model gets."""
    call.state = ToolCall.State.REFUSED
    call.code = refusal.code
    call.result = {"error": {"code": refusal.code, "message": refusal.message}}
