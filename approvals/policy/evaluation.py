"""The one function that judges a call."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from approvals.models import Tier
from approvals.policy.book import Edition, RuleSet, current
from approvals.policy.rules import Answer, Asked, Call, Judged, Outcome, Rule
from approvals.policy.ruling import Ruling
from supportagent.tools.models import Tool

TRUSTED_SOURCES = frozenset({"the host", "the customer's record"})
UNCONFIRMED_DESTINATION = "A destination that no verified record confirms"


def evaluate(
    *,
    tool: Tool,
    arguments: Mapping[str, Any],
    facts: Mapping[str, Any],
    assurance: str,
    sums: Mapping[str, Any] | None = None,
    provenance: Mapping[str, str] | None = None,
    rules: RuleSet | None = None,
    edition: Edition | None = None,
    trace: list[Asked] | None = None,
) -> Ruling:
    """Ask the rules in order; without one that holds, the tool's own declaration decides.

    `sums` are the totals of the day with this call, by customer, subject and agent. `provenance` says per argument
    where its value was seen. `rules` are tried in place of those in force, which `edition` names where the caller has
    just read it. Into `trace` goes what every rule said, also
    those below the one that decided. Raises nothing but the errors of the database.
    """
    book = current(edition) if rules is None else rules
    call = Call(tool=tool, arguments=arguments, facts=facts, assurance=assurance, sums=sums, provenance=provenance)
    # Into the trace goes every rule; otherwise those that plainly do not hold are not even looked at.
    ruling, unread = _first(book.candidates(tool, call) if trace is None else book.for_tool(tool), call, trace)
    ruling = ruling or by_declaration(tool)
    for rule in reversed(unread):
        ruling = rule.unread(ruling)
    if ruling.outcome == Outcome.ALLOW and not _destinations_confirmed(tool, call):
        ruling = Ruling(Outcome.APPROVE.value, Tier.T2.value, None, UNCONFIRMED_DESTINATION, 0)
    return dataclasses.replace(ruling, book_version=book.version)


def _first(rules: Sequence[Rule], call: Call, trace: list[Asked] | None) -> tuple[Ruling | None, list[Rule]]:
    """What the first rule says that holds, and the rules above it that could not be read."""
    ruling: Ruling | None = None
    unread: list[Rule] = []
    for rule in rules:
        said: list[Judged] | None = None if trace is None else []
        answer = rule.ask(call, said)
        if trace is not None:
            trace.append(Asked(rule, answer, tuple(said or ()), decided=ruling is not None))
        if ruling is not None:
            continue
        if answer is Answer.UNREADABLE:
            unread.append(rule)
        elif answer is Answer.HOLDS:
            ruling = rule.ruling()
            if trace is None:
                break
    return ruling, unread


def by_declaration(tool: Tool) -> Ruling:
    """What becomes of a call of this tool that no rule holds for."""
    harmless = tool.impact in (Tool.Impact.NONE, Tool.Impact.CUSTOMER_VISIBLE)
    if not tool.writes or (harmless and tool.reversible == Tool.Reversible.YES):
        return Ruling(Outcome.ALLOW.value, Tier.T1.value, None, "Reversible and low impact", 0)
    return Ruling(Outcome.APPROVE.value, Tier.T2.value, None, "Irreversible or high impact", 0)


def _destinations_confirmed(tool: Tool, call: Call) -> bool:
    """Whether every argument that says where something goes was taken from a verified record, never from words."""
    names, arguments, sources = tool.destination_arguments, call.roots["arguments"], call.roots["provenance"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    destinations = tool.destinations
    if not destinations:
        return True
    if not isinstance(arguments, Mapping):
        return False
    return all(_trusted(sources.get(name)) for name in destinations if name in arguments)


def _trusted(source: Any) -> bool:
    return isinstance(source, str) and source in TRUSTED_SOURCES
