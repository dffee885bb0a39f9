"""What a server's own hints suggest for the review of a tool. They prefill the form, marked; nothing obeys.

Only a tool that was never reviewed gets them, for the fields about which hints or names of arguments say anything.
"""

import re
from collections.abc import Mapping
from typing import Any

from supportagent.tools.models import Tool

KEY = re.compile(r"(?i)idempotency_?key|request_?id|client_?token")
AMOUNT = re.compile(r"(?i)amount|amount_?(minor|cents)|total")
CURRENCY = re.compile(r"(?i)currency|currency_?code")


def is_reviewed(tool: Tool) -> bool:
    """Whether an admin has said anything about it: every review says whose records the tool touches."""
    return bool(tool.ownership)


def suggested(tool: Tool) -> dict[str, Any]:
    """Field -> value of the review."""
    hints = tool.definition.get("annotations")
    arguments: Mapping[str, Any] = tool.input_schema.get("properties", {})
    found: dict[str, Any] = {}
    if isinstance(hints, dict):
        found |= _from_hints(hints)
    found |= _bound(arguments)
    if found.get("tool_class") != Tool.Repeat.READ:
        found |= _money(arguments)
        keyed = "call" in found.get("bound_arguments", {}).values()
        if keyed and isinstance(hints, dict) and hints.get("idempotentHint") is True:
            found["tool_class"] = Tool.Repeat.KEYED
    return found


def _from_hints(hints: Mapping[str, Any]) -> dict[str, Any]:
    if hints.get("readOnlyHint") is True:
        return {
            "tool_class": Tool.Repeat.READ,
            "impact": Tool.Impact.NONE,
            "reversible": Tool.Reversible.YES,
        }
    if hints.get("destructiveHint") is False:
        return {"reversible": Tool.Reversible.COMPENSABLE}
    return {}


def _bound(arguments: Mapping[str, Any]) -> dict[str, Any]:
    bound = {name: "call" for name in arguments if KEY.fullmatch(name)}
    return {"bound_arguments": bound} if bound else {}


def _money(arguments: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, declared in arguments.items():
        kind = declared.get("type") if isinstance(declared, dict) else None
        if AMOUNT.fullmatch(name) and kind in ("integer", "number", "string"):
            unit = Tool.AmountUnit.MINOR if kind == "integer" else Tool.AmountUnit.MAJOR
            found |= {"amount_argument": name, "amount_unit": unit, "impact": Tool.Impact.MONEY}
        if CURRENCY.fullmatch(name):
            found["currency_argument"] = name
    return found if "amount_argument" in found else {}
