"""`seed_history`: the demo's past four weeks, written once into an installation in which no agent has worked yet."""

from datetime import datetime

from django.conf import settings

from agents.costs import interactions
from agents.models import Agent, Run
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.demo.agents_seed import AGENTS
from supportagent.demo.history import counting, judging, shop, standing, trail
from supportagent.demo.history.book import Book
from supportagent.demo.history.house import House
from supportagent.demo.history.plan import conversations
from supportagent.demo.history.tell import Telling
from supportagent.demo.logins import LOGINS
from supportagent.demo.seed_data.people import SAMPLE_CUSTOMERS
from supportagent.demo.seeding import SeedRefused
from supportagent.staff.models import User
from supportagent.tickets.models import Customer, Ticket


def seed_history(now: datetime) -> int:
    """Write the past and the sums over it; returns how many conversations that were.

    Does nothing where an agent has worked already, or where the demo's own agents and log-ins are not there: that
    installation has a history of its own. Everything is over, so nothing of it waits or runs. The same `now` gives the
    same rows. Raises SeedRefused in production.
    """
    if settings.PRODUCTION:
        raise SeedRefused("SUPPORTAGENT_ENV=production refuses sample data")
    if not _is_wanted():
        return 0
    now = now.replace(second=0, microsecond=0)
    with acting(Actor.system("seed")), audit_log.transaction():
        written = _write(now)
    interactions.rebuild(now)
    return written


def _is_wanted() -> bool:
    if Run.objects.exists():
        return False
    slugs, names = {seed.slug for seed in AGENTS}, {login.username for login in LOGINS}
    return set(Agent.objects.values_list("slug", flat=True)) == slugs and User.objects.filter(
        username__in=names
    ).count() == len(names)


def _write(now: datetime) -> int:
    standing.write_costs_of_people(now)
    house = House(now, standing.write_versions(now), _customers())
    book, tickets, told = Book(), dict[int, Ticket](), conversations(now)
    for it in told:
        earlier = tickets[it.reopens.index] if it.reopens else None
        tickets[it.index] = Telling(book, house, it, earlier).tell()
    shop.write(book, house, told)
    book.write_tickets()
    counting.write_budgets(book, house)
    book.write_requests()
    counting.link_requests(book)
    counting.add_tallies(book, house)
    counting.add_gaps(book)
    book.write_rest()
    standing.write_alert(book, house, by=house.people["supervisor"])
    trail.record(book)
    judging.draw_and_label(house)
    return len(told)


def _customers() -> dict[str, Customer]:
    rows = [Customer(reference=each.reference, name=each.name, email=each.email) for each in SAMPLE_CUSTOMERS]
    Customer.objects.bulk_create(rows, ignore_conflicts=True)
    return {row.reference: row for row in Customer.objects.filter(reference__in=[row.reference for row in rows])}
