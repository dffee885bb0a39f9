"""A prepared statement answers as the ORM does. Run on both databases."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import models as auth
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError

from agents.models import Run, RunEvent, ToolCall
from audit.models import SubjectKey
from supportagent.prepared import Change, NotPreparable, change, first, insert, prepared, save, subquery
from supportagent.staff.models import Team, TeamUserGrant
from supportagent.tickets.models import Customer, Message, Ticket
from tests.world import World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Any) -> World:
    return build_world(settings, tmp_path)


@pytest.fixture
def run(world: World) -> Run:
    """A run that waits for a person, with its calls, events and messages."""
    return Run.objects.select_related("ticket__customer", "agent__service_user").get(
        ticket=world.held_refund().ticket,
    )


@pytest.fixture
def asked(django_assert_num_queries: Any) -> Any:
    return django_assert_num_queries


def columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def same(found: list[Any], expected: QuerySet[Any, Any]) -> bool:
    assert found, "a comparison of nothing proves nothing"
    return [columns(row) for row in found] == [columns(row) for row in expected]


def test_rows_come_back_as_the_orm_gives_them(run: Run):
    @prepared
    def calls(run_id: UUID, states: tuple[str, ...]) -> QuerySet[ToolCall]:
        return ToolCall.objects.filter(run=run_id, state__in=states)

    for states in [("AWAITING_APPROVAL",), ("SUCCEEDED",), ("AWAITING_APPROVAL", "SUCCEEDED")]:
        assert same(calls(run.pk, states), ToolCall.objects.filter(run=run, state__in=states))
    assert calls(run.pk, ()) == []
    assert calls(uuid4(), ("SUCCEEDED",)) == []


def test_relations_and_annotations_are_there_without_another_query(run: Run, asked: Any):
    @prepared
    def runs(run_id: UUID) -> QuerySet[Run]:
        related = Run.objects.select_related("agent__service_user", "ticket__customer", "ticket__assignee")
        return related.annotate(said=Count("ticket__messages")).filter(pk=run_id)

    with asked(1):
        found = first(runs(run.pk))
        assert found is not None
        assert found.ticket.customer == run.ticket.customer
        assert found.ticket.assignee is None
        assert found.agent.service_user == run.agent.service_user
    assert found.said == Message.objects.filter(ticket=run.ticket).count() > 0
    assert not found._state.adding
    found.save()  # an update, as of any row that was read


def test_dates_json_and_bytes_survive_the_way_in_and_out(run: Run):
    @prepared
    def events(run_id: UUID, since: datetime, kinds: tuple[str, ...]) -> QuerySet[RunEvent]:
        return RunEvent.objects.filter(run=run_id, at__gte=since, kind__in=kinds)

    kinds, since = tuple(RunEvent.Kind.values), run.created_at - timedelta(seconds=1)
    assert same(events(run.pk, since, kinds), RunEvent.objects.filter(run=run, at__gte=since, kind__in=kinds))
    assert events(run.pk, datetime(2099, 1, 1, tzinfo=UTC), kinds) == []
    insert(RunEvent(run=run, seq=900, kind="tool", title="Ünïcode % s", body={"ä": [1, None, {"x": "%s"}]}))
    assert RunEvent.objects.get(run=run, seq=900).body == {"ä": [1, None, {"x": "%s"}]}
    insert(SubjectKey(subject="CUS-9", key=bytes(range(32))))
    assert bytes(SubjectKey.objects.get(subject="CUS-9").key) == bytes(range(32))


def test_a_placeholder_in_a_subquery_takes_the_form_of_its_column(world: World, run: Run):
    @prepared
    def held(user_id: int, active: bool, codename: str) -> QuerySet[auth.Permission, int]:
        by_role = Q(group__user=user_id, group__user__is_active=active)
        return auth.Permission.objects.filter(by_role, codename=codename).values_list("pk", flat=True)

    @prepared
    def teams(user_id: int, run_id: UUID) -> QuerySet[Team]:
        grants = TeamUserGrant.objects.filter(content_object=OuterRef("pk"), user=user_id)
        return Team.objects.filter(Exists(grants), pk__in=Ticket.objects.filter(runs=run_id).values("team"))

    agent = world.agent.service_user
    assert len(held(agent.pk, True, "refund_order")) == 1
    assert held(agent.pk, False, "refund_order") == []
    assert same(teams(world.ana.pk, run.pk), Team.objects.filter(pk=run.ticket.team_id))
    assert teams(world.ana.pk, uuid4()) == []


def test_a_change_says_how_many_rows_it_met(run: Run):
    @prepared
    def move(run_id: UUID, before: str, after: str, **values: Any) -> Change[Run]:
        return change(Run.objects.filter(pk=run_id, state=before), state=after, fence=F("fence") + 1, **values)

    at = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    fence = run.fence
    assert move(run.pk, "QUEUED", "RUNNING") == 0
    assert move(run.pk, "AWAITING_APPROVAL", "RUNNING", lease_until=at, configuration={"a": [1]}) == 1
    run.refresh_from_db()
    assert (run.state, run.fence, run.lease_until, run.configuration) == ("RUNNING", fence + 1, at, {"a": [1]})
    assert move(run.pk, "RUNNING", "PARKED", lease_until=None, configuration={}) == 1
    run.refresh_from_db()
    assert (run.state, run.lease_until, run.configuration) == ("PARKED", None, {})
    assert move(run.pk, "PARKED", "FAILED", finished_at=Now()) == 1
    run.refresh_from_db()
    assert abs(datetime.now(UTC) - run.finished_at) < timedelta(minutes=1)


def test_nothing_given_is_not_the_same_as_something(run: Run):
    @prepared
    def ended(finished_at: datetime | None) -> QuerySet[Run, UUID]:
        return Run.objects.filter(finished_at=finished_at).values_list("pk", flat=True)

    assert ended(None) == [run.pk]
    at = datetime(2026, 1, 31, tzinfo=UTC)
    Run.objects.update(finished_at=at)
    assert (ended(None), ended(at)) == ([], [run.pk])


def test_several_rows_go_in_with_one_statement_and_learn_their_keys(run: Run, asked: Any):
    rows = [RunEvent(run=run, seq=700 + n, kind="state", title=f"{n}") for n in range(3)]
    with asked(1):
        insert(*rows)
    assert same(rows, RunEvent.objects.filter(run=run, seq__gte=700))
    assert len({row.pk for row in rows}) == 3
    one = Customer(reference="CUS-77", name="One")
    insert(one)
    assert same([one], Customer.objects.filter(pk=one.pk))
    with pytest.raises(ValueError, match="unsaved"):
        insert(Message(ticket=Ticket(), seq=1, kind="NOTE", body="lost"))


def test_a_row_can_be_saved_column_by_column(run: Run):
    ticket = run.ticket
    before = ticket.updated_at
    ticket.state, ticket.assignee, ticket.subject = Ticket.State.RESOLVED, run.agent.service_user, "not this"
    save(ticket, "state", "assignee", "updated_at")
    stored = Ticket.objects.get(pk=ticket.pk)
    assert (stored.state, stored.assignee_id) == ("RESOLVED", run.agent.service_user_id)
    assert stored.updated_at == ticket.updated_at > before
    assert stored.subject != "not this"
    ticket.assignee = None
    save(ticket, "assignee")
    assert Ticket.objects.get(pk=ticket.pk).assignee_id is None


def test_what_cannot_be_prepared_is_refused(run: Run):
    @prepared
    def looks(state: str) -> QuerySet[Run]:
        return Run.objects.filter(state="QUEUED" if state == "QUEUED" else "RUNNING")

    @prepared
    def joins(number: str) -> Change[Run]:
        return change(Run.objects.filter(ticket__number=number), fence=1)

    @prepared
    def fetches(state: str) -> QuerySet[Run]:
        return Run.objects.filter(state=state).prefetch_related("events")

    @prepared
    def names(state: str) -> QuerySet[Run, dict[str, Any]]:
        return Run.objects.filter(state=state).values()

    for refused in (looks, joins, fetches, names):
        with pytest.raises(NotPreparable):
            refused("QUEUED")

    @prepared
    def by_key(key: Any) -> QuerySet[Run]:
        return Run.objects.filter(pk=key)

    assert by_key(str(run.pk)) == [run]
    with pytest.raises((TypeError, ValidationError)):
        by_key("not a key")


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_a_transaction_is_an_error_as_in_the_orm():
    @prepared
    def locked(number: str) -> QuerySet[Ticket]:
        return Ticket.objects.select_for_update().filter(number=number)

    with transaction.atomic():
        assert locked("T-1") == []
    if connection.features.has_select_for_update:
        with pytest.raises(TransactionManagementError):
            locked("T-1")


@pytest.mark.django_db(transaction=True)
def test_threads_share_a_statement_and_use_their_own_connection(settings: Any, tmp_path: Any):
    build_world(settings, tmp_path)

    @prepared
    def customers(reference: str) -> QuerySet[Customer]:
        return Customer.objects.filter(reference=reference)

    found: list[str] = []

    def ask(reference: str) -> None:
        found.extend(row.reference for _ in range(50) for row in customers(reference))
        connection.close()

    threads = [threading.Thread(target=ask, args=(f"CUS-100{n}",)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["CUS-1001"] * 50 + ["CUS-1002"] * 50


def test_a_part_of_another_statement_is_looked_up_when_that_runs(run: Run, asked: Any) -> None:
    @subquery
    def with_state(state: str, numbers: tuple[str, ...]) -> QuerySet[Ticket, int]:
        return Ticket.objects.filter(state=state, number__in=numbers).order_by().values_list("pk", flat=True)

    ticket = run.ticket
    with asked(0):
        found = Run.objects.filter(ticket__in=with_state("OPEN", (ticket.number, "T-0")))
        others = Run.objects.filter(ticket__in=with_state("CLOSED", (ticket.number,)))
    Ticket.objects.filter(pk=ticket.pk).update(state="OPEN")
    with asked(2):
        assert list(found) == [run]
        assert list(others) == []
