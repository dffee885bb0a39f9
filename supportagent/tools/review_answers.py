"""The part of a review that is about answers: whose record it is, what is shown, cut out, and named in the audit."""

import re
from collections.abc import Iterator
from typing import Any

from supportagent.tools import paths
from supportagent.tools.models import Tool

Problem = tuple[str, str]  # field, sentence
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def problems(tool: Tool, facts_read: Tool | None) -> Iterator[Problem]:
    """What does not fit. `facts_read` is the tool that `facts_tool` names, if there is one."""
    yield from _owner(tool)
    yield from _named_paths(tool, "facts_paths", 'Write names and paths, for example {"order_status": "order.status"}.')
    yield from _named_paths(tool, "record_paths", 'Write kinds and paths, for example {"order": "orderId"}.')
    if tool.facts_paths and not tool.facts_tool:
        yield "facts_paths", "Name the read that brings the facts."
    if tool.result_path and (problem := paths.problem(tool.result_path)):
        yield "result_path", problem
    yield from _masks(tool, facts_read)


def _owner(tool: Tool) -> Iterator[Problem]:
    proof = Tool.Ownership
    if tool.ownership not in proof.values:
        yield "ownership", "Say whose records it touches, and what proves it."
        return
    if tool.ownership == proof.NOBODY:
        if tool.owner_path:
            yield "owner_path", "Nobody's records have no owner: say “One customer's”, or leave it empty."
        return
    if not tool.requires_verified:
        yield "requires_verified", "It is about one customer's records: only for a customer whose identity is proved."
    if tool.ownership == proof.BOUND and "customer" not in _sources(tool):
        yield "bound_arguments", "Bind the argument that takes the customer's reference to customer."
    if tool.ownership != proof.CHECKED:
        return
    if not tool.owner_path:
        yield "owner_path", "Say where the answer names the owner."
    elif problem := paths.problem(tool.owner_path):
        yield "owner_path", problem
    if tool.writes and not tool.facts_tool:
        yield "facts_tool", "Name the read whose answer names the owner: it is asked before anything is changed."


def _named_paths(tool: Tool, field: str, example: str) -> Iterator[Problem]:
    named = getattr(tool, field)
    if not isinstance(named, dict):
        yield field, example
        return
    for name, path in named.items():
        if not NAME.fullmatch(name):
            yield field, f"{name!r}: a name is made of small letters, digits and underscores."
        if problem := paths.problem(path):
            yield field, problem


def _masks(tool: Tool, facts_read: Tool | None) -> Iterator[Problem]:
    masks = tool.masks
    if not isinstance(masks, list):
        yield "masks", 'Write a list of paths, for example ["payment.cardNumber"].'
        return
    if found := [problem for path in masks if (problem := paths.problem(path))]:
        yield "masks", found[0]
        return
    if not tool.facts_tool and _cut(masks, tool.owner_path):
        yield "masks", f"{tool.owner_path} proves the owner, so it cannot be cut out."
    for path in _texts(tool.record_paths):
        if _cut(masks, path):
            yield "masks", f"{path} names a record for the audit, so it cannot be cut out."
    hidden = facts_read.masks if facts_read is not None and isinstance(facts_read.masks, list) else []
    if facts_read is not None and _cut(hidden, tool.owner_path):
        yield "owner_path", f"{facts_read} masks it, so it proves nothing."
    for path in _texts(tool.facts_paths):
        if _cut(hidden, path):
            yield "facts_paths", f"{facts_read} masks {path}."


def _cut(masks: list[Any], path: str) -> bool:
    return bool(path) and any(isinstance(mask, str) and paths.covers(mask, path) for mask in masks)


def _texts(named: Any) -> list[str]:
    return [path for path in named.values() if isinstance(path, str)] if isinstance(named, dict) else []


def _sources(tool: Tool) -> Any:
    return tool.bound_arguments.values() if isinstance(tool.bound_arguments, dict) else ()
