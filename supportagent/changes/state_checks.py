"""Decided changes must have their entry in the audit trail."""

from collections.abc import Iterator

from audit.verification import register_state_check
from supportagent.changes.models import ProposedChange

State = ProposedChange.State
ACTIONS = {
    State.PROPOSED: "changes.change.proposed",
    State.IN_FORCE: "changes.change.put_in_force",
    State.DECLINED: "changes.change.declined",
    State.STALE: "changes.change.went_stale",
    State.WITHDRAWN: "changes.change.withdrawn",
}


def _changes() -> Iterator[tuple[str, str, str, str]]:
    for pk, state in ProposedChange.objects.values_list("pk", "state").iterator():
        yield f"C-{pk} is {state}", "change", str(pk), ACTIONS[State(state)]


register_state_check("changes of the rules", _changes)
