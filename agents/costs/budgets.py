"""Caps that hold under concurrency: reserve the worst case before a model call, settle it after.

Checking a sum and then adding to it lets every caller in flight through. Here a reservation takes its whole amount in
every budget at once or in none (`holding`), and what it is closed with is charged to its run as well: a run's cost is
always the sum of what its rows of the ledger were charged.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents.costs import holding
from agents.costs.spending import Use, use_of
from agents.models import Agent, Budget, Run, Spend, ToolCall
from agents.providers.base import Usage
from audit import log as audit_log
from supportagent.prepared import first, prepared
from supportagent.tickets.models import Ticket

EXPIRED = "reservation expired"  # what the ledger says of one whose worker is gone
NOTHING_COUNTED = Usage(0, 0)
PROVIDER_LENGTH = Spend._meta.get_field("provider").max_length
MODEL_LENGTH = Spend._meta.get_field("model").max_length


class BudgetDenied(Exception):
    """A cap does not hold the worst case of the next call; the message names the cap, its limit and what is left.

    `use` are the counters that denied it, read under the lock that judged them; None where a budget is gone.
    """

    def __init__(self, message: str, use: Use | None = None) -> None:
        super().__init__(message)
        self.use = use


class NoBudget(BudgetDenied):
    """The agent has no budget at all, so it does not run."""


@dataclass(frozen=True)
class Drift:
    """A budget whose counter disagrees with its reservations: an alarm."""

    budget: Budget
    counted: int
    expected: int


def ids_for(*, agent: Agent, ticket: Ticket) -> list[int]:
    """Every budget that a run on this ticket draws on, in the order in which they are locked.

    The ticket's own budget is made here from the agent's session cap; the caller holds the ticket's lock, so it is
    made once. Raises NoBudget.
    """
    found = _found(agent.slug, ticket)
    known = {scope for _, scope in found}
    if Budget.Scope.AGENT not in known:
        raise NoBudget(f"{agent.name} has no budget")
    ids = [pk for pk, _ in found]
    return ids if Budget.Scope.TICKET in known else [*ids, _session_budget(agent, ticket).pk]


def _ids_without_agent(ticket: Ticket) -> list[int]:
    return [pk for pk, _ in _found("", ticket)]


def _found(agent: str, ticket: Ticket) -> list[tuple[int, str]]:
    anonymous = Budget.Scope.ANONYMOUS.value if ticket.assurance == Ticket.Assurance.ANONYMOUS else None
    return _drawn_on(agent, ticket.number, ticket.customer.reference, anonymous)


@prepared
def _drawn_on(agent: str, ticket: str, customer: str, anonymous: str | None) -> QuerySet[Budget, tuple[int, str]]:
    scopes = (
        Q(scope=Budget.Scope.ORGANISATION)
        | Q(scope=Budget.Scope.AGENT, subject=agent)
        | Q(scope=Budget.Scope.TICKET, subject=ticket)
        | Q(scope=Budget.Scope.CUSTOMER, subject=customer)
    )
    if anonymous is not None:
        scopes |= Q(scope=anonymous)
    return Budget.objects.filter(scopes).order_by("pk").values_list("pk", "scope")


def _session_budget(agent: Agent, ticket: Ticket) -> Budget:
    """Nobody set this cap by hand, so it has no history of its own: the agent's says where it comes from."""
    budget = Budget(scope=Budget.Scope.TICKET, subject=ticket.number, cap=agent.session_cap_micros)
    budget.skip_history_when_saving = True  # type: ignore[attr-defined]  # simple-history's own switch
    budget.save(force_insert=True)
    return budget


def reserve(*, run: Run, amount: int, price_id: str, provider: str = "", model: str = "") -> Spend:
    """Hold `amount` micro-units for a model call in every budget of the run. Raises BudgetDenied, and then holds none.

    `provider` and `model` are who is about to be asked; the ledger says so, and whom it is for.
    """
    if not run.budget_ids:
        raise NoBudget("this run has no budget")
    about = {"turn": run.turns + 1, "price_id": price_id, "provider": provider, "model": model}
    return _reserve(Spend(run=run, budget_ids=run.budget_ids, reserved=amount, **about))


def reserve_call(call: ToolCall, price: int) -> Spend:
    """Hold the price of a tool call, micro-units, until it is known what became of it. Raises BudgetDenied.

    What a colleague calls draws on the caps of the house, the customer and the ticket where there are such; no agent
    pays for it. The caller holds the run's lock.
    """
    run, tool = call.run, call.tool
    assert tool is not None  # noqa: S101 - only a planned call has a price
    return _reserve(
        Spend(
            run=run,
            kind=Spend.Kind.TOOL,
            call=call.pk,
            turn=call.turn,
            budget_ids=_ids_without_agent(run.ticket) if run.is_direct else run.budget_ids,
            reserved=price,
            price_id=f"tool:{tool.qualified_name}@{price}",
            provider=tool.server.name[:PROVIDER_LENGTH],
            model=tool.qualified_name[:MODEL_LENGTH],
        )
    )


def _reserve(spend: Spend) -> Spend:
    run, ticket = spend.run, spend.run.ticket
    spend.ticket, spend.customer = ticket.number, ticket.customer.reference
    spend.category, spend.channel = ticket.category, ticket.channel
    spend.agent = "" if run.is_direct else run.its_agent.slug
    spend.expires_at = holding.EXPIRES_AT  # type: ignore[assignment]  # the database's clock
    denial = holding.hold(spend)
    if denial is not None:
        raise _denied(spend.reserved, *denial)
    return spend


def settle(spend: Spend, *, charged: int, usage: Usage | None = None, request_id: str = "") -> bool:
    """Replace a reservation by what the call really cost, and keep the tokens that the provider counted.

    Its run is charged in the same statement, which does not change a loaded one. False when somebody was faster: then
    what they wrote counts.
    """
    usage = usage or NOTHING_COUNTED
    return _close(spend, Spend.State.SETTLED, charged=charged, usage=usage, request_id=request_id)


def release(spend: Spend) -> None:
    """Give a reservation back: the call definitely did not start."""
    _close(spend, Spend.State.RELEASED, charged=0)


def forfeit(spend: Spend, *, note: str) -> None:
    """Charge the whole reservation: nobody knows what the call cost (a cut stream, a killed worker)."""
    _close(spend, Spend.State.FORFEITED, charged=spend.reserved, note=note)


def settle_call(call: ToolCall, *, charge: bool) -> None:
    """Charge the price of a priced call, or give it back where the call was certainly not carried out.

    The caller holds the run's lock. An outcome that nobody knows is charged, and stays so whatever is found out later.
    """
    spend = first(_reservation_of(call.run_id, call.pk))
    if spend is None:
        return  # charged already, as its reservation expired
    if not charge:
        release(spend)
    elif settle(spend, charged=spend.reserved):
        call.run.cost_micros += spend.reserved


def open_of(run_id: UUID) -> int:
    """What is reserved for a run at this moment, micro-units."""
    return sum(_reserved(run_id))


def uses_of(ids: list[int]) -> list[Use]:
    """What these budgets have used, in one statement; nothing is locked, so it may be over before it is read."""
    return [use_of(budget) for budget in _budgets(tuple(ids))]


def forfeit_expired() -> int:
    """Settle reservations whose worker is gone as spent, never release them silently. Returns how many."""
    expired = list(Spend.objects.filter(state=Spend.State.RESERVED, expires_at__lt=Now())[:100])
    for spend in expired:
        with audit_log.transaction():
            forfeit(spend, note=EXPIRED)
    return len(expired)


def drifts() -> list[Drift]:
    """Compare every budget's reserved counter with its open reservations; empty when all agree."""
    expected: dict[int, int] = {}
    for ids, reserved in Spend.objects.filter(state=Spend.State.RESERVED).values_list("budget_ids", "reserved"):
        for pk in ids:
            expected[pk] = expected.get(pk, 0) + reserved
    return [
        Drift(budget, budget.reserved, expected.get(budget.pk, 0))
        for budget in Budget.objects.iterator()
        if budget.reserved != expected.get(budget.pk, 0)
    ]


def _close(
    spend: Spend,
    state: str,
    *,
    charged: int,
    note: str = "",
    usage: Usage = NOTHING_COUNTED,
    request_id: str = "",
) -> bool:
    return holding.close(spend, state, charged=charged, note=note, usage=usage, request_id=request_id)


@prepared
def _reservation_of(run_id: UUID, call_id: UUID) -> QuerySet[Spend]:
    """By the run, whose rows are few and have an index."""
    return Spend.objects.filter(run=run_id, call=call_id, state=Spend.State.RESERVED).order_by()


@prepared
def _reserved(run_id: UUID) -> QuerySet[Spend, int]:
    held = Spend.objects.filter(run=run_id, state=Spend.State.RESERVED)
    return held.order_by().values_list("reserved", flat=True)


@prepared
def _budgets(ids: tuple[int, ...]) -> QuerySet[Budget]:
    return Budget.objects.filter(pk__in=ids).order_by()


def _denied(amount: int, budget_id: int | None, use: Use | None) -> BudgetDenied:
    budget = None if budget_id is None else Budget.objects.filter(pk=budget_id).first()
    if budget is None or use is None:
        return BudgetDenied("a budget of this run no longer exists")
    said = f"{budget}: the next call may cost {amount}, {use.left} of {use.cap} micro-units are left"
    return BudgetDenied(said, use)
