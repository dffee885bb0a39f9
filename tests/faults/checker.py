"""What must hold after any faults, in the style of Jepsen: an outside ledger against our rows.

The ledger is what the paying side says that it did, per tool call: the shop's receipts for built-in tools, the file
of the fake payment server for imported ones. SUCCEEDED: exactly once. FAILED or REFUSED: never. OUTCOME_UNKNOWN: at
most once. Nothing is stuck, nothing accepted is unanswered, no money is reserved for ever, and the trail verifies.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, Sum
from django.utils import timezone

from agents.costs import budgets
from agents.models import Run, Spend, ToolCall
from approvals.models import ApprovalRequest
from audit import verification
from supportagent.grants.models import Receipt
from supportagent.store.models import Order, Refund
from supportagent.tickets.models import HandOver, Message, Ticket
from tests.faults.people import Visitor

State = ToolCall.State
AT_REST = (*ToolCall.FINAL, State.OUTCOME_UNKNOWN)


def still_working() -> list[str]:
    """What has not come to rest yet, in words."""
    # A run whose call has an unknown outcome has said so, and waits for the person who settles it.
    waits = ToolCall.objects.filter(run=OuterRef("pk"), state=State.OUTCOME_UNKNOWN)
    resting = Q(Exists(waits), state=Run.State.AWAITING_APPROVAL)
    runs = Run.objects.live().exclude(resting).values_list("pk", "state")
    calls = ToolCall.objects.exclude(state__in=AT_REST).values_list("pk", "state")
    pending = ApprovalRequest.objects.pending().values_list("pk", flat=True)
    return [
        *(f"run {pk} is {state}" for pk, state in runs),
        *(f"call {pk} is {state}" for pk, state in calls),
        *(f"R-{pk} is pending" for pk in pending),
    ]


def violations(visitors: Iterable[Visitor], ledger: Mapping[str, int] | None = None) -> list[str]:
    """Everything that is not as promised; empty when all holds. `ledger`: effects per call id of imported tools."""
    return [
        *still_working(),
        *_effects(Counter(ledger or {})),
        *_money(),
        *_customers(visitors),
        *_budgets(),
        *(f"audit: {finding}" for finding in verification.verify().findings),
    ]


def _effects(outside: Counter[str]) -> Iterable[str]:
    inside = Counter(key.partition(".")[0] for key in Receipt.objects.filter(void=False).values_list("key", flat=True))
    for call in ToolCall.objects.filter(tool__effect="WRITE").select_related("tool__server"):
        times = (inside if call.tool.server.transport == "builtin" else outside)[str(call.pk)]
        wanted = {State.SUCCEEDED: (1,), State.OUTCOME_UNKNOWN: (0, 1)}.get(State(call.state), (0,))
        if times not in wanted:
            yield f"{call.name} {call.pk} is {call.state} ({call.code}), and it happened {times} times"
    known = {str(pk) for pk in ToolCall.objects.values_list("pk", flat=True)}
    yield from (f"an effect nobody asked for: {key}" for key in (*inside, *outside) if key not in known)


def _money() -> Iterable[str]:
    for order in Order.objects.annotate(back=Sum("refunds__amount_minor")).filter(back__isnull=False):
        captured = order.payments.filter(status="captured").aggregate(total=Sum("amount_minor"))["total"] or 0
        if order.back > captured:
            yield f"{order.order_id}: {order.back} of {captured} were paid back"
    succeeded = ToolCall.objects.filter(name="store__issue_refund", state=State.SUCCEEDED).count()
    if Refund.objects.count() != succeeded:
        yield f"{Refund.objects.count()} refunds, {succeeded} calls that say they made one"


def _customers(visitors: Iterable[Visitor]) -> Iterable[str]:
    for visitor in visitors:
        stored = Counter(
            Message.objects.filter(
                kind=Message.Kind.CUSTOMER, ticket__customer__reference=visitor.account.reference
            ).values_list("body", flat=True)
        )
        if stored != Counter(visitor.accepted.values()):
            yield f"{visitor.account.reference}: said {visitor.accepted}, stored {stored}"
        for ticket in Ticket.objects.filter(customer__reference=visitor.account.reference):
            last = ticket.messages.filter(kind=Message.Kind.CUSTOMER).last()
            answered = ticket.messages.filter(kind__in=[Message.Kind.AGENT, Message.Kind.PERSON], seq__gt=last.seq)
            if not answered.exists() and not HandOver.objects.filter(ticket=ticket).exists():
                yield f"{ticket.number}: nobody answered {last.body!r}"


def _budgets() -> Iterable[str]:
    Spend.objects.filter(state=Spend.State.RESERVED).update(expires_at=timezone.now() - timedelta(seconds=1))
    budgets.forfeit_expired()
    yield from (f"budget {drift.budget}: {drift.counted} counted, {drift.expected} due" for drift in budgets.drifts())
    if Spend.objects.filter(state=Spend.State.RESERVED).exists():
        yield "a reservation is left"
