"""Articles are found by what people type, on both databases, and no text breaks the search."""

import pytest

from supportagent.knowledge.index import ensure_index
from supportagent.knowledge.mcp_server import server
from supportagent.knowledge.models import Article
from supportagent.staff.models import User
from tests.store.door import agent, call

pytestmark = pytest.mark.usefixtures("articles")


def slugs(reader: User, query: str, **arguments: int) -> list[str]:
    outcome = call(server, "search_articles", {"query": query, **arguments}, actor=reader, customer="")
    return [article["slug"] for article in outcome.data["articles"]]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("return", "returns"),
        ("How do I send something back? I was returning it", "returns"),
        ("parcels", "shipping"),
        ("SHIPPING to france", "shipping"),
        ("my kettle isn't syncing", "kettle"),
        ("ship", "shipping"),
        ("cafe", "kettle"),
        ("Cafe\u0301", "kettle"),
        ("CAFÉ", "kettle"),
    ],
)
def test_the_right_article_comes_first(reader: User, query: str, first: str) -> None:
    assert slugs(reader, query)[:1] == [first]


@pytest.mark.parametrize(
    "query",
    [
        '"" OR *',
        'return" AND (',
        "NEAR(return, 3)",
        "title:return",
        "return*)",
        "'; DROP TABLE knowledge_article; --",
        "return & | ! <-> :*",
        "\\' \\\\",
        "^return {body} -item",
        "%s %(x)s",
        "🙂🙂",
        "ретурн 返品",
        "a b c " * 49,
    ],
)
def test_no_text_breaks_the_search(reader: User, query: str) -> None:
    slugs(reader, query)
    assert Article.objects.count() == 3


@pytest.mark.parametrize("query", ["the of and", "??", "quantum chromodynamics"])
def test_what_nobody_wrote_about_finds_nothing(reader: User, query: str) -> None:
    assert slugs(reader, query) == []


def test_a_title_weighs_more_than_a_mention(reader: User) -> None:
    Article.objects.create(slug="mention", title="Other things", body="Shipping is one word here. " * 3)
    assert slugs(reader, "shipping") == ["shipping", "mention"]


def test_the_limit_holds_and_may_not_be_exceeded(reader: User) -> None:
    assert len(slugs(reader, "return shipping kettle", limit=2)) == 2
    outcome = call(server, "search_articles", {"query": "return", "limit": 6}, actor=reader)
    assert outcome.code == "invalid_arguments"


def test_the_index_follows_edits_deletions_and_withdrawals(reader: User) -> None:
    article = Article.objects.get(slug="returns")
    article.body = "Porcupines may be exchanged."
    article.title, article.tags = "Exchanges", ""
    article.save()
    assert slugs(reader, "porcupine") == ["returns"]
    assert slugs(reader, "delivery refund") == ["shipping"]
    Article.objects.filter(slug="returns").update(published=False)
    assert slugs(reader, "porcupine") == []
    Article.objects.filter(slug="shipping").delete()
    assert slugs(reader, "parcel") == []


def test_making_the_index_again_keeps_it_right(reader: User) -> None:
    ensure_index()
    ensure_index()
    assert slugs(reader, "kettle") == ["kettle"]


def test_the_excerpt_is_the_sentence_that_answers(reader: User) -> None:
    outcome = call(server, "search_articles", {"query": "how long to France"}, actor=reader)
    assert outcome.data["articles"][0]["excerpt"] == "Parcels to France take 2 to 4 working days."
    assert outcome.records == ["article:shipping"]


def test_a_role_without_sight_of_articles_finds_none(db: None) -> None:
    outcome = call(server, "search_articles", {"query": "return"}, actor=agent("Finance lead"))
    assert outcome.code == "permission_denied"


def test_an_article_keeps_its_history() -> None:
    article = Article.objects.get(slug="returns")
    article.title = "Returns"
    article.save()
    assert [version.title for version in article.history.all()] == ["Returns", "Returning an item"]
