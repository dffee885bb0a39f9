"""The test bench: put a call that nobody made before the rules, through the very function that the gate asks.

Nothing is kept and nothing is sent.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from approvals import policy
from approvals.access import has_right_to_decide, holders_of_right
from approvals.models import ApprovalPolicy, ApprovalRequest, Tier
from approvals.policy import Asked, RuleSet, Ruling
from supportagent.grants import strict
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Ticket
from supportagent.tools import schema
from supportagent.tools.access import APPROVE
from supportagent.tools.models import Tool, ToolGrant, ToolUserGrant

MOST_PEOPLE = 20
MOST_REASONS = 8


@dataclass(frozen=True)
class Trial:
    """A call as the gate would see it."""

    tool: Tool
    arguments: Mapping[str, Any]
    facts: Mapping[str, Any]
    assurance: str
    sums: Mapping[str, Any]
    provenance: Mapping[str, str]
    team: Team


@dataclass(frozen=True)
class Draft:
    """A rule that is not kept, tried in the place of `replaces` or beside all others."""

    rule: ApprovalPolicy
    replaces: ApprovalPolicy | None


@dataclass(frozen=True)
class Decider:
    """Somebody who may decide, or why somebody with a right on the tool may not."""

    person: User
    roles: str
    because: str = ""


@dataclass(frozen=True)
class Findings:
    """What the rules say, what each of them said, and who would be asked."""

    ruling: Ruling
    asked: list[Asked]
    refused_before: str = ""
    deciders: list[Decider] = field(default_factory=list)
    more_deciders: bool = False
    others: list[Decider] = field(default_factory=list)
    limits: list[tuple[str, str]] = field(default_factory=list)

    @property
    def too_few(self) -> int:
        """How many people are missing for this decision to be possible at all."""
        needed = 2 if self.ruling.tier == Tier.T3 else 1
        return max(needed - len(self.deciders), 0) if self.ruling.outcome == ApprovalPolicy.Outcome.APPROVE else 0


def try_out(trial: Trial, draft: Draft | None = None) -> Findings:
    """Ask the rules, those in force or those with the draft among them."""
    asked: list[Asked] = []
    ruling = policy.evaluate(
        tool=trial.tool,
        arguments=trial.arguments,
        facts=trial.facts,
        assurance=trial.assurance,
        sums=trial.sums,
        provenance=trial.provenance,
        rules=_with(draft) if draft else None,
        trace=asked,
    )
    found = Findings(ruling, asked, _problem_with_arguments(trial))
    return _with_people(found, trial) if ruling.outcome == ApprovalPolicy.Outcome.APPROVE else found


def _with(draft: Draft) -> RuleSet:
    rows = [rule for rule in ApprovalPolicy.objects.filter(enabled=True) if rule != draft.replaces]
    return policy.compile_rules([*rows, draft.rule], version=policy.rules_in_force())


def _problem_with_arguments(trial: Trial) -> str:
    """Why the gate would refuse the call before any rule is asked."""
    try:
        schema.check(trial.tool, trial.arguments)
    except strict.InvalidArguments as error:
        return str(error)
    return ""


def _with_people(found: Findings, trial: Trial) -> Findings:
    request = ApprovalRequest(
        tool=trial.tool,
        ticket=Ticket(team=trial.team),
        tier=found.ruling.tier,
        approver_roles=sorted(found.ruling.approver_roles),
        bound_arguments=json.dumps(trial.arguments),
    )
    holders = holders_of_right(request).prefetch_related("groups").order_by("first_name", "username")
    deciding = list(holders[: MOST_PEOPLE + 1])
    others = _with_a_grant(trial.tool).exclude(pk__in=holders.values("pk")).prefetch_related("groups")
    return Findings(
        ruling=found.ruling,
        asked=found.asked,
        refused_before=found.refused_before,
        deciders=[Decider(person, _roles(person)) for person in deciding[:MOST_PEOPLE]],
        more_deciders=len(deciding) > MOST_PEOPLE,
        others=[
            Decider(person, _roles(person), has_right_to_decide(person, request).because)
            for person in others.order_by("first_name", "username")[:MOST_REASONS]
        ],
        limits=_limits(trial.tool),
    )


def _with_a_grant(tool: Tool) -> "QuerySet[User]":
    right = Q(content_object=tool, permission__codename=APPROVE)
    roles = Group.objects.filter(pk__in=ToolGrant.objects.filter(right).values("group"))
    in_role = User.groups.through.objects.filter(group__in=roles).values("user")
    in_person = ToolUserGrant.objects.filter(right).values("user")
    return User.objects.filter(Q(pk__in=in_role) | Q(pk__in=in_person), is_active=True, kind=User.Kind.PERSON)


def _limits(tool: Tool) -> list[tuple[str, str]]:
    """How far each role's right to approve this tool reaches."""
    grants = ToolGrant.objects.filter(content_object=tool, permission__codename=APPROVE).order_by("group__name")
    return [
        (role, json.dumps(rules, ensure_ascii=False) if rules else "no limit")
        for role, rules in grants.values_list("group__name", "argument_rules")
    ]


def _roles(person: User) -> str:
    return ", ".join(sorted(group.name for group in person.groups.all()))
