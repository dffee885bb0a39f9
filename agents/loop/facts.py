"""What our own code reads around a call: the facts before it, and what it did after it. Outside transactions."""

import json
from typing import Any

from agents.loop import execution
from agents.loop.refusal import CallRefused
from agents.models import ToolCall
from supportagent.grants.server import Outcome


def read_facts(call: ToolCall) -> dict[str, Any]:
    """Ask the domain for the facts that a person must see and that prove whose record it is.

    Raises CallRefused when the domain declines: not found, not this customer's, not for this role.
    """
    if call.tool is None or not call.tool.facts_tool:
        return {}
    outcome = execution.read(call, call.tool.facts_tool, purpose="facts")
    if not outcome.ok:
        error = outcome.data["error"]
        raise CallRefused(error["code"], error["message"])
    if outcome.data.get("customer", call.run.customer) != call.run.customer:
        raise CallRefused("not_found", "there is no such record of this customer")
    return outcome.data


def observe(call: ToolCall, outcome: Outcome) -> dict[str, Any] | None:
    """Read back what a write did and compare it with what was intended; None where nothing is to be compared."""
    if not outcome.ok or call.tool is None or not call.tool.check_tool:
        return None
    check = execution.read(call, call.tool.check_tool, purpose="check")
    if not check.ok:
        return {"read": check.data, "differs": ["the outcome could not be read back"]}
    intended = {
        **json.loads(call.bound_arguments),
        **{name: outcome.data.get(name) for name in call.tool.check_fields},
    }
    differs = [
        f"{name}: intended {value!r}, found {check.data[name]!r}"
        for name, value in intended.items()
        if name in check.data and check.data[name] != value
    ]
    return {"read": check.data, "differs": differs}
