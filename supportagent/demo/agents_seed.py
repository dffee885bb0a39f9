"""The demo's four agents: written once into an installation that has none, then an admin's to change.

An installation that already has agents keeps them, whatever they are: those of an earlier seed go on as they were.
"""

from dataclasses import dataclass
from datetime import time

from django.contrib.auth.models import Group, Permission

from agents.models import Agent, Budget, HandOffRoute
from supportagent.staff.models import OpeningHours, Team, User

USD = 1_000_000  # micro-units
LANGUAGES = ["en", "de", "fr", "es"]


@dataclass(frozen=True)
class SeedAgent:
    """One agent as an admin would fill it in: what it is for, whose rights it has, what it may spend (in USD)."""

    slug: str
    name: str
    role: str
    team: str
    goal: str
    success_criteria: str
    instructions: str
    receives_requests: bool = False
    day: int = 20
    month: int = 300


AGENTS = (
    SeedAgent(
        slug="triage",
        name="Triage",
        role="Front desk",
        team="orders",
        receives_requests=True,
        goal="Sort every request of the customers of Harbour & Pine, answer what needs only a look, and bring the rest "
        "to the agent or the person who can do it.",
        success_criteria="Category, priority, language, mood and team are right, and the customer has either a true "
        "answer or the right colleague with the whole context.",
        instructions=(
            "You are the first contact of Harbour & Pine, a shop for kitchen and coffee. Be warm, brief and exact. "
            "Triage the ticket first, with an honest confidence: low when the message is vague or contradicts itself. "
            "Answer questions about where an order is and about products yourself, after looking them up; name the "
            "article that you quote. Hand off what you have no tool for, with what you found; never say that you "
            "hand off without doing it."
        ),
    ),
    SeedAgent(
        slug="orders",
        name="Orders",
        role="Orders specialist",
        team="orders",
        goal="Change, cancel and trace orders and keep customers' contact details right, within the shop's policies.",
        success_criteria="The order or the account is as the customer wants it, or the customer knows why not and who "
        "decides.",
        instructions=(
            "You look after the orders of Harbour & Pine. Be warm, brief and exact. Look the order up before you "
            "speak about it. Cancel only what has not been shipped; name the policy for returns. Refunds, payments "
            "and invoices belong to billing, faults of the website or the app to the technical agent."
        ),
    ),
    SeedAgent(
        slug="billing",
        name="Billing",
        role="Billing specialist",
        team="billing",
        goal="Answer for payments, invoices and refunds, and keep billing details right, within the shop's policies.",
        success_criteria="The money is where it belongs, each sum said stands in the shop's records, and nothing was "
        "refunded twice.",
        instructions=(
            "You look after payments, invoices and refunds of Harbour & Pine. Be warm, brief and exact. Look the order "
            "and its payments up before you speak about money, and never promise a refund before it is approved. "
            "Cancelling and changing orders belongs to the orders agent, faults to the technical agent."
        ),
    ),
    SeedAgent(
        slug="technical",
        name="Technical",
        role="Technical specialist",
        team="technical",
        goal="Find out whether a fault that a customer meets is known, and bring it to the engineers.",
        success_criteria="The customer has the id of an issue that describes the fault, or help from an article.",
        instructions=(
            "You look after faults of the website, the checkout and the Brew app of Harbour & Pine. Be warm, brief and "
            "exact. Look at the service logs before you file an issue, never quote them to a customer, and put no "
            "personal data into an issue. You see neither orders nor payments: they belong to the other agents."
        ),
    ),
)
ROUTES: dict[tuple[str, str], str] = {
    ("triage", "orders"): "Cancelling, changing, returning or exchanging an order; addresses and contact details.",
    ("triage", "billing"): "Refunds, payments, charges, invoices, gift cards and billing details.",
    ("triage", "technical"): "A fault of the website, the checkout, the log-in or the Brew app.",
    ("orders", "billing"): "Refunds, payments, charges, invoices, gift cards and billing details.",
    ("orders", "technical"): "A fault of the website, the checkout, the log-in or the Brew app.",
    ("billing", "orders"): "Cancelling, changing, returning or exchanging an order; addresses and contact details.",
    ("billing", "technical"): "A fault of the website, the checkout, the log-in or the Brew app.",
    ("technical", "orders"): "Anything about an order, a return, an exchange, an address or contact details.",
    ("technical", "billing"): "Refunds, payments, charges, invoices, gift cards and billing details.",
}
WHEN_AWAY = {"orders": Team.WhenAway.PROMISE, "billing": Team.WhenAway.CONTACT, "technical": Team.WhenAway.KEEP}
OFFICE_HOURS = {"billing": (time(9), time(17))}
OFFICE_DAYS = range(OpeningHours.Weekday.MONDAY, OpeningHours.Weekday.SATURDAY)


def seed_agents() -> None:
    """Set the agents to work and say when their teams answer. Does nothing where there is an agent already."""
    if Agent.objects.exists():
        return
    agents = {seed.slug: _write_agent(seed) for seed in AGENTS}
    for (source, target), when in ROUTES.items():
        HandOffRoute.objects.create(from_agent=agents[source], to_agent=agents[target], when=when)
    for slug, when_away in WHEN_AWAY.items():
        Team.objects.filter(slug=slug).update(when_away=when_away)
    for slug, (opens, closes) in OFFICE_HOURS.items():
        team = Team.objects.get(slug=slug)
        OpeningHours.objects.bulk_create(
            OpeningHours(team=team, weekday=day, opens=opens, closes=closes) for day in OFFICE_DAYS
        )


def _write_agent(seed: SeedAgent) -> Agent:
    for period, cap in ((Budget.Period.DAY, seed.day), (Budget.Period.MONTH, seed.month)):
        Budget.objects.get_or_create(
            scope=Budget.Scope.AGENT, subject=seed.slug, period=period, defaults={"cap": cap * USD}
        )
    return Agent.objects.create(
        slug=seed.slug,
        name=seed.name,
        status=Agent.Status.LIVE,
        autonomy=Agent.Autonomy.AUTONOMOUS,
        receives_requests=seed.receives_requests,
        goal=seed.goal,
        success_criteria=seed.success_criteria,
        instructions=seed.instructions,
        languages=LANGUAGES,
        service_user=service_account(seed.slug, seed.name, (seed.role,)),
        team=Team.objects.get(slug=seed.team),
        session_cap_micros=USD // 2,
    )


def service_account(slug: str, name: str, roles: tuple[str, ...]) -> User:
    """The account in whose name an agent acts: its roles decide what it may do; it sees the threads of every team."""
    account, _ = User.objects.get_or_create(
        username=f"agent-{slug}", defaults={"kind": User.Kind.SERVICE, "first_name": name}
    )
    account.groups.set(Group.objects.filter(name__in=roles))
    account.user_permissions.add(Permission.objects.get(content_type__app_label="staff", codename="view_team"))
    return account
