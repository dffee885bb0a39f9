"""The one agent of most tests: a generalist with the roles of all specialists, so that a test needs no hand-off."""

from agents.models import Agent, Budget
from supportagent.demo.agents_seed import service_account
from supportagent.staff.models import Team

CONCIERGE = "concierge"
ROLES = ("Support rep", "Orders specialist", "Billing specialist", "Technical specialist")
USD = 1_000_000  # micro-units


def write_concierge() -> Agent:
    """Set the agent to work, with a budget. Tools, rules and roles are there already (`seed_governance`)."""
    for period, cap in ((Budget.Period.DAY, 20), (Budget.Period.MONTH, 300)):
        Budget.objects.create(scope=Budget.Scope.AGENT, subject=CONCIERGE, period=period, cap=cap * USD)
    return Agent.objects.create(
        slug=CONCIERGE,
        name="Concierge",
        status=Agent.Status.LIVE,
        autonomy=Agent.Autonomy.AUTONOMOUS,
        receives_requests=True,
        goal="Resolve what the customer of Harbour & Pine writes about, within the shop's policies.",
        success_criteria="The customer has a true and complete answer, or knows which person takes over and why.",
        instructions=(
            "You are the first contact of Harbour & Pine, a shop for kitchen and coffee. Be warm, brief and exact. "
            "Categorise the ticket first. Look the customer's order up before you speak about it. For policies, search "
            "the knowledge base and name the article."
        ),
        service_user=service_account(CONCIERGE, "Concierge", ROLES),
        team=Team.objects.get(slug="orders"),
        session_cap_micros=USD // 2,
    )
