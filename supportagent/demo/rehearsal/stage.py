"""Where a scenario is played: a customer with orders of their own, made for it, in a transaction that is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from agents.models import Agent, Budget
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.demo.agents_seed import AGENTS
from supportagent.demo.rehearsal.casting import Casting
from supportagent.rehearsal.scripts import CUSTOMERS, OF_CUSTOMER, OrderScript, Scenario
from supportagent.staff.models import OpeningHours, Presence, Team, User
from supportagent.staff.presence import heard_of
from supportagent.store.models import Account, Order, OrderItem, Payment, Product
from supportagent.tickets.models import Customer, Ticket

PLAYER = Actor.system("run_scenarios")
PEOPLE = {"supervisor": "supervisor", "finance": "finance", "person": "supervisor"}
CURRENCY = "EUR"
ADDRESS = {"line1": "Rua do Sol 12", "line2": "", "city": "Porto", "postcode": "4000-123", "country": "PT"}
_PATIENT = {"LEASE_SECONDS": 7200, "LEASE_RENEW_SECONDS": 3600}  # nobody else sees the runs, so nobody renews a lease
_DAYS = {"paid": 1, "shipped": 3, "delivered": 9, "returned": 20, "cancelled": 5}


class NotReady(Exception):
    """This installation cannot play scenarios; the message says what to do."""


@dataclass
class Stage:
    """Who and what takes part. `names` are the words in braces of the scenario's texts."""

    customer: Customer
    account: Account | None
    assurance: str
    orders: dict[str, Order]
    people: dict[str, User]
    names: dict[str, str]
    tickets: list[Ticket] = field(default_factory=list)

    @property
    def ticket(self) -> Ticket:
        """The thread that the customer wrote into last, as it is now."""
        return Ticket.objects.select_related("customer", "team").get(pk=self.tickets[-1].pk)

    def fill(self, text: str) -> str:
        """The text with the numbers of this scenario's orders and the customer's details in the places in braces."""
        for name, value in self.names.items():
            text = text.replace(f"{{{name}}}", value)
        return text


class _Undo(Exception):
    """Leaves the transaction without an error."""


@contextmanager
def staged(scenario: Scenario, casting: Casting) -> Iterator[Stage]:
    """A stage for one scenario; everything that is written on it is undone in the end.

    Raises NotReady where the shop lacks something, changes.errors.ChangeError where the change cannot be put in force.
    """
    before = {name: getattr(settings, name) for name in _PATIENT}
    for name, value in _PATIENT.items():
        setattr(settings, name, value)
    try:
        with casting.playing(), transaction.atomic(), acting(PLAYER):
            casting.put_in_force()
            yield _set(scenario, casting)
            raise _Undo
    except _Undo:
        return
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def check_ready() -> None:
    """Raises NotReady where the demo's agents or people are missing."""
    slugs = set(Agent.objects.filter(status=Agent.Status.LIVE).values_list("slug", flat=True))
    missing = sorted({seed.slug for seed in AGENTS} - slugs)
    if missing:
        raise NotReady(
            f"The scenarios need the demo's four agents; not live here: {', '.join(missing)}. "
            "Run `manage.py seed_demo` on an empty database."
        )
    found = set(User.objects.filter(is_active=True).values_list("username", flat=True))
    if absent := sorted(set(PEOPLE.values()) - found):
        raise NotReady(f"The demo's log-ins are missing: {', '.join(absent)}. Run `manage.py seed_demo` first.")


def _set(scenario: Scenario, casting: Casting) -> Stage:
    with audit_log.transaction():
        _prepare_agents(scenario, casting)
        _prepare_desks(scenario)
        number = (Account.objects.aggregate(newest=Max("pk"))["newest"] or 0) + 1
        account = _account(number, "Sam Scenario")
        other = _account(number + 1, "Olga Other")
        orders = {one.name: _order(one, other if one.owner == "somebody else" else account) for one in scenario.orders}
        customer = _customer(scenario, account)
    return Stage(
        customer=customer,
        account=account if scenario.customer == "logged in" else None,
        assurance=CUSTOMERS[scenario.customer],
        orders=orders,
        people={role: User.objects.get(username=username) for role, username in PEOPLE.items()},
        names={name: order.order_id for name, order in orders.items()} | _of_customer(account),
    )


def _prepare_agents(scenario: Scenario, casting: Casting) -> None:
    """Every agent as the demo has it, but for what the scenario wants. A run keeps the version it began with, so each
    change is a version of its own."""
    for agent in Agent.objects.filter(slug__in=[seed.slug for seed in AGENTS]):
        casting.dress(agent)
        agent.autonomy = scenario.autonomy.get(agent.slug, Agent.Autonomy.AUTONOMOUS)
        agent.status = Agent.Status.PAUSED if agent.slug in scenario.paused else Agent.Status.LIVE
        agent.save()
    Budget.objects.filter(scope=Budget.Scope.AGENT, subject__in=scenario.penniless).delete()


def _prepare_desks(scenario: Scenario) -> None:
    """Who is there, and which team is closed until the day after tomorrow, whatever the hour of the playing is."""
    Presence.objects.update(seen_at=None, is_away=False)
    for role in scenario.present:
        heard_of(User.objects.get(username=PEOPLE[role]))
    OpeningHours.objects.all().delete()
    day = (timezone.now() + timedelta(days=2)).weekday()
    for team in Team.objects.filter(slug__in=scenario.closed):
        OpeningHours.objects.create(team=team, weekday=day)


def _customer(scenario: Scenario, account: Account) -> Customer:
    if scenario.customer == "logged in":
        return Customer.objects.create(reference=account.reference, name=account.name, email=account.email)
    name = account.name if scenario.customer == "claims a name" else ""
    return Customer.objects.create(reference=f"anon-scenario-{account.pk}", name=name)


def _of_customer(account: Account) -> dict[str, str]:
    """What the words of `scripts.OF_CUSTOMER` stand for."""
    details = (account.name, account.email, account.phone, ADDRESS["line1"], ADDRESS["city"], ADDRESS["postcode"])
    return dict(zip(OF_CUSTOMER, (*details, account.reference), strict=True))


def _account(number: int, name: str) -> Account:
    parts = {f"{kind}_{part}": value for kind in ("address", "billing") for part, value in ADDRESS.items()}
    return Account.objects.create(
        reference=f"CUS-9{number:05d}",
        name=name,
        email=f"{name.split()[0].lower()}.{number}@example.com",
        phone="+351 910 000 909",
        billing_name=name,
        created_at=timezone.now() - timedelta(days=400),
        **parts,
    )


def _order(script: OrderScript, account: Account) -> Order:
    products = Product.objects.in_bulk(script.items, field_name="sku")
    if unknown := set(script.items) - set(products):
        raise NotReady(f"The shop has no product {', '.join(sorted(unknown))}, which a scenario orders.")
    placed = timezone.now() - timedelta(days=_DAYS[script.status])
    shipped = None if script.status in ("paid", "cancelled") else placed + timedelta(days=1)
    delivered = placed + timedelta(days=4) if script.status in ("delivered", "returned") else None
    number = _next_number()
    order = Order.objects.create(
        order_id=f"ORD-{number}",
        account=account,
        status=script.status,
        currency=CURRENCY,
        placed_at=placed,
        shipped_at=shipped,
        delivered_at=delivered,
        expected_on=(placed + timedelta(days=6)).date(),
        carrier="CTT" if shipped else "",
        tracking=f"RR{number}PT" if shipped else "",
        shipping_address=ADDRESS,
    )
    total = 0
    for sku in script.items:
        product: Any = products[sku]
        total += product.price_minor
        OrderItem.objects.create(
            order=order, product=product, sku=sku, name=product.name, quantity=1, unit_minor=product.price_minor
        )
    payment = {"order": order, "amount_minor": total, "currency": CURRENCY, "created_at": placed}
    if script.failed_attempt:
        failed = Payment.Status.FAILED
        Payment.objects.create(payment_id=f"PAY-{number}-F", method="card •1881", status=failed, **payment)
    Payment.objects.create(payment_id=f"PAY-{number}", method="card •4242", **payment)
    return order


def _next_number() -> int:
    numbers = Order.objects.order_by("-pk").values_list("order_id", flat=True)
    return max((int(number.removeprefix("ORD-")) for number in numbers), default=1000) + 1
