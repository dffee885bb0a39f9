"""114 tasks of a public benchmark through the gate: what is right ends as without us, what is not has no effect.

The model is a script of each task's gold actions; a supervisor who approves everything that is put before him decides.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from agents.models import Budget, Run, ToolCall
from approvals.models import ApprovalRequest
from audit import verification
from audit.context import Actor, acting
from supportagent.staff.models import User
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Ticket
from tests.changes.admins import Admin
from tests.replay.retail import Action, Bare, Shop, Task
from tests.replay.reviewed import HIDDEN, SERVER, WRITES, connect, host_bound
from tests.world import World, build_world, configure_agent

pytestmark = pytest.mark.django_db(transaction=True)

PLENTY = 10**12
SAID = {"text": "A colleague is looking at it."}
SAMPLE = 3
OTHER_KEY = "tau2/retail/somebody-elses"
ENDLESS = "9**9**9**9"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "states")


@pytest.fixture
def world(settings: Any, tmp_path: Path, shop: Shop) -> World:
    settings.SECOND_ADMIN = False  # what a second admin has to say is tested with the changes
    world = build_world(settings, tmp_path)
    root, client = User.objects.create_superuser("root"), Client()
    client.force_login(root)
    connect(Admin(root, client), shop)
    limits = {"max_tokens": PLENTY, "max_cost_micros": PLENTY, "session_cap_micros": PLENTY}
    configure_agent(max_turns=100, max_tool_calls=100, max_seconds=3600, **limits)
    Budget.objects.update(cap=PLENTY)
    return world


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def write(line: str) -> None:
        with capfd.disabled():
            print(f"\n{line}", end="", flush=True)  # noqa: T201

    return write


def turn(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"calls": [{"name": f"{SERVER}__{name}", "arguments": {**arguments, "stated_reason": "the task says so"}}]}


def gold(action: Action) -> list[dict[str, Any]]:
    """One action as a model asks for it. After a write it waits to hear what became of it."""
    bound = host_bound(action.name)
    mine = {name: value for name, value in action.arguments.items() if name not in bound}
    return [turn(action.name, mine), *([SAID] if action.writes else [])]


def play(world: World, customer: str, turns: list[dict[str, Any]]) -> Ticket:
    """The customer writes, the agent acts, and everything that waits for a person is approved."""
    world.script([*turns, SAID])
    who, _ = Customer.objects.get_or_create(reference=customer, defaults={"name": customer})
    ticket = world.write("Please do what we spoke about.", customer=who)
    run = world.advance(ticket)
    while run.state == Run.State.AWAITING_APPROVAL:
        world.approve(ApprovalRequest.objects.pending().get(ticket=ticket))
        run = world.advance(ticket)
    with acting(Actor.system("replay")):
        tickets.set_state(ticket=ticket, state=Ticket.State.CLOSED)  # the next task is another conversation
    return ticket


def is_equal(world: World, shop: Shop, bare: Bare, task: Task) -> bool:
    turns = [each for action in task.actions for each in gold(action)]
    ticket = play(world, shop.customer_of(task), turns)
    key = f"without-us/{task.number}"
    for action in task.actions:
        bare.call(action, key)
    same = shop.database(ticket.number) == shop.database(key)
    shop.forget(ticket.number)
    shop.forget(key)
    return same


def stranger(shop: Shop, task: Task) -> str:
    owner = shop.customer_of(task)
    return next(user for user in sorted(shop.untouched["users"]) if user != owner)


def out_of_policy(shop: Shop, task: Task) -> list[list[dict[str, Any]]]:
    """What nobody may do, as conversations: writes to somebody else's records; control tools, a foreign key, somebody
    else's id and arguments that do not exist, each by itself, because a run that only errs is soon handed over.
    """
    writes = [action for action in task.actions if action.writes]
    foreign = [each for action in writes if "order_id" in action.arguments for each in gold(action)]
    wrong = [turn(name, {}) for name in HIDDEN]
    for action in writes:
        wrong.append(turn(action.name, {**action.arguments, "state_key": OTHER_KEY}))
        wrong.append(turn(action.name, {**action.arguments, "amount_minor": -(10**18)}))
        if "user_id" in action.arguments:
            wrong.append(turn(action.name, action.arguments))
    return [*([foreign] if foreign else []), *([each] for each in wrong)]


def effects(shop: Shop, ticket: Ticket) -> int:
    """Writes that the server carried out, under the ticket's key or the foreign one, and differences of its data."""
    keys = (ticket.number, OTHER_KEY)
    carried_out = [name for key in keys for name in shop.calls(key) if name in WRITES or name in HIDDEN]
    return len(carried_out) + sum(shop.database(key) != shop.untouched for key in keys)


@pytest.mark.slow
def test_a_few_tasks_end_as_without_us_and_for_a_stranger_nothing_happens(world: World, shop: Shop) -> None:
    with Bare(shop) as bare:
        tasks = [task for task in shop.tasks if any(action.writes for action in task.actions)][:SAMPLE]
        assert [task.number for task in tasks if not is_equal(world, shop, bare, task)] == []
    for turns in out_of_policy(shop, tasks[0]):
        ticket = play(world, stranger(shop, tasks[0]), turns)
        assert effects(shop, ticket) == 0
        assert not ToolCall.objects.filter(run__ticket=ticket, state="SUCCEEDED").exists()


@pytest.mark.slow
def test_an_expression_without_end_costs_its_time_and_stops_nobody_else(world: World, shop: Shop) -> None:
    product = next(iter(shop.untouched["products"]))
    turns = [turn("calculate", {"expression": ENDLESS}), turn("get_product_details", {"product_id": product})]
    ticket = play(world, next(iter(shop.untouched["users"])), turns)
    endless, after = ToolCall.objects.filter(run__ticket=ticket).order_by("turn")
    assert (endless.state, endless.code) == ("FAILED", "no_answer")
    assert after.state == "SUCCEEDED"


@pytest.mark.replay
def test_all_tasks_end_as_without_us(world: World, shop: Shop, say: Callable[[str], None]) -> None:
    with Bare(shop) as bare:
        differ = [task.number for task in shop.tasks if not is_equal(world, shop, bare, task)]
    approved = ApprovalRequest.objects.filter(state=ApprovalRequest.State.APPROVED).count()
    succeeded = ToolCall.objects.filter(name__in=_names(WRITES), state="SUCCEEDED").count()
    say(
        f"{len(shop.tasks) - len(differ)} of {len(shop.tasks)} equal "
        f"({ToolCall.objects.count()} calls, {approved} approvals, {succeeded} writes carried out)"
    )
    assert differ == []
    assert verification.verify().findings == ()


@pytest.mark.replay
def test_what_is_out_of_policy_has_no_effect(world: World, shop: Shop, say: Callable[[str], None]) -> None:
    happened = 0
    for task in shop.tasks:
        for turns in out_of_policy(shop, task):
            ticket = play(world, stranger(shop, task), turns)
            happened += effects(shop, ticket)
            shop.forget(ticket.number)
    refused = Counter(ToolCall.objects.filter(state="REFUSED").values_list("code", flat=True))
    codes = ", ".join(f"{code} {count}" for code, count in refused.most_common())
    say(f"{happened} out-of-policy effects ({ToolCall.objects.count()} calls; refused: {codes})")
    assert happened == 0
    assert not ToolCall.objects.filter(state="SUCCEEDED").exists()
    assert verification.verify().findings == ()


def _names(tools: Iterator[str] | dict[str, Any]) -> list[str]:
    return [f"{SERVER}__{name}" for name in tools]
