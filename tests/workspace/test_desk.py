"""The desk around a conversation: sorting, drafts, hand-overs, asking an agent, merging, outcomes, and how each of
them refuses.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import HandOff, Run
from supportagent.staff.models import User
from supportagent.tickets import services
from supportagent.tickets.models import Customer, Draft, HandOver, Message, Ticket, Triage, TriageLabel, WorkPeriod
from supportagent.workspace import queries
from supportagent.workspace.differences import pieces
from tests.world import World, team

LIST = "/console/tickets/"
SORTING = {"category": "payment", "priority": "high", "language": "en", "sentiment": "angry"}


def page_of(client: Client, ticket: Ticket, query: str = "") -> str:
    answer = client.get(f"{LIST}{ticket.number}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, ticket: Ticket, what: str, **data: Any) -> Any:
    return client.post(f"{LIST}{ticket.number}/{what}/", data)


def triaged(world: World, ticket: Ticket, confidence: int = 90, **changes: Any) -> Triage:
    usual = {**SORTING, "category": "return_refund", "sentiment": "calm", "team": ticket.team}
    return services.triage(
        ticket=ticket,
        **{**usual, **changes},
        reason="The customer <b>wants</b> money",
        confidence=confidence,
        threshold=60,
        actor=world.agent.service_user,
    )


def quiet(ticket: Ticket) -> Ticket:
    """No agent is at work on it any more."""
    ticket.runs.update(state=Run.State.COMPLETED)
    ticket.refresh_from_db()
    return ticket


def answer_of(world: World, ticket: Ticket, kind: str, body: str = "Deer customer, it is on its way.") -> Draft:
    return services.save_draft(ticket=quiet(ticket), body=body, actor=world.agent.service_user, kind=kind)


# -- sorting


def test_the_page_says_how_a_request_was_sorted_and_why(world: World, ticket: Ticket, browser: Any) -> None:
    triaged(world, ticket)
    page = page_of(browser(world.rosa), ticket).partition('data-testid="triage"')[2].partition("</section>")[0]
    for words in ("Return or refund", "High", "Calm", "90 % sure", "The customer &lt;b&gt;wants&lt;/b&gt; money"):
        assert words in page, words


def test_right_keeps_what_the_agent_said_as_the_truth(world: World, ticket: Ticket, browser: Any) -> None:
    triage = triaged(world, ticket)
    said = {name: getattr(triage, name) for name in SORTING} | {"team": str(triage.team_id)}
    assert post(browser(world.rosa), ticket, f"triage/{triage.pk}/label", **said).status_code == 302
    label = TriageLabel.objects.get(triage=triage)
    assert (label.category, label.by) == (triage.category, world.rosa)
    page = page_of(browser(world.rosa), ticket)
    assert f"sorted by {world.rosa.display_name}" in page and 'data-testid="triage-right"' not in page


def test_a_correction_changes_the_ticket_and_stays_beside_what_the_agent_said(
    world: World, ticket: Ticket, browser: Any
) -> None:
    triage = triaged(world, ticket)
    rosa = browser(world.rosa)
    said = SORTING | {"team": str(ticket.team_id)}
    assert post(rosa, ticket, f"triage/{triage.pk}/label", **said).status_code == 302
    ticket.refresh_from_db()
    assert (ticket.category, ticket.sentiment) == ("payment", "angry")
    assert "said Return or refund, 90 % sure" in page_of(rosa, ticket)


def test_a_correction_that_moves_the_ticket_out_of_sight_leads_back_to_the_list(
    world: World, ticket: Ticket, browser: Any
) -> None:
    triage = triaged(world, ticket)
    away = team("partners")
    assert away not in type(away).objects.visible_to(world.rosa)
    answer = post(browser(world.rosa), ticket, f"triage/{triage.pk}/label", **SORTING, team=str(away.pk))
    assert answer.status_code == 302 and answer["Location"].startswith(f"{LIST}?")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"category": "weather"}, "The category must be one of"),
        ({"team": "999999"}, "Choose the team"),
        ({"team": "x\x00"}, "Choose the team"),
        ({"team": ""}, "Choose the team"),
        ({"sentiment": ""}, "The sentiment must be one of"),
    ],
)
def test_a_correction_outside_the_vocabulary_is_refused_with_what_was_chosen_kept(
    world: World, ticket: Ticket, browser: Any, changes: dict[str, str], words: str
) -> None:
    triage = triaged(world, ticket)
    said = SORTING | {"team": str(ticket.team_id)} | changes
    answer = post(browser(world.rosa), ticket, f"triage/{triage.pk}/label", **said)
    page = answer.content.decode()
    assert answer.status_code == 422 and words in page
    assert '<option value="high" selected>' in page
    assert not TriageLabel.objects.exists()


def test_a_triage_that_is_out_of_date_or_of_another_ticket_is_not_labelled(
    world: World, ticket: Ticket, browser: Any
) -> None:
    old = triaged(world, ticket)
    triaged(world, ticket, category="technical")
    said = SORTING | {"team": str(ticket.team_id)}
    rosa = browser(world.rosa)
    answer = post(rosa, ticket, f"triage/{old.pk}/label", **said)
    assert answer.status_code == 409 and "sorted it again" in answer.content.decode()
    customer = Customer.objects.get(reference="CUS-1002")
    other = world.write("Another", customer=customer)
    assert post(rosa, other, f"triage/{old.pk}/label", **said).status_code == 404
    assert not TriageLabel.objects.exists()


def test_an_unsorted_request_is_sorted_and_returned_to_the_agents(world: World, ticket: Ticket, browser: Any) -> None:
    triage = triaged(world, quiet(ticket), confidence=40)
    rosa = browser(world.rosa)
    page = page_of(rosa, ticket)
    assert "40 % sure: a person sorts it" in page and 'data-testid="sort-and-return"' in page
    said = SORTING | {"team": str(ticket.team_id), "body": "It is the double payment."}
    assert post(rosa, ticket, f"triage/{triage.pk}/return", **said).status_code == 302
    ticket.refresh_from_db()
    assert not ticket.held_by_person and ticket.category == "payment"
    assert ticket.messages.filter(kind="NOTE", for_agents=True, body="It is the double payment.").exists()
    again = post(rosa, ticket, f"triage/{triage.pk}/return", **said)
    assert again.status_code == 409 and "with the agents already" in again.content.decode()


def test_an_unsorted_request_that_a_colleague_holds_is_theirs(world: World, ticket: Ticket, browser: Any) -> None:
    triage = triaged(world, quiet(ticket), confidence=40)
    services.take_over(ticket=ticket, by=world.rosa)
    ana = browser(world.ana)
    assert 'data-testid="sort-and-return"' not in page_of(ana, ticket)
    said = SORTING | {"team": str(ticket.team_id), "body": "Mine now"}
    answer = post(ana, ticket, f"triage/{triage.pk}/return", **said)
    assert answer.status_code == 409 and "Rosa Lind holds" in answer.content.decode()


# -- drafts


def test_an_agents_answer_is_edited_and_sent_by_a_person_whom_nobody_had_to_wait_for(
    world: World, ticket: Ticket, browser: Any
) -> None:
    draft, rosa = answer_of(world, ticket, "draft"), browser(world.rosa)
    page = page_of(rosa, ticket)
    assert "Send in my name" in page and 'data-testid="approve-draft"' not in page
    assert post(rosa, ticket, f"drafts/{draft.pk}/send", body="Dear customer, it is on its way.").status_code == 302
    last = ticket.messages.order_by("-seq").first()
    assert last is not None
    assert (last.kind, last.body) == (Message.Kind.PERSON, "Dear customer, it is on its way.")
    page = page_of(rosa, ticket)
    assert "with 1 character changed" in page
    diff = page.partition('data-testid="draft-diff"')[2].partition("</p>")[0]
    assert "Deer</del>" in diff and "Dear</ins>" in diff


def test_an_agents_answer_goes_out_in_its_name_once_a_person_agrees(world: World, ticket: Ticket, browser: Any) -> None:
    draft, rosa = answer_of(world, ticket, "approve"), browser(world.rosa)
    assert 'data-testid="approve-draft"' in page_of(rosa, ticket)
    assert post(rosa, ticket, f"drafts/{draft.pk}/approve").status_code == 302
    last = ticket.messages.order_by("-seq").first()
    assert last is not None and (last.kind, last.author_name) == (Message.Kind.AGENT, world.agent.name)
    assert "as it was" in page_of(rosa, ticket)
    again = post(rosa, ticket, f"drafts/{draft.pk}/approve")
    assert again.status_code == 409 and "Rosa Lind has already sent" in again.content.decode()


def test_nothing_of_an_agent_goes_out_while_a_person_has_the_word(world: World, ticket: Ticket, browser: Any) -> None:
    draft = answer_of(world, ticket, "approve")
    services.take_over(ticket=ticket, by=world.rosa)
    answer = post(browser(world.ana), ticket, f"drafts/{draft.pk}/approve")
    assert answer.status_code == 409 and "Rosa Lind has the word" in answer.content.decode()
    answer = post(browser(world.ana), ticket, f"drafts/{draft.pk}/send", body="Typed with care")
    assert answer.status_code == 409 and "Typed with care" in answer.content.decode()
    assert world.replies(ticket) == []


def test_a_draft_that_was_only_proposed_is_not_approved(world: World, ticket: Ticket, browser: Any) -> None:
    draft = services.save_draft(ticket=quiet(ticket), body="Hello", actor=world.agent.service_user)
    answer = post(browser(world.rosa), ticket, f"drafts/{draft.pk}/approve")
    assert answer.status_code == 409 and "send it in your own" in answer.content.decode()


def test_who_sees_no_personal_data_sees_no_difference(world: World, ticket: Ticket, browser: Any) -> None:
    draft = answer_of(world, ticket, "draft")
    services.send_draft(draft=draft, by=world.rosa, body="Dear customer")
    page = page_of(browser(world.auditor), ticket)
    assert 'data-testid="draft-entry"' in page
    assert "Deer" not in page and "Dear" not in page


@pytest.mark.parametrize(
    ("before", "after"),
    [("a b c", "a x c"), ("", "new"), ("old", ""), ("same", "same"), ("a\n\nb", "a\n\nb c"), ("x" * 7000, "y")],
)
def test_a_difference_holds_both_texts(before: str, after: str) -> None:
    found = list(pieces(before, after))
    assert "".join(piece.text for piece in found if piece.kind != "ins") == before
    assert "".join(piece.text for piece in found if piece.kind != "del") == after


# -- hand-overs


def test_the_hand_over_card_says_all_that_a_person_needs(world: World, ticket: Ticket, browser: Any) -> None:
    brief = {
        "facts": [{"source": "store__get_order", "about": '{"order_id":"ORD-1042"}', "result": {"status": "lost"}}],
        "tried": ["store__issue_refund: refused"],
        "question": "Where is it?",
    }
    services.hand_over(
        ticket=quiet(ticket),
        reason_code="out_of_policy",
        summary="The parcel is lost.",
        facts=brief,
        question="Where is it?",
        next_step="Decide whether an exception is made.",
        actor=world.agent.service_user,
    )
    due = timezone.now() + timedelta(minutes=20)
    HandOver.objects.update(suggested_for=world.rosa, contact="nora@example.com", due_at=due)
    card = page_of(browser(world.rosa), ticket).partition('data-testid="hand-over"')[2].partition("</section>")[0]
    for words in (
        "Outside the policy",
        "status lost",
        "store__get_order",
        "about ORD-1042",
        "store__issue_refund: refused",
        "Where is it?",
        "Decide whether an exception is made.",
        "<dd>you</dd>",
        "nora@example.com",
        "data-deadline",
    ):
        assert words in card, words
    assert card.count("Where is it?") == 1
    hidden = page_of(browser(world.auditor), ticket)
    assert "nora@" not in hidden and "status lost" not in hidden
    HandOver.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    assert "overdue</span> since" in page_of(browser(world.rosa), ticket)


def test_a_hand_off_stands_in_the_conversation_and_never_before_the_customer(
    world: World, ticket: Ticket, browser: Any
) -> None:
    first = quiet(ticket).runs.get()
    second = Run.objects.create(ticket=ticket, agent=world.agent, state="COMPLETED", assurance="verified")
    HandOff.objects.create(
        from_run=first, to_run=second, reason="Money", summary="Wants it back", brief={}, after_seq=1
    )
    page = page_of(browser(world.ana), ticket)
    entry = page.partition('data-testid="hand-off-entry"')[2].partition("</div>")[0]
    assert "handed off to" in entry and "Money" in entry and f"/console/runs/{second.pk}/" in entry
    assert "/console/runs/" not in page_of(browser(world.rosa), ticket)
    assert "Money" not in page_of(browser(world.auditor), ticket)
    assert not ticket.messages.for_customer().filter(body__contains="Money").exists()


# -- asking an agent


def test_whoever_holds_the_ticket_asks_an_agent_and_keeps_it(world: World, held: Ticket, browser: Any) -> None:
    rosa = browser(world.rosa)
    assert 'data-testid="ask-agent"' in page_of(rosa, held)
    assert post(rosa, held, "ask", asked_for="look_up", body="Was it paid twice?").status_code == 302
    run = held.runs.get(asked_by=world.rosa)
    assert (run.asked_for, run.question) == ("look_up", "Was it paid twice?")
    held.refresh_from_db()
    assert held.assignee == world.rosa
    assert f"at work</a> for {world.rosa.display_name}" in page_of(browser(world.ana), held)
    again = post(rosa, held, "ask", asked_for="draft", body="Kindly, please")
    assert again.status_code == 409 and "Kindly, please" in again.content.decode()


@pytest.mark.parametrize(
    ("data", "status"),
    [({"asked_for": "look_up", "body": " "}, 422), ({"asked_for": "poem", "body": "Roses"}, 422), ({}, 422)],
)
def test_an_agent_is_asked_for_something(
    world: World, held: Ticket, browser: Any, data: dict[str, str], status: int
) -> None:
    answer = post(browser(world.rosa), held, "ask", **data)
    assert answer.status_code == status
    assert data.get("body", "").strip() in answer.content.decode()
    assert not held.runs.filter(asked_by__isnull=False).exists()


def test_only_the_holder_asks(world: World, held: Ticket, browser: Any) -> None:
    answer = post(browser(world.ana), held, "ask", asked_for="draft", body="Hello there")
    assert answer.status_code == 409
    assert "Rosa Lind holds" in answer.content.decode() and "Hello there" in answer.content.decode()


# -- ending and merging


def test_a_ticket_is_closed_with_who_solved_it(world: World, held: Ticket, browser: Any) -> None:
    rosa = browser(world.rosa)
    services.post_reply(ticket=held, body="Done.", actor=world.rosa, kind="PERSON")
    assert '<option value="by_person" selected>' in page_of(rosa, held)
    assert post(rosa, held, "close", outcome="with_help").status_code == 302
    held.refresh_from_db()
    assert (held.state, held.outcome) == (Ticket.State.RESOLVED, "with_help")
    assert "Resolved by the AI with a person" in page_of(rosa, held)


@pytest.mark.parametrize(("outcome", "status"), [("", 422), ("magic", 422)])
def test_an_outcome_that_does_not_exist_is_refused(
    world: World, held: Ticket, browser: Any, outcome: str, status: int
) -> None:
    answer = post(browser(world.rosa), held, "close", outcome=outcome)
    assert answer.status_code == status and "The outcome must be one of" in answer.content.decode()


def test_nobody_closes_a_colleagues_ticket(world: World, held: Ticket, browser: Any) -> None:
    answer = post(browser(world.ana), held, "close", outcome="by_person")
    assert answer.status_code == 409 and "Rosa Lind holds" in answer.content.decode()
    assert 'data-testid="close-open"' not in page_of(browser(world.ana), held)


def second_ticket(world: World, ticket: Ticket) -> Ticket:
    """Another open thread of the same customer, which a colleague opened."""
    return services.open_ticket(
        customer=ticket.customer,
        subject="About the invoice",
        body="Called us.",
        actor=world.rosa,
        team=ticket.team,
        assurance=ticket.assurance,
    )


def test_a_duplicate_is_merged_into_another_ticket_of_the_customer(world: World, ticket: Ticket, browser: Any) -> None:
    other, rosa = second_ticket(world, quiet(ticket)), browser(world.rosa)
    page = page_of(rosa, other)
    assert f'value="{ticket.number}"' in page
    assert f'value="{ticket.number}"' not in page_of(rosa, other, "?other=nothing-like-it")
    assert f'value="{ticket.number}"' in page_of(rosa, other, f"?other={ticket.number}")
    assert post(rosa, other, "merge", into=ticket.number).status_code == 302
    other.refresh_from_db()
    assert other.merged_into == ticket
    assert "Merged into" in page_of(rosa, other) and f"{other.number}</a> was merged into it" in page_of(rosa, ticket)
    again = post(rosa, other, "merge", into=ticket.number)
    assert again.status_code == 409


@pytest.mark.parametrize("into", ["", "T-999999", "x", "T-1\x00", "'; --"])
def test_a_merge_names_a_ticket_that_is_there(world: World, ticket: Ticket, browser: Any, into: str) -> None:
    assert post(browser(world.rosa), ticket, "merge", into=into).status_code == (404 if into else 422)


def test_a_ticket_is_not_merged_into_one_that_this_person_does_not_see_nor_into_another_customers(
    world: World, ticket: Ticket, browser: Any
) -> None:
    hidden = second_ticket(world, quiet(ticket))
    Ticket.objects.filter(pk=hidden.pk).update(team=team("partners"))
    rosa = browser(world.rosa)
    assert hidden.number not in page_of(rosa, ticket)
    assert post(rosa, ticket, "merge", into=hidden.number).status_code == 404
    strange = world.write("Hello", customer=Customer.objects.get(reference="CUS-1002"))
    answer = post(rosa, ticket, "merge", into=strange.number)
    assert answer.status_code == 422 and "same customer" in answer.content.decode()


def test_a_thread_that_came_back_is_linked_with_the_first(world: World, ticket: Ticket, browser: Any) -> None:
    again = second_ticket(world, quiet(ticket))
    Ticket.objects.filter(pk=again.pk).update(reopens=ticket)
    rosa = browser(world.rosa)
    assert f'Came back as <a href="{LIST}{again.number}/"' in page_of(rosa, ticket)
    assert "Goes on from" in page_of(rosa, again)


def test_who_worked_on_it_and_for_how_long_is_said(world: World, ticket: Ticket, browser: Any) -> None:
    now = timezone.now()
    for user, seconds in ((world.rosa, 125), (world.rosa, 60), (world.ana, 3_720)):
        WorkPeriod.objects.create(ticket=ticket, user=user, started_at=now, seen_at=now, ended_at=now, seconds=seconds)
    work = page_of(browser(world.rosa), ticket).partition('data-testid="work"')[2].partition("</dd>")[0]
    assert "Ana Ruiz · 1 h 2 min" in work and "Rosa Lind · 3 min 5 s" in work


# -- the list


def waiting(world: World, minutes: int, suggested: User | None = None) -> Ticket:
    """A ticket of a customer of its own that waits for a person, who answers within so many minutes from now."""
    customer = Customer.objects.create(reference=f"CUS-{uuid4().hex[:8]}")
    ticket = quiet(world.write(f"due in {minutes}", customer=customer))
    services.hand_over(ticket=ticket, reason_code="other", summary="s", actor=world.agent.service_user)
    due = timezone.now() + timedelta(minutes=minutes)
    HandOver.objects.filter(ticket=ticket).update(due_at=due, suggested_for=suggested)
    return ticket


def rows(client: Client, query: str) -> list[str]:
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return [ticket.number for ticket in answer.context["page"]]


def numbers(user: User) -> dict[str, int]:
    return {split.key: number for split, number in queries.counts(user)}


def test_the_list_is_narrowed_down_and_sorted_by_what_is_due(world: World, browser: Any) -> None:
    late, soon, later = waiting(world, -5), waiting(world, 10, suggested=world.rosa), waiting(world, 120)
    Ticket.objects.filter(pk=later.pk).update(category="payment", team=team("billing"))
    plain = world.write("no person")
    rosa, ana = browser(world.rosa), browser(world.ana)
    assert rows(ana, "split=person&sort=due") == [late.number, soon.number, later.number]
    assert rows(ana, "split=open&sort=due")[-1] == plain.number
    assert rows(ana, "split=open&sla=overdue") == [late.number]
    assert rows(ana, "split=open&sla=soon") == [soon.number]
    assert rows(ana, "split=open&category=payment&team=billing") == [later.number]
    assert rows(ana, "split=open&category=payment&team=orders") == []
    assert rows(rosa, "split=suggested") == [soon.number] and rows(ana, "split=suggested") == []
    assert numbers(world.rosa)["suggested"] == 1 and numbers(world.ana)["suggested"] == 0
    assert set(rows(ana, "split=open&sla=never&category=weather&team=%00&sort=up")) == {
        each.number for each in (late, soon, later, plain)
    }


def test_each_filter_says_how_many_it_leaves(world: World, browser: Any) -> None:
    waiting(world, -5)
    waiting(world, 10)
    Ticket.objects.filter(pk=waiting(world, 120).pk).update(category="payment", team=team("billing"))
    page = browser(world.ana).get(f"{LIST}?split=person").content.decode()
    for option in ("Overdue (1)", "Due in 30 min (1)", "Payment (1)", "Other (2)", "Billing (1)"):
        assert option in page, option
    assert "(0)</option>" not in page.partition('id="filter-sla"')[0]


def test_a_draft_to_send_is_found_in_its_own_part(world: World, ticket: Ticket, browser: Any) -> None:
    answer_of(world, ticket, "draft")
    assert rows(browser(world.rosa), "split=drafts") == [ticket.number]
    assert numbers(world.rosa)["drafts"] == 1
    services.save_draft(
        ticket=world.write("x", customer=Customer.objects.get(reference="CUS-1002")), body="b", actor=world.rosa
    )
    assert rows(browser(world.rosa), "split=drafts") == [ticket.number], "what a colleague keeps is no answer"


def test_a_row_says_since_when_and_by_when_and_is_claimed_at_once(world: World, browser: Any) -> None:
    late = waiting(world, -5)
    rosa = browser(world.rosa)
    page = rosa.get(f"{LIST}?split=person").content.decode()
    assert "overdue</span> since" in page and "handed over <time" in page
    assert page.count('data-testid="claim"') == 1
    assert post(rosa, late, "take-over").status_code == 302
    assert 'data-testid="claim"' not in rosa.get(f"{LIST}?split=person").content.decode()
    assert 'data-testid="claim"' not in browser(world.auditor).get(f"{LIST}?split=person").content.decode()


def test_the_filters_stay_while_one_opens_a_ticket(world: World, browser: Any) -> None:
    late = waiting(world, -5)
    page = browser(world.rosa).get(f"{LIST}?split=person&sla=overdue&sort=due").content.decode()
    assert f"{late.number}/?split=person&amp;sla=overdue&amp;sort=due" in page


def test_filters_that_leave_nothing_say_so(world: World, ticket: Ticket, browser: Any) -> None:
    page = browser(world.rosa).get(f"{LIST}?split=open&category=payment").content.decode()
    assert "Nothing is left" in page


def test_a_full_desk_takes_as_many_statements_as_an_empty_one(world: World, ticket: Ticket, browser: Any) -> None:
    ana = browser(world.ana)
    triaged(world, ticket)
    answer_of(world, ticket, "draft")

    def more(number: int) -> None:
        for _ in range(number):
            other = second_ticket(world, ticket)
            WorkPeriod.objects.create(
                ticket=ticket,
                user=world.rosa,
                started_at=timezone.now(),
                seen_at=timezone.now(),
                ended_at=timezone.now(),
            )
            Draft.objects.create(
                ticket=ticket, body="a", sent_body="b", author=world.agent.service_user, state="SENT",
                decided_by=world.rosa, decided_at=timezone.now(), edit_distance=1,
            )  # fmt: skip
            runs = [Run.objects.create(ticket=ticket, agent=world.agent, state="COMPLETED", assurance="verified")
                    for _ in range(2)]  # fmt: skip
            HandOff.objects.create(from_run=runs[0], to_run=runs[1], reason="r", summary="s", brief={}, after_seq=1)
            Ticket.objects.filter(pk=other.pk).update(reopens=ticket)
            waiting(world, 5, suggested=world.ana)

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            page_of(ana, ticket, "?split=person&sort=due")
        return len(captured)

    more(1)
    asked()
    before = asked()
    more(6)
    assert asked() == before
