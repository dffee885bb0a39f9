"""From one agent to another: over the drawn arrows, as an event, with a brief, and within limits."""

import contextlib
import itertools
import json
from typing import Any

import pytest

from agents import failpoints, services
from agents.loop.runner import AgentRunner
from agents.loop.transcript import Transcript
from agents.models import Agent, Budget, HandOff, HandOffRoute, ModelCall, Run, RunEvent, ToolCall
from agents.providers.base import HostNote
from audit import verification
from audit.models import AuditEntry
from supportagent.tickets import services as tickets
from supportagent.tickets.models import HandOver, Message, Ticket
from tests.agents.teamwork import add_agent, connect, pass_on, scripts
from tests.world import ASK_REFUND, HELD, READ_ORDER, World, configure_agent

ANSWER = "I looked at it: your order was delivered."


@pytest.fixture
def billing(world: World) -> Agent:
    agent = add_agent("billing", "Support rep", "Billing specialist")
    connect((world.agent, agent))
    return agent


def work(ticket: Ticket) -> list[Run]:
    """Let every agent work until nobody has anything to do; the ticket's runs, oldest first."""
    for _ in range(12):
        run = Run.objects.live().filter(ticket=ticket, state=Run.State.QUEUED).first()
        if run is None:
            break
        AgentRunner(run.pk).advance()
    ticket.refresh_from_db()
    return list(ticket.runs.order_by("created_at"))


def route(runs: list[Run]) -> list[str]:
    return [run.its_agent.slug for run in runs]


def refusals(run: Run) -> list[str]:
    return list(run.tool_calls.filter(state=ToolCall.State.REFUSED).values_list("code", flat=True))


def brief_of(run: Run) -> dict[str, Any]:
    """What the run's model was told first."""
    notes = [item.text for item in Transcript(run).items([]) if isinstance(item, HostNote)]
    [told] = [note for note in notes if note.startswith("Hand-off from ")]
    return json.JSONDecoder().raw_decode(told[told.index("{") :])[0]  # type: ignore[no-any-return]


def test_the_next_agent_answers_with_what_the_first_found(world: World, billing: Agent) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    first, second = work(ticket)
    assert route([first, second]) == [world.agent.slug, "billing"]
    assert (first.state, first.ended_because) == (Run.State.COMPLETED, "handed_off")
    assert second.state == Run.State.COMPLETED
    assert world.replies(ticket) == [ANSWER]
    assert ticket.messages.get(kind=Message.Kind.AGENT).author_name == "Billing"

    brief = brief_of(second)
    assert brief["summary"] == "The customer wants a refund."
    assert brief["question"].startswith("Please refund ORD-1042")
    [fact] = brief["facts"]
    assert (fact["source"], fact["result"]["order_id"]) == ("store__get_order", "ORD-1042")
    assert AuditEntry.objects.filter(action="agents.hand_off.made", target_id=str(second.pk)).count() == 1
    assert verification.verify().ok


def test_the_next_message_goes_to_the_agent_that_has_the_conversation(world: World, billing: Agent) -> None:
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    work(ticket)
    world.write("And one more thing.")
    assert route(work(ticket)) == [world.agent.slug, "billing", "billing"]


def test_when_that_agent_is_paused_the_next_message_goes_to_the_front(world: World, billing: Agent) -> None:
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    work(ticket)
    billing.status = Agent.Status.PAUSED
    billing.save()
    scripts(world, first=[{"text": "Hello again."}])
    world.write("And one more thing.")
    assert route(work(ticket))[-1] == world.agent.slug
    assert world.replies(ticket)[-1] == "Hello again."


def test_an_agent_without_arrows_is_not_offered_a_hand_off(world: World) -> None:
    add_agent("billing", "Billing specialist")
    scripts(world, first=[pass_on("billing"), {"text": ANSWER}])
    ticket = world.write()
    [run] = work(ticket)
    assert refusals(run) == ["unknown_tool"]
    assert world.replies(ticket) == [ANSWER]


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("nobody of that name", "unknown_target"),
        ("no arrow", "unknown_target"),
        ("paused", "target_paused"),
        ("no budget", "target_without_budget"),
        ("another channel", "unknown_target"),
        ("another language", "unknown_target"),
    ],
)
def test_a_hand_off_that_may_not_be_is_refused_and_the_agent_goes_on(
    world: World, billing: Agent, why: str, code: str
) -> None:
    to = {"nobody of that name": "nobody", "no arrow": "lonely"}.get(why, "other")
    add_agent("lonely", "Billing specialist")
    other = add_agent(
        "other",
        "Billing specialist",
        budget=why != "no budget",
        status=Agent.Status.PAUSED if why == "paused" else Agent.Status.LIVE,
        channels=["email"] if why == "another channel" else [],
        languages=["de"] if why == "another language" else [],
    )
    connect((world.agent, other))
    scripts(world, first=[pass_on(to), {"text": ANSWER}])
    ticket = world.write()
    [run] = work(ticket)
    assert refusals(run) == [code]
    assert (run.state, world.replies(ticket)) == (Run.State.COMPLETED, [ANSWER])


def test_two_hand_offs_in_one_turn_are_both_refused(world: World, billing: Agent) -> None:
    connect((world.agent, add_agent("technical", "Technical specialist")))
    both = {"calls": [*pass_on("billing")["calls"], *pass_on("technical")["calls"]]}
    scripts(world, first=[both, {"text": ANSWER}])
    ticket = world.write()
    [run] = work(ticket)
    assert refusals(run) == ["one_hand_off_per_turn"] * 2
    assert world.replies(ticket) == [ANSWER]


def test_words_that_are_not_arguments_are_told_to_the_model(world: World, billing: Agent) -> None:
    wrong = {"calls": [{"name": "hand_off", "arguments": {"to": "billing", "summary": "x"}}]}
    scripts(world, first=[wrong, {"text": ANSWER}])
    [run] = work(world.write())
    assert refusals(run) == ["invalid_arguments"]


def test_what_else_the_turn_asked_for_is_done_before_the_hand_off(world: World, billing: Agent) -> None:
    note = {"name": "tickets__add_internal_note", "arguments": {"body": "Wants it soon.", "stated_reason": "for us"}}
    turn = {"calls": [*pass_on("billing")["calls"], READ_ORDER, note]}
    scripts(world, first=[turn], billing=[{"text": ANSWER}])
    first, second = work(world.write())
    done = first.tool_calls.values_list("name", "state")
    assert {state for _, state in done} == {ToolCall.State.SUCCEEDED} and len(done) == 3
    assert [fact["source"] for fact in brief_of(second)["facts"]] == ["store__get_order"]


def test_a_request_that_waits_for_a_person_keeps_the_agent(world: World, billing: Agent) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, {"calls": [ASK_REFUND]}, pass_on("billing"), {"text": HELD}])
    ticket = world.write()
    [run] = work(ticket)
    assert refusals(run) == ["request_waits"]
    assert (run.state, ticket.state) == (Run.State.AWAITING_APPROVAL, Ticket.State.WAITING_APPROVAL)


def test_two_agents_that_send_a_customer_to_and_fro_end_with_a_person(world: World, billing: Agent) -> None:
    connect((billing, world.agent))
    scripts(world, first=[pass_on("billing")], billing=[pass_on(world.agent.slug)])
    ticket = world.write()
    runs = work(ticket)
    assert route(runs) == [world.agent.slug, "billing", world.agent.slug]
    assert (runs[-1].state, ticket.state) == (Run.State.HANDED_OVER, Ticket.State.WAITING_PERSON)
    handed = HandOver.objects.get(ticket=ticket)
    assert handed.reason_code == HandOver.Reason.LIMIT
    assert "hand this conversation to each other" in handed.summary
    assert len(world.replies(ticket)) == 1  # the customer hears once that a person comes


def test_a_new_message_of_the_customer_starts_the_count_anew(world: World, billing: Agent) -> None:
    connect((billing, world.agent))
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    work(ticket)
    scripts(world, first=[pass_on("billing")], billing=[pass_on(world.agent.slug)])
    world.write("Something else now.")
    runs = work(ticket)
    assert route(runs)[2:] == ["billing", world.agent.slug, "billing"]
    assert runs[-1].state == Run.State.HANDED_OVER


def test_a_chain_that_grows_too_long_ends_with_a_person(world: World, settings: Any) -> None:
    settings.MAX_HAND_OFFS = 2
    agents = [world.agent, *(add_agent(f"a{number}", "Support rep") for number in range(3))]
    connect(*itertools.pairwise(agents))
    scripts(world, first=[pass_on("a0")], a0=[pass_on("a1")], a1=[pass_on("a2")], a2=[{"text": ANSWER}])
    ticket = world.write()
    runs = work(ticket)
    assert (route(runs)[-1], runs[-1].state) == ("a1", Run.State.HANDED_OVER)
    assert HandOff.objects.count() == 2


def test_agents_that_take_too_many_turns_together_end_with_a_person(
    world: World, billing: Agent, settings: Any
) -> None:
    settings.MAX_CHAIN_TURNS = 3
    listing = {"name": "store__list_orders", "arguments": {"stated_reason": "look"}}
    scripts(world, first=[{"calls": [READ_ORDER]}, {"calls": [listing]}, pass_on("billing")], billing=[])
    ticket = world.write()
    [run] = work(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert "turns and there is no answer" in HandOver.objects.get(ticket=ticket).summary


@pytest.mark.parametrize(
    "words",
    [
        "I am transferring you to our billing team.",
        "I have passed this conversation on to billing, who will answer you.",
        "I'll connect you with a colleague from billing.",
        "Ich leite Sie an die Buchhaltung weiter.",
        "Le paso con el equipo de facturación.",
    ],
)
def test_a_hand_off_that_is_only_spoken_is_a_fault_and_goes_to_a_person(
    world: World, billing: Agent, words: str
) -> None:
    scripts(world, first=[{"text": words}])
    ticket = world.write()
    [run] = work(ticket)
    assert words not in world.replies(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert run.model_calls.get().fate == ModelCall.Fate.WITHHELD
    assert "no hand-off was made" in HandOver.objects.get(ticket=ticket).summary
    assert run.events.filter(kind=RunEvent.Kind.GUARD, title__contains="no hand-off was made").exists()


@pytest.mark.parametrize(
    "words", ["I can pass this on to a colleague if you like.", "Shall I connect you with a person?", ANSWER]
)
def test_an_offer_is_no_hand_off(world: World, words: str) -> None:
    scripts(world, first=[{"text": words}])
    ticket = world.write()
    work(ticket)
    assert world.replies(ticket) == [words]


def test_the_brief_holds_only_what_the_next_role_may_read(world: World) -> None:
    connect((world.agent, add_agent("technical", "Technical specialist")))
    told = "Ana Martins paid EUR 84.00 for ORD-1042; the page does not load."
    scripts(world, first=[{"calls": [READ_ORDER]}, pass_on("technical", summary=told)], technical=[{"text": "I look."}])
    ticket = world.write("The page does not load, I bought something.")
    _, second = work(ticket)
    brief = brief_of(second)
    assert (brief["facts"], brief["left_out"]) == ([], 1)
    assert "84.00" not in brief["summary"] and "ORD-1042" not in brief["summary"]
    assert "the page does not load" in brief["summary"]
    shown = json.dumps([item.text for item in Transcript(second).items([]) if isinstance(item, HostNote)])
    assert "8400" not in shown and "84.00" not in shown


def test_a_role_that_sees_fewer_fields_is_told_to_look_itself(world: World) -> None:
    payments = {"name": "store__list_payments", "arguments": {"order_id": "ORD-1042", "stated_reason": "see"}}
    connect((world.agent, add_agent("rep", "Support rep")))
    scripts(world, first=[{"calls": [READ_ORDER, payments]}, pass_on("rep")], rep=[{"text": ANSWER}])
    _, second = work(world.write())
    brief = brief_of(second)
    [fact] = brief["facts"]
    assert fact["source"] == "store__get_order" and "result" not in fact
    assert fact["note"].startswith("read it yourself")
    assert brief["left_out"] == 1


def test_each_agent_spends_its_own_budget(world: World, billing: Agent) -> None:
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    first, second = work(world.write())
    agents_own = Budget.objects.filter(scope=Budget.Scope.AGENT, period=Budget.Period.DAY)
    firsts, seconds = agents_own.get(subject=world.agent.slug), agents_own.get(subject="billing")
    assert firsts.pk in first.budget_ids and seconds.pk not in first.budget_ids
    assert seconds.pk in second.budget_ids and firsts.pk not in second.budget_ids
    assert firsts.spent > 0 and seconds.spent > 0


def test_a_run_keeps_the_version_that_it_started_with(world: World) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, {"text": ANSWER}])
    ticket = world.write()
    configure_agent(max_turns=1, instructions="Sing.", name="Another name")
    [run] = work(ticket)
    assert (run.state, world.replies(ticket)) == (Run.State.COMPLETED, [ANSWER])
    assert ticket.messages.get(kind=Message.Kind.AGENT).author_name == "Concierge"
    world.write("And now?")
    *_, later = work(ticket)
    assert later.state == Run.State.HANDED_OVER  # the new version may take one turn only


def test_an_agent_that_is_paused_while_the_other_hands_off_leaves_the_customer_with_somebody(
    world: World, billing: Agent
) -> None:
    """The arrow is judged when the hand-off happens, not when it was offered."""
    scripts(world, first=[pass_on("billing"), {"text": ANSWER}])
    ticket = world.write()
    HandOffRoute.objects.update(when="now")
    billing.status = Agent.Status.PAUSED
    billing.save()
    connect((world.agent, add_agent("spare", "Support rep")))
    [run] = work(ticket)
    assert refusals(run) == ["target_paused"]
    assert world.replies(ticket) == [ANSWER]


def test_a_message_that_comes_during_the_hand_off_is_answered_once_by_the_next_agent(
    world: World, billing: Agent
) -> None:
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    world.advance(ticket)
    world.write("Please hurry.")
    runs = work(ticket)
    assert route(runs) == [world.agent.slug, "billing"]
    assert world.replies(ticket) == [ANSWER]


def test_a_claim_at_the_moment_of_the_hand_off_ends_it(world: World, billing: Agent) -> None:
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    world.advance(ticket)
    tickets.take_over(ticket=ticket, by=world.rosa)
    runs = work(ticket)
    assert [run.state for run in runs] == [Run.State.COMPLETED, Run.State.CANCELLED]
    assert world.replies(ticket) == []


def test_a_storm_of_messages_is_one_run_and_one_answer(world: World) -> None:
    scripts(world, first=[{"text": ANSWER}])
    ticket = world.write("1")
    for number in range(2, 41):
        world.write(str(number))
    runs = work(ticket)
    assert len(runs) == 1
    assert world.replies(ticket) == [ANSWER]


def test_a_hand_back_brief_reaches_the_agent_that_had_the_conversation(world: World, billing: Agent) -> None:
    scripts(world, first=[pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    work(ticket)
    tickets.take_over(ticket=ticket, by=world.rosa)
    tickets.hand_back(ticket=ticket, by=world.rosa, brief="Please send the invoice.")
    runs = work(ticket)
    assert route(runs)[-1] == "billing"
    assert len(world.replies(ticket)) == 2


class Died(BaseException):
    """Ends a worker where nothing of it can clean up."""


@pytest.mark.parametrize("commit", range(1, 6))
def test_a_worker_that_dies_around_the_hand_off_neither_loses_nor_repeats_it(
    world: World, billing: Agent, monkeypatch: pytest.MonkeyPatch, commit: int
) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, pass_on("billing")], billing=[{"text": ANSWER}])
    ticket = world.write()
    left = iter([*[False] * (commit - 1), True])

    def reach(name: str) -> None:
        if name == "committed" and next(left, False):
            raise Died

    monkeypatch.setattr(failpoints, "reach", reach)
    with contextlib.suppress(Died):
        work(ticket)
    Run.objects.filter(state=Run.State.RUNNING).update(lease_until=ticket.created_at)
    services.reap()
    runs = work(ticket)
    assert route(runs) == [world.agent.slug, "billing"]
    assert HandOff.objects.count() == 1
    assert world.replies(ticket) == [ANSWER]
    assert verification.verify().ok
