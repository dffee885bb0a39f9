"""What our own code reads around a call: the facts before it, and what it did after it. Outside transactions."""

import json
from typing import Any

from agents.loop import execution, ownership
from agents.loop.execution import Unknown
from agents.loop.planning import tool_of
from agents.loop.refusal import CallRefused
from agents.models import ToolCall
from supportagent.grants.server import Outcome
from supportagent.tools import amounts, paths
from supportagent.tools.models import Tool

CURRENCY = "currency"


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
    ownership.check(call.tool, outcome.data, call.run.customer)
    return _chosen(call.tool, outcome.data)


def answer_read(call: ToolCall) -> Outcome | Unknown:
    """Make a read that a model asked for. Where another read proves whose record it is, that one is asked first."""
    if tool_of(call).imported:
        try:
            read_facts(call)
        except CallRefused as refusal:
            return Outcome.refused(refusal.code, refusal.message)
    return execution.send(call)


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
        if name in check.data and not _is(call, name, value, check.data[name])
    ]
    return {"read": check.data, "differs": differs}


def _is(call: ToolCall, name: str, intended: Any, found: Any) -> bool:
    tool = tool_of(call)
    if not tool.in_major_units or name != tool.amount_argument:
        return bool(_without_blanks(found) == _without_blanks(intended))
    try:
        return amounts.to_minor(found, call.currency) == intended
    except ValueError:
        return False


def _without_blanks(value: Any) -> Any:
    """A part that a call leaves out is blank in the record: the second line of an address."""
    if not isinstance(value, dict):
        return value
    return {name: _without_blanks(part) for name, part in value.items() if part not in ("", None)}


def _chosen(tool: Tool, answer: dict[str, Any]) -> dict[str, Any]:
    """The facts that a review picked, by name; all of them where it picked none. A missing one refuses the call.

    What is called `..._minor` is money in whole minor units: of a server that counts in major units it is converted.
    """
    if not tool.facts_paths:
        return answer
    facts: dict[str, Any] = {}
    for name, path in tool.facts_paths.items():
        try:
            facts[name] = paths.value(answer, path)
        except paths.Nowhere:
            raise CallRefused("facts_unreadable", f"the record does not say {name}, which a person must see") from None
    if tool.fixed_currency:
        facts.setdefault(CURRENCY, tool.fixed_currency)
    if tool.in_major_units:
        for name in facts:
            if name.endswith("_minor"):
                facts[name] = _minor(name, facts[name], facts.get(CURRENCY))
    return facts


def _minor(name: str, value: Any, currency: Any) -> int:
    try:
        return amounts.to_minor(value, currency if isinstance(currency, str) else "")
    except ValueError:
        raise CallRefused("facts_unreadable", f"the record's {name} is no amount of money") from None
