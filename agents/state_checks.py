"""Rows of agents that must have their entry in the audit trail."""

from collections.abc import Iterator

from agents.models import Run, ToolCall
from audit.verification import register_state_check


def _carried_out() -> Iterator[tuple[str, str, str, str]]:
    done = ToolCall.objects.filter(state=ToolCall.State.SUCCEEDED, tool__effect="WRITE").values_list("pk", flat=True)
    for pk in done.iterator():
        yield f"call {pk} succeeded", "tool_call", str(pk), "agents.tool_call.succeeded"


def _intended() -> Iterator[tuple[str, str, str, str]]:
    sent = ToolCall.objects.filter(sent_at__isnull=False, tool__effect="WRITE").values_list("pk", flat=True)
    for pk in sent.iterator():
        yield f"call {pk} was sent", "tool_call", str(pk), "agents.tool_call.intended"


def _completed() -> Iterator[tuple[str, str, str, str]]:
    for pk in Run.objects.filter(state=Run.State.COMPLETED).values_list("pk", flat=True).iterator():
        yield f"run {pk} completed", "run", str(pk), "agents.run.completed"


register_state_check("effects carried out", _carried_out)
register_state_check("effects intended", _intended)
register_state_check("completed runs", _completed)
