"""Counters that belong to the rows of the history: budgets, tallies of the day, and questions without an article."""

from collections import Counter
from datetime import UTC, date
from typing import Any

from agents.models import Budget, Run, Spend, Tally, ToolCall
from approvals.models import ApprovalRequest
from audit.chain import canonical
from supportagent.demo.agents_seed import USD
from supportagent.demo.history.book import Book
from supportagent.demo.history.house import House
from supportagent.demo.history.stories import GAPS
from supportagent.knowledge import query
from supportagent.knowledge.models import Gap

SEARCH = "knowledge__search_articles"


def write_budgets(book: Book, house: House) -> None:
    """Charge what was spent: to each ticket's own budget, and to those of the house and the agents for the day and the
    month that run now."""
    for spend in book.of(Spend):
        spend.ticket = spend.run.ticket.number
    cost = Counter[str]()
    for spend in book.of(Spend):
        cost[spend.ticket] += spend.charged
    made = Budget.objects.bulk_create(
        Budget(scope=Budget.Scope.TICKET, subject=number, cap=USD // 2, spent=spent) for number, spent in cost.items()
    )
    own = {budget.subject: budget.pk for budget in made}
    for run in book.of(Run):
        run.budget_ids = [*house.budgets[run.its_agent.slug], own[run.ticket.number]]
    for spend in book.of(Spend):
        spend.budget_ids = spend.run.budget_ids
    for budget in Budget.objects.filter(pk__in={pk for ids in house.budgets.values() for pk in ids}):
        _charge(budget, book, house)


def _charge(budget: Budget, book: Book, house: House) -> None:
    today = house.now.astimezone(UTC).date()
    start = {Budget.Period.DAY: today, Budget.Period.MONTH: today.replace(day=1)}.get(Budget.Period(budget.period))
    counted = [
        spend for spend in book.of(Spend) if budget.pk in spend.budget_ids and _day(spend) >= (start or date.min)
    ]
    if counted:
        Budget.objects.filter(pk=budget.pk).update(spent=sum(spend.charged for spend in counted), period_start=start)


def add_tallies(book: Book, house: House) -> None:
    """What was sent today, for each customer, subject and agent. Tallies of a day that is over are not read again."""
    today = house.now.astimezone(UTC).date()
    counts, amounts = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for call in book.of(ToolCall):
        if call.sent_at is None or call.tool is None or not call.tool.writes:
            continue
        if call.sent_at.astimezone(UTC).date() != today:
            continue
        keys = {Tally.Scope.CUSTOMER: call.run.customer, Tally.Scope.AGENT: call.run.actor_key}
        if call.subject:
            keys[Tally.Scope.SUBJECT] = call.subject
        for scope, key in keys.items():
            place = (scope, key, call.tool, call.currency)
            counts[place] += 1
            amounts[place] += call.amount_minor or 0
    for place, count in counts.items():
        scope, key, tool, currency = place
        amount = amounts[place]
        book.add(Tally(scope=scope, key=key, day=today, tool=tool, currency=currency, count=count, amount_minor=amount))


def add_gaps(book: Book) -> None:
    """Some searches were for what no article answers."""
    asked = [question for question, times in GAPS for _ in range(times)]
    searches = [call for call in book.of(ToolCall) if call.name == SEARCH and call.run.ticket.language == "en"]
    step = max(len(searches) // len(asked), 1)
    for question, call in zip(asked, searches[::step], strict=False):
        call.arguments = call.bound_arguments = canonical({"query": question}).decode()
        wording = query.wording(question)
        at = call.created_at
        book.add(Gap(query=question, wording=wording, found=0, matched=0, call_key=call.key, created_at=at))


def link_requests(book: Book) -> None:
    """Tell calls and timelines the numbers of the requests, the newest of each call."""
    newest = {request.call_id: request for request in book.of(ApprovalRequest)}
    for call in book.of(ToolCall):
        if call.pk in newest:
            call.approval_id = newest[call.pk].pk


def _day(spend: Spend) -> date:
    return spend.created_at.astimezone(UTC).date()
