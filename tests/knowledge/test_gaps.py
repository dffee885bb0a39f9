"""What was asked and found no article, or only a poor one, is kept: without what points at a person."""

from supportagent.knowledge import gaps
from supportagent.knowledge.mcp_server import server
from supportagent.knowledge.models import Gap
from tests.store.door import call


def search(reader, query):
    return call(server, "search_articles", {"query": query}, actor=reader)


def asked(query, key):
    gaps.note(query_text=query, found=[], call_key=key)
    return Gap.objects.latest("pk")


def test_only_what_finds_no_fitting_article_is_kept_and_once_per_call(reader, articles):
    assert search(reader, "returning an item").data["articles"][0]["slug"] == "returns"
    assert not Gap.objects.exists()
    assert search(reader, "gift wrapping").data == {"articles": []}
    poor = search(reader, "parcel insurance claim form Antarctica")
    assert [each["slug"] for each in poor.data["articles"]] == ["shipping"]
    assert list(Gap.objects.order_by("pk").values_list("query", "found", "matched")) == [
        ("gift wrapping", 0, 0),
        ("parcel insurance claim form Antarctica", 1, 1),
    ]
    for _ in range(2):
        gaps.note(query_text="gift card", found=[], call_key="same.1")
    gaps.note(query_text="?? the", found=[], call_key="nothing.1")
    assert Gap.objects.count() == 3


def test_addresses_numbers_and_keys_are_not_kept(db):
    text = "ana.martins@example.com card 4111 1111 1111 1111 order ORD-1042 key sk-abcdefghijklmnop0123456789 broke"
    kept = asked(text, "a.1")
    assert kept.query == "[address] card [number] order [number] key [number] broke"
    assert "1042" not in kept.wording and "sk" not in kept.wording
    assert len(asked("wrapping " * 60, "b.1").query) == 200
