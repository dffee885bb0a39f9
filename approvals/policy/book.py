"""The rules in force, read once per change and process. Asking them costs one small statement, however many."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection

from approvals.models import ApprovalPolicy, RuleBook
from approvals.policy.rules import Call, Rule, compile_rule
from approvals.policy.sieve import Sieve
from supportagent.tools.models import Tool

_TRIES = 5
EDITION = f"SELECT version, stamp FROM {RuleBook._meta.db_table} WHERE id = 1"  # noqa: S608


class Edition(NamedTuple):
    """The number of a rule book and the stamp that tells it from one that was rolled back under the same number."""

    version: int
    stamp: str


class RuleSet:
    """Rules in the order in which they are asked, by the tool they are asked for."""

    def __init__(self, rules: Iterable[Rule], version: int = 0) -> None:
        self.version = version
        self.rules = tuple(rules)
        self._by_tool: dict[tuple[int | None, bool], Sieve] = {}

    def for_tool(self, tool: Tool) -> tuple[Rule, ...]:
        """The rules that name this tool, and those for every tool that writes if it does."""
        return self._sieve(tool).rules

    def candidates(self, tool: Tool, call: Call) -> list[Rule]:
        """Those of them that may hold for this call or cannot be read for it; the others plainly do not hold."""
        return self._sieve(tool).candidates(call)

    def _sieve(self, tool: Tool) -> Sieve:
        key = (tool.pk, tool.writes)
        if key not in self._by_tool:
            # Race: two threads put the same value in.
            self._by_tool[key] = Sieve(
                tuple(rule for rule in self.rules if rule.tool_id == tool.pk or (rule.tool_id is None and tool.writes))
            )
        return self._by_tool[key]


_kept: tuple[Edition, RuleSet] | None = None


def current(edition: Edition | None = None) -> RuleSet:
    """The rules in force for the present transaction: one statement unless the caller has read the edition in it,
    three more after a change."""
    global _kept
    edition = edition or _edition()
    for _ in range(_TRIES):
        kept = _kept
        if kept is not None and kept[0] == edition:
            return kept[1]
        rules = compile_rules(ApprovalPolicy.objects.filter(enabled=True), version=edition.version)
        # Race: the rules change between the statements. What was read then belongs to no edition.
        before, edition = edition, _edition()
        if before == edition and edition.stamp:
            _kept = (edition, rules)
        if before == edition:
            return rules
    return rules


def rules_in_force() -> int:
    """The number of the rule book: what is in force right now."""
    return _edition().version


def compile_rules(rows: Iterable[ApprovalPolicy], *, version: int = 0) -> RuleSet:
    """Read rules that are stored, or that somebody wants to try before he keeps them."""
    rows = list(rows)
    named: dict[int, list[str]] = {}
    links = ApprovalPolicy.approvers.through.objects.filter(approvalpolicy__in=[row.pk for row in rows if row.pk])
    for rule_id, role in links.order_by("group__name").values_list("approvalpolicy_id", "group__name"):
        named.setdefault(rule_id, []).append(role)
    ordered = sorted(rows, key=lambda row: (row.order, row.pk or 0))
    return RuleSet((compile_rule(row, tuple(named.get(row.pk, ()))) for row in ordered), version)


def _edition() -> Edition:
    with connection.cursor() as cursor:
        cursor.execute(EDITION)
        row = cursor.fetchone()
    return Edition(*row) if row else Edition(0, "")
