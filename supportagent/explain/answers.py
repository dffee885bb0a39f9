"""Why somebody may or may not: every step asks the function that the gate asks, so page and gate cannot differ.

The steps stand in the order of the gate. The first refusal is the answer; the steps after it are asked all the same,
because whoever repairs one obstacle wants to know the next.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.loop.standing import NO_AGENT, why_stopped
from agents.models import Agent
from approvals import policy
from approvals.access import may_decide
from approvals.models import ApprovalPolicy, ApprovalRequest
from supportagent.staff import permissions
from supportagent.staff.explanation import Explanation, allowed, refused
from supportagent.staff.models import Team, User, explain_team
from supportagent.staff.permissions import Permission
from supportagent.tickets.models import Ticket
from supportagent.tools import access
from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.registry import UnknownServer, get_server

OF_A_TEAM = (Permission.VIEW_TEAM, Permission.DECIDE_FOR_TEAM)
# Being an administrator is not enough for these.
STRICT = (Permission.DECIDE_APPROVALREQUEST, Permission.DECIDE_FOR_TEAM)
OUTCOMES = {"allow": "it goes ahead without a person", "approve": "a person decides", "deny": "it is denied"}


@dataclass(frozen=True)
class Step:
    """One thing that is checked."""

    what: str
    answer: Explanation
    waits: bool = False  # allowed, once a person has decided


@dataclass(frozen=True)
class Verdict:
    """All steps, at least one; allowed when none of them refuses."""

    steps: tuple[Step, ...]

    @property
    def answer(self) -> Explanation:
        return next((step.answer for step in self.steps if not step.answer.allowed), self.steps[-1].answer)

    @property
    def word(self) -> str:
        if not self.answer.allowed:
            return "Refused"
        return "Needs a person" if any(step.waits for step in self.steps) else "Allowed"


@dataclass(frozen=True)
class Call:
    """A call as far as it is known: what is None is not judged."""

    arguments: Mapping[str, Any] | None = None
    assurance: str = ""  # empty: not known
    facts: Mapping[str, Any] = field(default_factory=dict)
    sums: Mapping[str, Any] | None = None
    provenance: Mapping[str, str] | None = None


def about_permission(user: User, permission: Permission, *, team: Team | None) -> Verdict:
    """Whether this account holds the permission, and sees the team whose work it would touch."""
    if permission in OF_A_TEAM and team:
        return Verdict((Step("Team", explain_team(user, permission, team)),))
    steps = [Step("Permission", permissions.explain(user, permission, strict=permission in STRICT))]
    if team:
        steps.append(Step("Sees the team", explain_team(user, Permission.VIEW_TEAM, team)))
    return Verdict(tuple(steps))


def about_call(user: User, tool: Tool, call: Call) -> Verdict:
    """Whether this account, an agent's or a person's, may call the tool, as the gate asks when it plans and sends."""
    return Verdict(tuple(_call_steps(user, tool, call)))


def about_decision(
    user: User, tool: Tool, call: Call, *, team: Team | None, request: ApprovalRequest | None
) -> Verdict:
    """Whether this person may decide a call of the tool; of a request, exactly what its page answers."""
    if request is not None:
        right = may_decide(user, request)
        return Verdict((Step(f"Request {request.reference}", Explanation(right.allowed, right.because)),))
    steps = [
        Step("Permission", permissions.explain(user, Permission.DECIDE_APPROVALREQUEST, strict=True)),
        Step("Sees requests", permissions.explain(user, Permission.VIEW_APPROVALREQUEST)),
        Step("Grant on the tool", access.explain(user, access.APPROVE, tool)),
    ]
    if user.is_service:
        steps.insert(0, Step("Account", refused("an agent never approves")))
    if team:
        steps += [
            Step("Sees the team", explain_team(user, Permission.VIEW_TEAM, team)),
            Step("Decides for the team", explain_team(user, Permission.DECIDE_FOR_TEAM, team)),
        ]
    if call.arguments is not None:
        steps.append(Step("Limit", access.reaches(user, access.APPROVE, tool, call.arguments)))
    return Verdict(tuple(steps))


def _call_steps(user: User, tool: Tool, call: Call) -> Iterator[Step]:
    agent = Agent.objects.filter(service_user=user).first()
    # An account without an agent calls by itself, from a ticket's page or through an outside client.
    whom = "the agent or the tool" if agent else "the tool"
    stopped = why_stopped(agent.pk if agent else NO_AGENT, [tool.pk])[tool.pk]
    yield Step("Switches", refused(stopped) if stopped else allowed(f"no switch stops {whom}"))
    if tool.host_only:
        yield Step("Offered", refused("only the product's own code calls it, no model"))
    yield Step("Grant on the tool", access.explain(user, access.USE, tool))
    if call.assurance:
        yield Step("Customer", _customer(tool, call.assurance == Ticket.Assurance.VERIFIED))
    if call.arguments is not None:
        yield Step("Argument rules", access.reaches(user, access.USE, tool, call.arguments))
    yield from _in_the_domain(user, tool)
    yield _rule(tool, call)


def _customer(tool: Tool, verified: bool) -> Explanation:
    if access.serves(tool, verified=verified):
        return allowed("the customer is verified" if verified else "it serves customers who are not verified too")
    return refused("it serves verified customers only, and this one is not")


def _in_the_domain(user: User, tool: Tool) -> Iterator[Step]:
    """A built-in server asks for a permission of its own; an imported one knows our accounts not at all."""
    if tool.server.transport != MCPServer.Transport.BUILTIN:
        return
    try:
        declared = get_server(tool.server.name).tools.get(tool.name)
    except UnknownServer:
        declared = None
    if declared is None:
        yield Step("Definition", refused(f"the server {tool.server.name} offers no such tool any more"))
    else:
        yield Step("Permission in the domain", permissions.explain(user, declared.permission))


def _rule(tool: Tool, call: Call) -> Step:
    if call.arguments is None:
        return Step("Approval rules", allowed("not asked: give the arguments to see which rule decides"))
    first = call.sums is None
    ruling = policy.evaluate(
        tool=tool,
        arguments=call.arguments,
        facts=call.facts,
        assurance=call.assurance or Ticket.Assurance.CLAIMED,
        sums=_alone(tool, call.arguments) if first else call.sums,
        provenance=call.provenance,
    )
    version = f", version {ruling.rule_version}" if ruling.rule_id else ""
    tier = f" ({ruling.tier})" if ruling.outcome == ApprovalPolicy.Outcome.APPROVE else ""
    day = ", were it the first call of the day" if first else ""
    because = f"the rule “{ruling.rule_name}”{version}: {OUTCOMES[ruling.outcome]}{tier}{day}"
    held = ruling.outcome == ApprovalPolicy.Outcome.APPROVE
    return Step("Approval rules", Explanation(ruling.outcome != ApprovalPolicy.Outcome.DENY, because), waits=held)


def _alone(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The sums of a day on which nothing else was done."""
    amount = arguments.get(tool.amount_argument, 0) if tool.amount_argument else 0
    this = {"count": 1, "amount_minor": amount if isinstance(amount, int) else 0}
    return {scope: dict(this) for scope in ("customer", "subject", "agent")}
