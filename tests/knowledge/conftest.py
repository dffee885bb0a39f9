import pytest

from supportagent.knowledge.models import Article
from supportagent.staff.models import User
from tests.store.door import agent


@pytest.fixture
def reader(db: None) -> User:
    return agent("Support rep")


@pytest.fixture
def articles(db: None) -> None:
    for slug, title, tags, body in (
        (
            "returns",
            "Returning an item",
            "send back, refund",
            "You can return an item within 30 days of delivery.",
        ),
        ("shipping", "Shipping times", "delivery, parcel", "Parcels to France take 2 to 4 working days."),
        (
            "kettle",
            "The kettle does not sync",
            "app, wifi",
            "# Sync\n\nHold the dial for 5 seconds. Café wifi is fine.",
        ),
    ):
        Article.objects.create(slug=slug, title=title, tags=tags, body=body)
