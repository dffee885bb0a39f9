"""The page that says why: who may ask about whom, and what it answers."""

from typing import Any

import pytest
from django.test import Client

from supportagent.staff.models import User
from tests.world import World

PAGE = "/console/explain/"


def ask(client: Client, by: User, **question: str) -> Any:
    client.force_login(by, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(PAGE, question)


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def test_the_page_says_which_role_allows_and_which_rule_decides(world: World, client: Client) -> None:
    answer = ask(
        client,
        world.admin,
        who="agent-concierge",
        may="call",
        tool="store__issue_refund",
        assurance="verified",
        arguments='{"order_id": "ORD-1042", "amount_minor": 100, "currency": "EUR"}',
    )
    shown = text(answer)
    assert answer.status_code == 200
    assert "the role Billing specialist may call store__issue_refund" in shown
    assert "Needs a person because the rule “Every refund is seen by a person”" in shown
    assert "were it the first call of the day" in shown


def test_the_page_says_who_lacks_a_permission(world: World, client: Client) -> None:
    shown = text(ask(client, world.ana, who="rep", may="hold", permission="store.refund_order"))
    assert (
        "Refused because neither the role Support rep nor the account itself may refund an order (store.refund_order)."
        in shown
    )


def test_a_rep_asks_about_himself_only(world: World, client: Client) -> None:
    own = ask(client, world.rosa, who="rep", may="hold", permission="store.refund_order")
    assert own.status_code == 200 and "Refused because" in text(own)
    other = ask(client, world.rosa, who="supervisor", may="hold", permission="store.refund_order")
    assert other.status_code == 422
    assert "no such account that you may ask about" in text(other)
    assert "supervisor" not in text(ask(client, world.rosa)).split("<datalist")[1].split("</datalist>")[0]


def test_nobody_asks_about_a_ticket_or_a_request_of_a_team_that_he_does_not_see(world: World, client: Client) -> None:
    request = world.held_refund()
    question = {"who": "partner", "may": "decide", "tool": "store__issue_refund"}
    for part in ({"request": request.reference}, {"ticket": request.ticket.number}):
        assert ask(client, world.piet, **question, **part).status_code == 422
        seen = ask(client, world.ana, **question, **part)
        assert seen.status_code == 200 and "Refused because" in text(seen)


def test_a_request_takes_the_right_to_see_personal_data(world: World, client: Client) -> None:
    request = world.held_refund()
    question = {"who": "supervisor", "may": "decide", "request": request.reference}
    assert "personal data" in text(ask(client, world.auditor, **question))
    assert "Allowed because" in text(ask(client, world.ana, **question))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"may": "call"}, "Choose the tool, or name a request."),
        ({"may": "hold"}, "Choose the permission."),
        ({"may": "call", "tool": "store__issue_refund", "arguments": "{"}, "not valid JSON"),
        ({"may": "hold", "permission": "store.refund_everything"}, "Select a valid choice"),
        ({"may": "call", "tool": "store__issue_refund", "request": "R-99999"}, "no such request"),
        ({"may": "hold", "permission": "store.refund_order", "who": "nobody-here"}, "no such account"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_words(
    world: World, client: Client, question: dict[str, str], words: str
) -> None:
    answer = ask(client, world.ana, **{"who": "supervisor"} | question)
    assert answer.status_code == 422 and words in text(answer)
