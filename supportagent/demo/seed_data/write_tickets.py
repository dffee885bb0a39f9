"""The conversations of the past: rows with the dates they had, each with the audit entry that a verb would
write.

The verbs themselves are not used, because they would date everything now and set agents to work on it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from audit import log as audit_log
from audit.context import Actor
from supportagent.console.money import format_money
from supportagent.demo.seed_data.catalogue import PRODUCTS
from supportagent.demo.seed_data.conversations import INSTANCES, SCENARIOS, Instance
from supportagent.demo.seed_data.orders import ORDERS, SeedOrder
from supportagent.demo.seed_data.people import CUSTOMERS
from supportagent.demo.seed_data.write_shop import (
    BY_REFERENCE,
    order_total,
    placed_at,
    shipped_at,
    tracking_of,
)
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Customer, HandOver, Message, Rating, Ticket
from supportagent.tickets.services.inbound import FIRST_NUMBER

IMPORTER = Actor.system("seed")
ASSISTANT = "Harbour & Pine assistant"
TURN = timedelta(minutes=4)
ORDER_BY_ID = {order.order_id: order for order in ORDERS}
NAME_BY_SKU = {product.sku: product.name for product in PRODUCTS}
ACTION_OF_KIND = {
    Message.Kind.CUSTOMER: "tickets.message.received",
    Message.Kind.AGENT: "tickets.reply.posted",
    Message.Kind.PERSON: "tickets.reply.posted",
    Message.Kind.NOTE: "tickets.note.added",
    Message.Kind.EVENT: "tickets.event.posted",
}


def write_tickets(now: datetime, *, people: dict[str, User]) -> int:
    """Write the conversations that are missing. Call inside `audit.transaction()`; returns how many."""
    customers = _customers()
    teams = {team.slug: team for team in Team.objects.all()}
    marks = [_mark(index) for index in range(len(INSTANCES))]
    known = set(Message.objects.filter(client_message_id__in=marks).values_list("client_message_id", flat=True))
    missing = [(mark, instance) for mark, instance in zip(marks, INSTANCES, strict=True) if mark not in known]
    tickets = _insert_tickets([instance for _, instance in missing], customers, teams, now)
    rows = [
        (ticket, instance, mark, started_at(instance, now))
        for ticket, (mark, instance) in zip(tickets, missing, strict=True)
    ]
    messages = [message for row in rows for message in _messages(*row, people=people, now=now)]
    _insert_dated(messages)
    hand_overs = [
        _hand_over(ticket, instance, at, now) for ticket, instance, _, at in rows if ticket.state == "WAITING_PERSON"
    ]
    _insert_dated(hand_overs)
    _insert_dated([_rating(ticket, instance) for ticket, instance, _, _ in rows if SCENARIOS[instance.scenario].score])
    _record(tickets, messages, hand_overs)
    return len(missing)


def started_at(instance: Instance, now: datetime) -> datetime:
    """Always before `now`, and different for tickets of the same day."""
    return now - timedelta(days=instance.days_ago, minutes=35 + 11 * (INSTANCES.index(instance) % 9))


def _mark(index: int) -> str:
    """The first message's client id: how a second seed knows the thread."""
    return f"seed-{index + 1:03d}"


def _customers() -> dict[str, Customer]:
    rows = [Customer(reference=c.reference, name=c.name, email=c.email) for c in CUSTOMERS]
    Customer.objects.bulk_create(rows, ignore_conflicts=True)
    return {customer.reference: customer for customer in Customer.objects.filter(reference__in=BY_REFERENCE)}


def _customer_of(instance: Instance) -> str:
    return ORDER_BY_ID[instance.about].customer if instance.about in ORDER_BY_ID else instance.about


def _insert_tickets(
    instances: list[Instance], customers: dict[str, Customer], teams: dict[str, Team], now: datetime
) -> list[Ticket]:
    tickets = Ticket.objects.bulk_create(
        [_ticket(instance, customers[_customer_of(instance)], teams, now) for instance in instances]
    )
    for ticket, instance in zip(tickets, instances, strict=True):
        scenario, start = SCENARIOS[instance.scenario], started_at(instance, now)
        end = start + TURN * (len(scenario.turns) - 1)
        ticket.number = f"T-{FIRST_NUMBER + ticket.pk}"
        ticket.created_at, ticket.updated_at = start, end
        ticket.resolved_at = end if ticket.is_over else None
    Ticket.objects.bulk_update(tickets, ["number", "created_at", "updated_at", "resolved_at"])
    return tickets


def _ticket(instance: Instance, customer: Customer, teams: dict[str, Team], now: datetime) -> Ticket:
    scenario = SCENARIOS[instance.scenario]
    over = scenario.state in Ticket.OVER
    return Ticket(
        number=f"new-{_mark(INSTANCES.index(instance))}",
        customer=customer,
        team=teams[scenario.team],
        subject=_filled(scenario.subject, instance, now),
        category=scenario.category,
        priority=scenario.priority,
        state=scenario.state,
        channel=Ticket.Channel.WIDGET if over else Ticket.Channel.EMAIL,
        assurance=Ticket.Assurance.VERIFIED,
        last_seq=len(scenario.turns),
    )


def _messages(
    ticket: Ticket, instance: Instance, mark: str, start: datetime, *, people: dict[str, User], now: datetime
) -> Iterable[Message]:
    person = people["partner" if ticket.team.slug == "partners" else "rep"]
    authors = {
        Message.Kind.CUSTOMER: ("customer", ticket.customer.reference, ticket.customer.name),
        Message.Kind.PERSON: ("user", str(person.pk), person.display_name),
    }
    for seq, (kind, text) in enumerate(SCENARIOS[instance.scenario].turns, start=1):
        author_type, author_id, author_name = authors.get(Message.Kind(kind), (IMPORTER.type, IMPORTER.id, ASSISTANT))
        yield Message(
            ticket=ticket,
            seq=seq,
            kind=kind,
            body=_filled(text, instance, now),
            author_type=author_type,
            author_id=author_id,
            author_name=author_name,
            client_message_id=mark if seq == 1 else "",
            created_at=start + TURN * (seq - 1),
        )


def _hand_over(ticket: Ticket, instance: Instance, start: datetime, now: datetime) -> HandOver:
    scenario = SCENARIOS[instance.scenario]
    return HandOver(
        ticket=ticket,
        reason_code=scenario.reason,
        summary=_filled(scenario.summary, instance, now),
        created_by_type=IMPORTER.type,
        created_by_id=IMPORTER.id,
        created_at=start + TURN * (len(scenario.turns) - 1),
    )


def _rating(ticket: Ticket, instance: Instance) -> Rating:
    return Rating(ticket=ticket, score=SCENARIOS[instance.scenario].score, created_at=ticket.updated_at)


def _insert_dated(rows: list[Any]) -> None:
    """Insert rows with the `created_at` they carry: `auto_now_add` overwrites it on the way in."""
    if not rows:
        return
    dates = [row.created_at for row in rows]
    model = type(rows[0])
    model.objects.bulk_create(rows)
    for row, created_at in zip(rows, dates, strict=True):
        row.created_at = created_at
    model.objects.bulk_update(rows, ["created_at"], batch_size=200)


def _filled(text: str, instance: Instance, now: datetime) -> str:
    customer = BY_REFERENCE[_customer_of(instance)]
    words = {"first": customer.name.split()[0], "city": customer.city, "billing_name": customer.billing_name}
    if order := ORDER_BY_ID.get(instance.about):
        words |= _order_words(order, now)
    return text.format_map(words)


def _order_words(order: SeedOrder, now: datetime) -> dict[str, str]:
    customer, shipped = BY_REFERENCE[order.customer], shipped_at(order, now)
    return {
        "order": order.order_id,
        "item": NAME_BY_SKU[order.items[0][0]],
        "invoice": order.order_id.replace("ORD", "INV"),
        "total": format_money(order_total(order), customer.currency),
        "refund": format_money(sum(amount for amount, _ in order.refunds), customer.currency),
        "method": customer.method,
        "carrier": customer.carrier,
        "tracking": tracking_of(order),
        "shipped": shipped.date().isoformat() if shipped else "",
        "expected": (placed_at(order, now) + timedelta(days=5)).date().isoformat(),
    }


def _record(tickets: list[Ticket], messages: list[Message], hand_overs: list[HandOver]) -> None:
    for ticket in tickets:
        _entry("tickets.ticket.opened", ("ticket", ticket.number), ticket)
    for message in messages:
        _entry(ACTION_OF_KIND[Message.Kind(message.kind)], ("message", str(message.pk)), message.ticket)
    for hand_over in hand_overs:
        _entry("tickets.ticket.handed_over", ("hand_over", str(hand_over.pk)), hand_over.ticket)


def _entry(action: str, target: tuple[str, str], ticket: Ticket) -> None:
    audit_log.record(
        action,
        target=target,
        actor=IMPORTER,
        on_behalf_of=ticket.customer.reference,
        ticket=ticket.number,
        data={"imported": True},
        refs=[("ticket", ticket.number)],
        outcome="imported",
    )
