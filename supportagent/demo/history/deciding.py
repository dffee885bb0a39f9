"""Requests that agents put before people, and what became of them."""

import json
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from agents.loop import planning
from agents.models import ToolCall
from approvals import binding
from approvals.models import ApprovalDecision, ApprovalRequest, Tier
from approvals.services.requests import title_of
from audit.chain import canonical
from supportagent.demo.history.book import Book
from supportagent.demo.history.house import House
from supportagent.demo.history.plan import Conversation
from supportagent.demo.history.stories import Ending
from supportagent.demo.history.work import Wanted, Work

State, Verdict, Code = ApprovalRequest.State, ApprovalDecision.Verdict, ApprovalDecision.ReasonCode
WAITS = timedelta(hours=2)  # for a decision
REASONS = (
    (Code.POLICY, "Outside the 30 days of our returns policy."),
    (Code.EVIDENCE, "No photo of the damage yet."),
    (Code.WRONG_AMOUNT, "Shipping is not refunded here."),
    (Code.DUPLICATE, "Was done last week already."),
)


class Outcome(Enum):
    DONE = auto()
    DECLINED = auto()
    NOBODY = auto()


def propose(book: Book, house: House, it: Conversation, work: Work) -> Outcome:
    """The agent asks for its action, people say what they say, and the agent acts on it."""
    arguments = _arguments(it)
    reason = f"The customer wants it: {it.fill(it.story.subject)}"
    wanted = Wanted(it.story.write, arguments, {}, reason, waits=True)
    call = work.turn(wanted)[0]
    return _decide(book, house, it, work, book.add(_request(house, it, work, call, arguments)), call)


def _decide(
    book: Book, house: House, it: Conversation, work: Work, request: ApprovalRequest, call: ToolCall
) -> Outcome:
    if it.ending == Ending.EXPIRED:
        work.clock = request.decided_at = request.expires_at
        request.state = State.EXPIRED
        work.refuse(call, "expired")
        return Outcome.NOBODY
    work.clock += timedelta(seconds=70 + int(5_400 * it.chance.random() ** 3))
    if it.ending == Ending.EDITED:
        request = _edited(book, house, it, work, request, call)
        work.clock += timedelta(minutes=it.chance.randrange(2, 25))
    is_rejected = it.ending == Ending.REJECTED
    code, reason = it.chance.choice(REASONS) if is_rejected else ("", "")
    request.state, request.decided_at = State.REJECTED if is_rejected else State.APPROVED, work.clock
    by = house.people["finance" if it.story.team == "billing" and it.index % 3 else "supervisor"]
    if request.edited_by_id == by.pk:
        by = house.people["supervisor"]
    book.add(
        ApprovalDecision(request=request, verdict=Verdict.REJECT if is_rejected else Verdict.APPROVE, decided_by=by,
                         digest=request.digest, reason_code=code, reason=reason, decided_at=work.clock)
    )  # fmt: skip
    if is_rejected:
        work.refuse(call, "rejected")
        return Outcome.DECLINED
    work.carry_out(call, {"done": True, **json.loads(call.bound_arguments)})
    return Outcome.DONE


def _edited(
    book: Book, house: House, it: Conversation, work: Work, request: ApprovalRequest, call: ToolCall
) -> ApprovalRequest:
    """Somebody lowers the amount; another person decides about the new request."""
    editor = house.people["finance"]
    arguments = {**json.loads(request.arguments), "amount_minor": it.amount_minor * 4 // 5}
    request.state = State.SUPERSEDED
    call.arguments = call.bound_arguments = canonical(arguments).decode()
    planning.name_effect(call, _tool(house, it), arguments)
    call.action_key = planning.action_key_of(call, _tool(house, it), arguments)
    new = _request(house, it, work, call, arguments)
    new.edited_by, new.supersedes = editor, request
    new.supersedes_because = f"{editor.display_name} changed the arguments: the goods were used"
    new.what_changed = binding.changes_of_arguments(request.bound_arguments, new.bound_arguments)
    it.words["amount"] = f"EUR {arguments['amount_minor'] / 100:.2f}"
    return book.add(new)


def _request(
    house: House, it: Conversation, work: Work, call: ToolCall, arguments: Mapping[str, Any]
) -> ApprovalRequest:
    tool = _tool(house, it)
    rule = house.rules[tool.pk]
    request = ApprovalRequest(
        call_id=call.pk,
        tool=tool,
        ticket=work.run.ticket,
        tier=Tier.T2,
        rule=rule,
        rule_name=rule.name,
        rule_version=1,
        definition_hash=call.definition_hash,
        arguments=call.arguments,
        bound_arguments=call.bound_arguments,
        facts={"order_id": it.order, "currency": "EUR"} if "order_id" in arguments else {},
        subject=call.subject,
        amount_minor=call.amount_minor,
        currency=call.currency,
        action_key=call.action_key,
        nonce=f"{it.chance.getrandbits(128):032x}",
        expires_at=work.clock + WAITS,
        title=title_of(tool, arguments),
        customer_words=it.fill(it.story.asks[0]),
        stated_reason=call.stated_reason,
        requested_by=work.agent.service_user,
        requested_by_name=work.agent.name,
        created_at=work.clock,
    )
    request.digest = binding.digest_of(request)
    work.event("approval", f"A request waits for a person: {request.title}", call=str(call.pk), rule=rule.name)
    return request


def _arguments(it: Conversation) -> dict[str, Any]:
    match it.story.write:
        case "store__issue_refund":
            return {"order_id": it.order, "amount_minor": it.amount_minor, "currency": "EUR"}
        case "store__cancel_order":
            return {"order_id": it.order}
        case "store__update_account":
            address = {"line1": "Rua Nova 2", "line2": "", "city": "Porto", "postcode": "4000-002", "country": "PT"}
            return {"address": address}
        case _:
            return {"name": f"{it.customer.name} & Co"}


def _tool(house: House, it: Conversation) -> Any:
    return house.tools[it.story.write]
