import pytest

from supportagent.grants import signing
from supportagent.tickets import services
from supportagent.tickets.mcp_server import CONNECTING, server
from supportagent.tickets.models import Draft, HandOver, Message, TeamNotice, Ticket

RUN = "5b0e8c9e-6c5a-4b7e-9a55-0f8e3b1c2d3e"

SORTED = {
    "category": "payment",
    "priority": "high",
    "language": "pt-br",
    "sentiment": "unhappy",
    "team": "partners",
    "reason": "Speaks of a card that was charged twice",
    "confidence": 80,
}


@pytest.fixture
def call(cast):
    """Call a tool as the gate does: bound arguments added, a grant signed over all of them."""
    keys = iter(f"call.{number}" for number in range(100))

    def call_tool(tool, ticket, *, actor=None, **arguments):
        arguments = {"ticket": ticket.number, "run": RUN, **arguments}
        token = signing.issue(
            key=next(keys),
            server="tickets",
            tool=tool,
            arguments=arguments,
            customer=ticket.customer.reference,
            actor=(actor or cast.agent).pk,
        )
        return server.call(tool, arguments, grant_token=token)

    return call_tool


def test_a_verified_customer_has_the_list_of_his_own_tickets(cast, call):
    old, foreign = cast.ticket(), cast.ticket(customer=cast.visitor, assurance="anonymous")
    services.set_state(ticket=old, state="RESOLVED", actor=cast.ana)
    now = cast.ticket()
    outcome = call("list_tickets", now)
    assert [row["number"] for row in outcome.data["tickets"]] == [now.number, old.number]
    assert outcome.records == [f"ticket:{now.number}", f"ticket:{old.number}"]
    assert foreign.number not in str(outcome.data)


def test_a_customer_who_only_claims_to_be_one_sees_the_present_conversation(cast, call):
    cast.ticket()
    claimed = cast.ticket(assurance="claimed")
    assert [row["number"] for row in call("list_tickets", claimed).data["tickets"]] == [claimed.number]


def test_the_agent_sorts_notes_and_drafts_without_the_customer_hearing(cast, call):
    ticket = cast.ticket()
    assert call("categorise_ticket", ticket, category="payment", priority="high").data["category"] == "payment"
    assert call("add_internal_note", ticket, body="Checked the courier").data["status"] == "added"
    assert call("draft_reply", ticket, body="We will refund you").data["status"] == "saved"
    assert str(Draft.objects.get().run_id) == RUN
    assert [message.kind for message in ticket.messages.for_customer()] == ["CUSTOMER"]


def test_the_agent_hands_over_and_the_customer_is_told(cast, call):
    ticket = cast.ticket()
    assert call("escalate_to_human", ticket, reason_code="angry_customer", summary="Third late parcel").ok
    ticket.refresh_from_db()
    assert ticket.held_by_person and HandOver.objects.get().summary == "Third late parcel"
    assert ticket.messages.last().body == CONNECTING


def test_the_agent_opens_a_second_ticket_for_the_same_customer(cast, call):
    outcome = call("create_ticket", cast.ticket(), subject="Courier", body="Ask the courier", category="complaint")
    opened = Ticket.objects.get(number=outcome.data["number"])
    assert (opened.customer, opened.team, opened.channel) == (cast.customer, cast.orders, "internal")


def test_the_agent_sorts_a_request_into_the_list_of_another_team(cast, call):
    ticket = cast.ticket()
    outcome = call("triage_ticket", ticket, threshold="60", **SORTED)
    assert outcome.data == {"number": ticket.number, "category": "payment", "team": "partners", "status": "sorted"}
    ticket.refresh_from_db()
    assert (ticket.team, ticket.language, ticket.sentiment) == (cast.partners, "pt-BR", "unhappy")
    assert str(ticket.triages.get().run_id) == RUN


def test_an_agent_that_is_not_sure_is_told_that_a_person_sorts(cast, call):
    ticket = cast.ticket()
    outcome = call("triage_ticket", ticket, threshold="90", **SORTED)
    assert outcome.data == {"number": ticket.number, "category": "payment", "team": "orders", "status": "handed_over"}
    assert HandOver.objects.get().reason_code == "unsorted"


def test_an_unknown_team_is_not_found_and_an_odd_language_is_explained(cast, call):
    ticket = cast.ticket()
    assert call("triage_ticket", ticket, threshold="60", **{**SORTED, "team": "nobody"}).code == "not_found"
    odd = call("triage_ticket", ticket, threshold="60", **{**SORTED, "language": "klingon"})
    assert odd.code == "invalid_message" and "as in en" in odd.data["error"]["message"]


def test_another_team_is_notified_and_an_unknown_one_is_not_found(cast, call):
    ticket = cast.ticket()
    assert call("notify_team", ticket, team="partners", message="Courier trouble").ok
    assert call("notify_team", ticket, team="nobody", message="Courier trouble").code == "not_found"
    assert TeamNotice.objects.get().team == cast.partners


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("categorise_ticket", {"category": "refunds", "priority": "high"}),
        ("categorise_ticket", {"category": "payment"}),
        ("add_internal_note", {"body": ""}),
        ("add_internal_note", {"body": ["x"]}),
        ("add_internal_note", {"body": "x", "customer": "CUS-1002"}),
        ("escalate_to_human", {"reason_code": "bored", "summary": "x"}),
        ("notify_team", {"team": "../orders", "message": "x"}),
        ("list_tickets", {"customer": "CUS-1002"}),
        ("triage_ticket", {"threshold": "60", **SORTED, "confidence": 101}),
        ("triage_ticket", {"threshold": "60", **SORTED, "sentiment": "happy"}),
        ("triage_ticket", {"threshold": "x", **SORTED}),
        ("triage_ticket", SORTED),
    ],
)
def test_arguments_outside_the_schema_are_refused_before_anything_runs(cast, call, tool, arguments):
    ticket = cast.ticket()
    assert call(tool, ticket, **arguments).code == "invalid_arguments"
    assert Message.objects.count() == 1


def test_text_with_nothing_to_read_is_refused_as_the_business_refuses_it(cast, call):
    assert call("add_internal_note", cast.ticket(), body="\u200b").code == "invalid_message"


def test_an_account_without_the_permission_is_refused_by_every_tool(cast, call):
    ticket = cast.ticket()
    cast.agent.groups.clear()
    arguments = {
        "list_tickets": {},
        "categorise_ticket": {"category": "payment", "priority": "high"},
        "triage_ticket": {"threshold": "60", **SORTED},
        "create_ticket": {"subject": "Courier", "body": "x", "category": "other"},
        "add_internal_note": {"body": "x"},
        "draft_reply": {"body": "x"},
        "escalate_to_human": {"reason_code": "other", "summary": "x"},
        "notify_team": {"team": "partners", "message": "x"},
    }
    assert set(arguments) == set(server.tools)
    for tool, given in arguments.items():
        assert call(tool, ticket, **given).code == "permission_denied"
    assert Message.objects.count() == 1


def test_a_call_without_a_grant_is_refused(cast):
    arguments = {"ticket": cast.ticket().number, "run": RUN, "body": "x"}
    assert server.call("add_internal_note", arguments, grant_token="").code == "grant_missing"


def test_the_bound_arguments_are_no_business_of_the_model():
    for tool in server.tools.values():
        further = {"threshold": "min_confidence"} if tool.name == "triage_ticket" else {}
        assert dict(tool.bound) == {"ticket": "ticket", "run": "run", **further}
        assert tool.description
