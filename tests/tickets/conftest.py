import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from supportagent.staff.models import Team, User
from supportagent.staff.roles import sync_roles
from supportagent.tickets import services, signals
from supportagent.tickets.models import Customer
from tests import database


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch):
    """Tickets by themselves: the layers above, which start runs and hand over, are not connected."""
    for signal in (signals.message_received, signals.reply_posted, signals.ticket_taken_over, signals.ticket_ended):
        monkeypatch.setattr(signal, "receivers", [])


@pytest.fixture
def cast(db):
    """The people of these tests: two teams, a supervisor and a rep of one, a supervisor of the other, an agent."""
    database.write_once(_write_cast)
    return Cast()


def _write_cast() -> None:
    sync_roles()
    orders = Team.objects.create(name="Orders & returns", slug="orders")
    partners = Team.objects.create(name="Partner desk", slug="partners")
    _write_person("ana", "Ana", "Supervisor", orders)
    _write_person("rosa", "Rosa", "Support rep", orders)
    _write_person("piet", "Piet", "Supervisor", partners)
    agent = User.objects.create_user("agent.orders", first_name="Orders assistant", kind="service")
    agent.groups.add(Group.objects.get(name="Support rep"))
    Customer.objects.create(reference="CUS-1001", name="Ana Martins", email="ana.martins@example.com")
    Customer.objects.create(reference="anon-0001")


def _write_person(username: str, first_name: str, role: str, team: Team) -> User:
    user = User.objects.create_user(username, first_name=first_name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    assign_perm("staff.view_team", user, team)
    return user


class Cast:
    def __init__(self) -> None:
        people = User.objects.in_bulk(field_name="username")
        self.ana, self.rosa, self.piet = people["ana"], people["rosa"], people["piet"]
        self.agent = people["agent.orders"]
        self.orders, self.partners = Team.objects.get(slug="orders"), Team.objects.get(slug="partners")
        self.customer = Customer.objects.get(reference="CUS-1001")
        self.visitor = Customer.objects.get(reference="anon-0001")

    def person(self, username: str, first_name: str, role: str, team: Team) -> User:
        return _write_person(username, first_name, role, team)

    def writes(self, body: str = "Where is my order?", *, client_id: str = "", **options):
        """The customer writes, verified; returns the message."""
        options = {"customer": self.customer, "assurance": "verified", **options}
        return services.receive_message(body=body, client_message_id=client_id, **options)[0]

    def ticket(self, **options):
        """A new thread of the customer."""
        return self.writes(**options).ticket
