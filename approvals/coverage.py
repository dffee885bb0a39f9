"""Which rules hold for which tool, and what no rule holds: everything that would surprise somebody at night."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import QuerySet

from approvals import policy
from approvals.models import ApprovalPolicy, Tier
from approvals.policy import Rule, Ruling
from supportagent.staff.models import User
from supportagent.tools.access import APPROVE
from supportagent.tools.models import MCPServer, Tool, ToolGrant, ToolUserGrant

Outcome = ApprovalPolicy.Outcome
Texts = frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class Placed:
    """A rule in the order of one tool. `behind`: the rule above it that leaves it nothing."""

    rule: Rule
    names_tool: bool
    behind: str = ""


@dataclass(frozen=True)
class Covered:
    """One tool that writes: its rules, what holds when none of them does, and what is wrong with it."""

    tool: Tool
    rules: list[Placed]
    rest: Ruling | None  # what the tool's own declaration says; None where a rule always holds
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """Every enabled tool that writes, and the rules that no call can reach."""

    tools: list[Covered]
    idle: list[tuple[ApprovalPolicy, str]]

    @property
    def undeclared(self) -> int:
        return sum(not covered.rules for covered in self.tools)

    @property
    def automatic(self) -> int:
        """Tools some of whose calls nobody sees."""
        return sum(
            (covered.rest is not None and covered.rest.outcome == Outcome.ALLOW)
            or any(placed.rule.outcome == Outcome.ALLOW and not placed.behind for placed in covered.rules)
            for covered in self.tools
        )

    @property
    def gaps(self) -> int:
        return sum(len(covered.gaps) for covered in self.tools)


def report() -> Report:
    """Look at all tools and all rules. The number of statements does not depend on how many there are."""
    tools = list(
        Tool.objects.filter(effect=Tool.Effect.WRITE, enabled=True, server__enabled=True, host_only=False)
        .select_related("server")
        .order_by("qualified_name")
    )
    rules, approvers = policy.current(), _approvers()
    covered = [_cover(tool, rules.for_tool(tool), approvers.get(tool.pk, {})) for tool in tools]
    return Report(covered, _idle(covered))


def _cover(tool: Tool, rules: Iterable[Rule], approvers: dict[int, set[str]]) -> Covered:
    placed: list[Placed] = []
    above: list[tuple[Rule, Texts]] = []
    for rule in rules:
        texts = frozenset((each.path.text, each.op, repr(each.value)) for each in rule.conditions)
        placed.append(Placed(rule, rule.tool_id is not None, "" if rule.fault else _behind(texts, above)))
        if not rule.fault:
            above.append((rule, texts))
    rest = None if any(_always(each.rule) for each in placed) else policy.by_declaration(tool)
    gaps = [*_declared(tool), *_unread(placed), *_nobody(placed, rest, approvers)]
    return Covered(tool, placed, rest, gaps)


def _always(rule: Rule) -> bool:
    return not rule.fault and not rule.conditions


def _behind(mine: Texts, above: Iterable[tuple[Rule, Texts]]) -> str:
    """The rule above that holds whenever one with these conditions does: it has none, or only conditions of these.

    A rule that cannot be read is asked all the same, and one above that cannot be read lets this one be asked.
    """
    return next((other.name for other, theirs in above if theirs <= mine), "")


def _declared(tool: Tool) -> list[str]:
    if tool.server.transport == MCPServer.Transport.BUILTIN:
        return []
    lacks = []
    if not tool.tool_class:
        lacks.append("imported, and nobody said what may be done when its outcome is unknown (class)")
    if tool.impact == Tool.Impact.NONE:
        lacks.append("imported, writes, and has no impact declared")
    return lacks


def _unread(placed: list[Placed]) -> list[str]:
    return [
        f"“{each.rule.name}” cannot be read ({each.rule.fault}): every call that gets there goes to a person"
        for each in placed
        if each.rule.fault
    ]


def _nobody(placed: list[Placed], rest: Ruling | None, approvers: dict[int, set[str]]) -> list[str]:
    """Rules that ask for more people than there are with a right on the tool, before team and limit are asked."""
    asking = [
        (f"“{each.rule.name}”", each.rule.tier, each.rule.approver_roles)
        for each in placed
        if each.rule.outcome == Outcome.APPROVE and not each.behind
    ]
    if rest is not None and rest.outcome == Outcome.APPROVE:
        asking.append(("its own declaration", rest.tier, ()))
    gaps = []
    for name, tier, roles in asking:
        needed = 2 if tier == Tier.T3 else 1
        able = sum(not roles or not held.isdisjoint(roles) for held in approvers.values())
        if able < needed:
            gaps.append(f"{name} asks for {needed}, and {able or 'nobody'} may approve it")
    return gaps


def _approvers() -> dict[int, dict[int, set[str]]]:
    """By tool, the people with a right to approve its calls, with their roles."""
    people: QuerySet[User] = User.objects.filter(is_active=True, kind=User.Kind.PERSON)
    roles: dict[int, set[str]] = {}
    in_role: dict[int, list[int]] = {}
    for user_id, group_id, name in people.filter(groups__isnull=False).values_list("pk", "groups", "groups__name"):
        roles.setdefault(user_id, set()).add(name)
        in_role.setdefault(group_id, []).append(user_id)
    found: dict[int, dict[int, set[str]]] = {}
    by_role = ToolGrant.objects.filter(permission__codename=APPROVE).values_list("content_object_id", "group_id")
    for tool_id, group_id in by_role:
        found.setdefault(tool_id, {}).update({pk: roles[pk] for pk in in_role.get(group_id, ())})
    in_person = ToolUserGrant.objects.filter(permission__codename=APPROVE, user__in=people)
    for tool_id, user_id in in_person.values_list("content_object_id", "user_id"):
        found.setdefault(tool_id, {})[user_id] = roles.get(user_id, set())
    return found


def _idle(covered: list[Covered]) -> list[tuple[ApprovalPolicy, str]]:
    """Rules that no call reaches, with the reason."""
    seen: dict[int | None, list[Placed]] = {}
    for tool in covered:
        for placed in tool.rules:
            seen.setdefault(placed.rule.id, []).append(placed)
    idle = []
    for rule in ApprovalPolicy.objects.select_related("tool__server"):
        places = seen.get(rule.pk, [])
        if not rule.enabled:
            idle.append((rule, "it is switched off"))
        elif rule.tool and not rule.tool.writes:
            idle.append((rule, "its tool reads, and reads are not put before the rules"))
        elif not places:
            idle.append((rule, "its tool is switched off" if rule.tool else "no tool writes"))
        elif all(placed.behind for placed in places):
            idle.append((rule, f"“{places[0].behind}” above it holds whenever it would"))
    return idle
