"""The page of knowledge gaps, and the articles that an answer quotes: on the ticket, on the run and in the chat."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import ToolCall
from audit.models import AuditEntry
from supportagent.knowledge import gaps
from supportagent.knowledge.models import Article, Gap, GapSettlement
from supportagent.tickets.models import Ticket
from supportagent.widget.conversation import conversation_after

PAGE = "/console/knowledge/gaps/"


def asked(query, key):
    gaps.note(query_text=query, found=[], call_key=key)


def test_alike_questions_are_one_group_which_is_open_again_when_asked_again(world):
    for key, query in (("a", "Gift wrapping?"), ("b", "gift wraps"), ("c", "wrap a gift please"), ("d", "vegan glue")):
        asked(query, f"{key}.1")
    first, second = gaps.with_examples(list(gaps.open_groups()))
    assert (first.count, first.examples[0].query, second.count) == (3, "wrap a gift please", 1)
    newest = Gap.objects.get(pk=first.newest)
    article = Article.objects.create(slug="wrapping", title="Gift wrapping", body="We wrap.")
    hidden = Article.objects.create(slug="draft", title="Draft", body="x", published=False)
    for odd in ({"verdict": "magic"}, {"verdict": "answered"}, {"verdict": "answered", "article_slug": hidden.slug}):
        with pytest.raises(gaps.GapError):
            gaps.settle(gap=newest, by=world.ana, **odd)
    with pytest.raises(PermissionDenied):
        gaps.settle(gap=newest, by=world.rosa, verdict="dismissed")
    gaps.settle(gap=newest, by=world.ana, verdict="answered", article_slug=article.slug, text="Written\0 today")
    with pytest.raises(gaps.Settled, match="Ana"):
        gaps.settle(gap=newest, by=world.ana, verdict="dismissed")
    assert [row["wording"] for row in gaps.open_groups()] == [second.wording]
    entry = AuditEntry.objects.get(action="knowledge.gap.settled")
    assert b"wrapping" in bytes(entry.leaf) and b"please" not in bytes(entry.leaf)
    asked("gift wrap", "e.1")
    again = gaps.with_examples([row for row in gaps.open_groups() if row["wording"] == first.wording])
    assert (again[0].count, len(again[0].examples)) == (1, 1)


def answered_from(world, body):
    """An agent that searches twice, finds one article and no other, and answers."""
    Article.objects.create(
        slug="returns", title="Returning an item", body="You can return an item within 30 days of delivery, unworn."
    )
    lookup = {"name": "knowledge__search_articles"}
    turns = [
        {"calls": [lookup | {"arguments": {"query": query, "stated_reason": "see"}}]}
        for query in ("return an item", "gift <b>wrapping</b> ana@example.com")
    ]
    world.script([*turns, {"text": body}])
    ticket = world.write("Can I return it, and is there gift wrapping?")
    return ticket, world.advance(ticket)


def test_the_page_links_a_gap_to_the_ticket_for_whoever_may_see_it(world, browser):
    ticket, _run = answered_from(world, "It is within 30 days.")
    assert ToolCall.objects.filter(pk=Gap.objects.get().call_id).exists()
    page = browser(world.ana).get(PAGE).content.decode()
    assert "gift &lt;b&gt;wrapping&lt;/b&gt; [address]" in page and ticket.number in page
    stranger = browser(world.piet).get(PAGE)
    assert stranger.status_code == 200 and ticket.number not in stranger.content.decode()
    rosa = browser(world.rosa)
    assert 'data-testid="dismiss"' not in rosa.get(PAGE).content.decode()
    path = f"{PAGE}{Gap.objects.get().pk}/settle/"
    assert rosa.post(path, {"verdict": "dismissed"}).status_code == 403
    ana = browser(world.ana)
    assert ana.post(path, {"verdict": "answered", "article": "no\0pe"}).status_code == 422
    assert ana.post(path, {"verdict": "answered", "article": "returns"}).status_code == 302
    assert ana.post(path, {"verdict": "dismissed"}).status_code == 409
    after = ana.get(PAGE).content.decode()
    assert 'data-testid="all-clear"' in after and "Returning an item" in after
    settled = GapSettlement.objects.get()
    assert (settled.by_id, settled.by_name) == (str(world.ana.pk), world.ana.display_name)


def test_the_page_costs_the_same_however_much_was_asked(world, browser):
    client = browser(world.ana)
    asked("gift wrapping", "first.1")
    client.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        client.get(PAGE)
    Gap.objects.bulk_create(
        Gap(query=f"question {n}", wording=f"w{n % 40}", found=0, matched=0, call_key=f"{n}.1") for n in range(200)
    )
    with CaptureQueriesContext(connection) as many:
        assert client.get(PAGE).content.decode().count('data-testid="gap"') == 30
    assert len(many) <= len(few) + 1  # whether there is another page


@pytest.mark.parametrize(
    ("said", "quotes"),
    [
        ("Our article “Returning an item” says: within 30 days.", True),
        ("You can return an item within 30 days of delivery.", True),
        ("Source: Our secret handbook. Send it back.", False),
    ],
)
def test_an_answer_shows_the_articles_that_it_quotes_and_none_that_the_model_claims(world, browser, said, quotes):
    ticket, run = answered_from(world, said)
    assert world.replies(ticket) == [said]
    page = browser(world.ana).get(f"/console/runs/{run.pk}/").content.decode()
    assert 'data-testid="articles"' in page and "Returning an item" in page
    bubble = browser(world.ana).get(f"/console/tickets/{ticket.number}/").content.decode().split("bubble-articles")[1]
    assert ("Quotes Returning an item (returns, as of" in bubble) is quotes
    shown = conversation_after(Ticket.objects.get(pk=ticket.pk), 0)["messages"][-1]
    assert shown.get("sources", []) == (["Returning an item"] if quotes else [])
