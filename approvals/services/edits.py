"""Changing what would be done before somebody else approves it: a new digest, a new request, the old one kept.

The editor never decides the edited request: whoever set the amount is not the second pair of eyes.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from approvals import binding, policy
from approvals.access import Right, arguments_of, has_right_to_decide
from approvals.errors import InvalidDecision, NotAllowed
from approvals.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest
from approvals.policy import Ruling
from approvals.services import base, replacing, routing
from approvals.services.requests import Proposal, request_approval
from audit import log as audit_log
from audit.chain import canonical
from audit.context import Actor
from supportagent.console.money import format_money
from supportagent.grants import strict
from supportagent.staff.models import User
from supportagent.tools import access as tool_access
from supportagent.tools import schema
from supportagent.tools.models import Tool

A_COLLEAGUE = "a colleague"
AGENT = "(this is as far as the agent's own role reaches)"
MAX_REASON = 250


def edit(
    *, request: ApprovalRequest, by: User, shown_digest: str, values: Mapping[str, Any], reason: str
) -> ApprovalRequest:
    """Put a request with these arguments in the place of the one that was shown; returns the new one.

    `values` are typed values by argument; None leaves an optional argument out. Raises NotAllowed (403),
    AlreadyDecided, ChangedSinceShown or TooLate (409), RequestExpired (410), InvalidDecision (422, naming the field).
    """
    with audit_log.transaction():
        request = base.lock(request)
        check_may_edit(request, by)
        base.check_shown(request, shown_digest)
        if not 3 <= len(reason.strip()) <= MAX_REASON:
            raise InvalidDecision(f"Say in 3 to {MAX_REASON} characters why you change this.", field="reason")
        proposal = _edited(request, values)
        ruling = _judged(request, proposal)
        replacing.take_out(request, Q(state=base.State.PENDING, digest=shown_digest, expires_at__gt=Now()), by=by)
        because = f"{by.display_name} changed the arguments: {reason.strip()}"
        new = request_approval(proposal, ruling, supersedes=request, edited_by=by, because=because)
        base.record(
            "approvals.request.edited",
            new,
            actor=Actor.of(by),
            note=reason,
            data={"before": request.digest, "fields": [change["field"] for change in new.what_changed]},
        )
        if not tool_access.reaches(by, tool_access.APPROVE, new.tool, proposal.values):
            routing.escalate(
                request=new, because=f"It was edited above the limit of {by.display_name}.", actor=Actor.of(by)
            )
        return replacing.put_in(request, new)


def check_may_edit(request: ApprovalRequest, by: User) -> None:
    """Raise AlreadyDecided, RequestExpired or NotAllowed unless this person may change the arguments."""
    base.check_pending(request)
    right = may_edit(by, request)
    if not right.allowed:
        raise NotAllowed(f"You cannot edit this: {right.because}.")


def may_edit(user: User, request: ApprovalRequest) -> Right:
    """Whether this person may change the arguments: who has a say in the request, whatever their limit."""
    right = has_right_to_decide(user, request, limits=False)
    if right.allowed and not editable(request):
        return dataclasses.replace(right, allowed=False, because="none of its arguments may be changed")
    return right


def editable(request: ApprovalRequest) -> dict[str, Any]:
    """The arguments that a person may change, with their schemas.

    Not what the host binds, nor what the action is about: its subject, its currency and what the facts were read by.
    With another of those it would be another action on other facts, which has to be proposed anew.
    """
    tool = request.tool
    read = Tool.objects.filter(qualified_name=tool.facts_tool).values_list("input_schema", flat=True).first() or {}
    of_reads = {*read.get("properties", {}), *tool.read_arguments.values()}
    fixed = {*tool.bound_arguments, *of_reads, tool.subject_argument, tool.currency_argument}
    return {name: each for name, each in tool.arguments_schema.get("properties", {}).items() if name not in fixed}


def _edited(request: ApprovalRequest, values: Mapping[str, Any]) -> Proposal:
    """The proposal with the new arguments. Raises InvalidDecision unless the agent itself could have made it."""
    allowed = editable(request)
    for name in values:
        if name not in allowed:
            raise InvalidDecision("This argument cannot be changed.", field=name)
    bound = _with(arguments_of(request), values)
    arguments = _with(json.loads(request.arguments), values)
    if canonical(bound).decode() == request.bound_arguments:
        raise InvalidDecision("Nothing was changed.", field=next(iter(allowed)))
    _check_rules(request, bound)
    arguments_text, bound_text = canonical(arguments).decode(), canonical(bound).decode()
    tool = request.tool
    return Proposal(
        call_id=request.call_id,
        tool=tool,
        ticket=request.ticket,
        arguments=arguments_text,
        bound_arguments=bound_text,
        values=bound,
        facts=request.facts,
        subject=request.subject,
        action_key=binding.action_key(
            server=tool.server.name,
            tool=schema.action_name(tool),
            arguments=arguments_text,
            bound_arguments=canonical(schema.without_call_id(tool, bound)).decode(),
            subject=request.subject,
        ),
        stated_reason=request.stated_reason,
        customer_words=request.customer_words,
        provenance={**request.provenance, **dict.fromkeys(_changed(request, bound), A_COLLEAGUE)},
        requested_by=request.requested_by,
        requested_by_name=request.requested_by_name,
        sums=_sums_with(request, bound),
    )


def _with(arguments: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    changed = {**arguments, **values}
    return {name: value for name, value in changed.items() if not (name in values and value is None)}


def _changed(request: ApprovalRequest, bound: Mapping[str, Any]) -> list[str]:
    before = arguments_of(request)
    return [name for name, value in bound.items() if name not in before or before[name] != value]


def _check_rules(request: ApprovalRequest, bound: dict[str, Any]) -> None:
    """Hold the new arguments against the tool's schema and how far the agent's own roles reach."""
    try:
        strict.parse(json.dumps(bound))
        schema.check(request.tool, bound)
    except strict.InvalidArguments as error:
        raise _invalid(request, str(error)) from error
    granted = tool_access.granted(request.requested_by).get(request.tool.qualified_name)
    if granted is None:
        raise InvalidDecision("The agent may not use this tool any more.", field=next(iter(editable(request))))
    for rules in granted.rules:
        try:
            strict.validate(bound, rules)
        except strict.InvalidArguments as error:
            raise _invalid(request, f"{error} {AGENT}") from error


def _invalid(request: ApprovalRequest, message: str) -> InvalidDecision:
    """The words of the schema with the field they are about; amounts in money, because nobody types minor units."""
    where, _, problem = message.partition(": ")
    names = list(editable(request))
    missing = re.match(r"'([^']+)' is a required property", problem)
    if missing:
        where = missing[1] if where == "arguments" else f"{where}.{missing[1]}"
        problem = "This is needed."
    declared = request.tool.arguments_schema["properties"].get(where, {})
    if (
        where == request.tool.amount_argument
        and not missing
        and {"minimum", "maximum"} <= declared.keys()
        and AGENT not in problem
    ):
        least, most = (format_money(declared[bound], request.currency) for bound in ("minimum", "maximum"))
        problem = f"The amount must be between {least} and {most}."
    known = where.partition(".")[0] in names
    return InvalidDecision(problem if known else message, field=where if known else names[0])


def _judged(request: ApprovalRequest, proposal: Proposal) -> Ruling:
    """What the rules say to the new arguments on the facts that were read. A person is asked in any case."""
    ruling = policy.evaluate(
        tool=proposal.tool,
        arguments=proposal.values,
        facts=proposal.facts,
        assurance=proposal.ticket.assurance,
        sums=proposal.sums,
        provenance=proposal.provenance,
    )
    field = next(iter(editable(request)))
    if ruling.outcome == ApprovalPolicy.Outcome.DENY:
        raise InvalidDecision(f"The rule “{ruling.rule_name}” does not allow this.", field=field)
    rejected = ApprovalDecision.objects.filter(
        verdict=ApprovalDecision.Verdict.REJECT,
        request__ticket=request.ticket_id,
        request__action_key=proposal.action_key,
    ).first()
    if rejected is not None:
        raise InvalidDecision(f"Exactly this was rejected on this ticket: R-{rejected.request_id}.", field=field)
    if ruling.outcome == ApprovalPolicy.Outcome.ALLOW:
        return dataclasses.replace(
            ruling,
            outcome=ApprovalPolicy.Outcome.APPROVE.value,
            tier=request.tier,
            rule_id=request.rule_id,
            rule_name=request.rule_name,
            rule_version=request.rule_version,
            approver_roles=tuple(request.approver_roles),
        )
    return ruling


def _sums_with(request: ApprovalRequest, bound: Mapping[str, Any]) -> dict[str, Any]:
    """The running totals as they are with the new amount in the place of the old one."""
    new = bound.get(request.tool.amount_argument)
    if not isinstance(new, int) or request.amount_minor is None:
        return request.sums
    more = new - request.amount_minor
    return {scope: {**sums, "amount_minor": sums["amount_minor"] + more} for scope, sums in request.sums.items()}
