"""Fills an empty installation with the demo shop. Repeating it changes nothing."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.demo.agents_seed import seed_agents
from supportagent.demo.governance_seed import seed_governance
from supportagent.demo.seed_data.write_engineering import write_logs
from supportagent.demo.seed_data.write_knowledge import write_articles
from supportagent.demo.seed_data.write_people import write_people
from supportagent.demo.seed_data.write_shop import write_shop
from supportagent.demo.seed_data.write_tickets import write_tickets
from supportagent.demo.shop import ensure_demo_widget_app
from supportagent.engineering.models import EngineeringIssue, ServiceLog
from supportagent.knowledge.models import Article
from supportagent.store.models import Account, Cancellation, Order, OrderItem, Payment, Product, Refund

# In the order in which they may be deleted.
DOMAIN_MODELS = (
    Cancellation,
    Refund,
    Payment,
    OrderItem,
    Order,
    Account,
    Product,
    Article,
    ServiceLog,
    EngineeringIssue,
)


class SeedRefused(Exception):
    """Sample data has no place here: the installation is a production one."""


@dataclass(frozen=True)
class Seeded:
    """How many rows of each kind were missing and have been written."""

    orders: int
    articles: int
    log_lines: int
    tickets: int

    @property
    def anything(self) -> bool:
        return any((self.orders, self.articles, self.log_lines, self.tickets))


def seed(now: datetime) -> Seeded:
    """Write what is missing, with all dates counted back from `now`; one transaction for rows and audit
    entries.

    The same `now` gives the same rows. Raises SeedRefused in production.
    """
    if settings.PRODUCTION:
        raise SeedRefused("SUPPORTAGENT_ENV=production refuses sample data")
    now = now.replace(second=0, microsecond=0)
    with acting(Actor.system("seed")), audit_log.transaction():
        people = write_people()
        seeded = Seeded(
            orders=write_shop(now),
            articles=write_articles(),
            log_lines=write_logs(now),
            tickets=write_tickets(now, people=people),
        )
        seed_governance()
        seed_agents()
        ensure_demo_widget_app([settings.SHOP_URL])
    return seeded


def reset(now: datetime) -> Seeded:
    """Throw the shop's, the knowledge base's and the engineers' rows away and write them anew.

    Tickets, runs, approvals and the audit trail stay: they say what happened to the old rows, and that
    remains true. Raises SeedRefused in production.
    """
    if settings.PRODUCTION:
        raise SeedRefused("SUPPORTAGENT_ENV=production refuses to delete data")
    with acting(Actor.system("seed")), audit_log.transaction():
        audit_log.record("store.shop.reset", target=("shop", "store"), outcome="deleted")
        for model in DOMAIN_MODELS:
            model.objects.all().delete()
        return seed(now)
