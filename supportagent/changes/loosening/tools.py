"""Tools and their servers: what may be called at all, and what is believed about its risk."""

from collections.abc import Sequence
from typing import Any

from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.words import changed, others
from supportagent.tools.models import MCPServer, Tool

# From what needs most care to what needs least. Money and account are two sorts of harm, neither less than the other.
REVERSIBLE = (Tool.Reversible.NO, Tool.Reversible.COMPENSABLE, Tool.Reversible.YES)
HARM = {Tool.Impact.MONEY: 2, Tool.Impact.ACCOUNT: 2, Tool.Impact.CUSTOMER_VISIBLE: 1, Tool.Impact.NONE: 0}
TOOL_HARMLESS = ("what_to_check",)
PROOF_LOST = {
    "masks": "less of its answers is cut out",
    "facts_paths": "approvers see other facts, or fewer",
    "record_paths": "fewer records are named in the audit trail",
}
SERVER_HARMLESS = ("title", "synced_at")
JUDGED = (
    "enabled",
    "impact",
    "reversible",
    "requires_verified",
    "tool_class",
    "host_only",
    "destination_arguments",
    "ownership",
    "owner_path",
    "price_micros",
    *PROOF_LOST,
)


def tool_loosens(before: Values | None, after: Values | None) -> list[str]:
    """A tool that is on and was not, or that needs less care than before."""
    if after is None:
        return []
    if before is None:
        return ["it is switched on at once"] if after["enabled"] else []
    switched_on = after["enabled"] and not before["enabled"]
    return (["it is switched on"] if switched_on else []) + _risk(before, after)


def _risk(before: Values, after: Values) -> list[str]:
    sentences = []
    fields = changed(before, after, harmless=TOOL_HARMLESS)
    if "impact" in fields and HARM[Tool.Impact(after["impact"])] <= HARM[Tool.Impact(before["impact"])]:
        sentences.append(
            f"its impact is “{_label(Tool.Impact, after['impact'])}” instead of "
            f"“{_label(Tool.Impact, before['impact'])}”"
        )
    if _later(REVERSIBLE, before["reversible"], after["reversible"]):
        sentences.append(f"it counts as reversible: {_label(Tool.Reversible, after['reversible']).lower()}")
    if before["requires_verified"] and not after["requires_verified"]:
        sentences.append("it no longer needs a verified customer")
    if before["host_only"] and not after["host_only"]:
        sentences.append("it is offered to models")
    if "tool_class" in fields and after["tool_class"] != Tool.Repeat.OPAQUE:
        sentences.append(f"when its outcome is unknown it counts as “{after['tool_class'] or 'built in'}”")
    if not _contains(after["destination_arguments"], before["destination_arguments"]):
        sentences.append("fewer of its arguments count as destinations")
    return sentences + _proof(before, after, fields) + others(fields, JUDGED)


def _proof(before: Values, after: Values, fields: Sequence[str]) -> list[str]:
    """What is proved, shown and kept of an answer. More of it is no loosening; another or less of it is."""
    sentences = []
    if ("ownership" in fields and before["ownership"]) or ("owner_path" in fields and before["owner_path"]):
        sentences.append("whose record it is is proved otherwise than before, or not at all")
    for name, words in PROOF_LOST.items():
        # Without a choice all facts are shown, so the first choice shows fewer.
        chosen = name == "facts_paths" and not before[name]
        if name in fields and (chosen or not _keeps(after[name], before[name])):
            sentences.append(words)
    if "price_micros" in fields and (after["price_micros"] or 0) < (before["price_micros"] or 0):
        sentences.append("a call of it counts for less money")
    return sentences


def _keeps(more: Any, fewer: Any) -> bool:
    """Whether every path is still there, under its name where it has one."""
    if isinstance(more, dict) and isinstance(fewer, dict):
        return all(more.get(name) == path for name, path in fewer.items())
    return _contains(more, fewer)


def _contains(more: Any, fewer: Any) -> bool:
    """Whether all names are still there. What is no list of names contains nothing: in doubt, it loosens."""
    return isinstance(more, list) and isinstance(fewer, list) and all(name in more for name in fewer)


def _later(order: Sequence[str], before: str, after: str) -> bool:
    return order.index(after) > order.index(before)


def _label(choices: type, value: str) -> str:
    return str(choices(value).label)


def server_loosens(before: Values | None, after: Values | None) -> list[str]:
    """A server that is on and was not, is reached elsewhere, or is believed more."""
    if after is None:
        return []
    if before is None:
        return ["it is switched on at once"] if after["enabled"] else []
    sentences = ["it is switched on"] if after["enabled"] and not before["enabled"] else []
    if after["trusted_for_errors"] and not before["trusted_for_errors"]:
        sentences.append("its errors count as proof that nothing was executed")
    fields = changed(before, after, harmless=SERVER_HARMLESS)
    return sentences + others(fields, ("enabled", "trusted_for_errors"))


govern(Tool, tool_loosens)
govern(MCPServer, server_loosens, omitted=("synced_at",))
