"""Which conversations there were: drawn from the stories, the same for the same `now`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from supportagent.demo.history.stories import BY_NAME, ITEMS, STORIES, Ending, Story
from supportagent.demo.seed_data.catalogue import PRODUCTS
from supportagent.demo.seed_data.people import SAMPLE_CUSTOMERS, SeedCustomer

DAYS = 28
SEED = "harbour and pine"
A_DAY = (16, 14, 13, 13, 12, 7, 6)  # conversations, from Monday on
# Of 24 hours (UTC): busy before noon and in the evening, hardly anybody at night.
HOURS = (1, 1, 0, 0, 0, 1, 3, 6, 10, 13, 14, 12, 9, 10, 11, 11, 9, 8, 9, 10, 9, 6, 4, 2)
QUIET = timedelta(hours=8)  # before now: whatever people do about a conversation is over by then
FIRST_ORDER = 3001
# A fault of the checkout that everybody met at once: what is behind the alert about cost.
SPIKE_DAYS_AGO, SPIKE_HOUR, SPIKE_SIZE = 9, 14, 16

_PRODUCTS = {product.sku: product for product in PRODUCTS}
_RATINGS = {  # weights of 1 to 5
    "good": (2, 4, 11, 33, 50),
    "fair": (7, 12, 24, 34, 23),
    "bad": (34, 30, 22, 9, 5),
}
_MOOD = {
    Ending.REJECTED: "fair",
    Ending.EXPIRED: "bad",
    Ending.HANDED: "fair",
    Ending.GIVEN_UP: "bad",
    Ending.REOPENED: "fair",
}


@dataclass
class Conversation:
    """One thread as it was. `chance` is its own: what is drawn for one does not depend on any other."""

    index: int
    story: Story
    ending: str
    at: datetime
    customer: SeedCustomer
    chance: Random
    is_spike: bool = False
    reopens: "Conversation | None" = None
    score: int = 0
    taken_for: str = ""  # the category that the agent sorted it into
    words: dict[str, str] = field(default_factory=dict)

    @property
    def order(self) -> str:
        return f"ORD-{FIRST_ORDER + self.index}"

    @property
    def is_about_order(self) -> bool:
        return any("{order}" in text for text in (self.story.subject, *self.story.asks))

    @property
    def sku(self) -> str:
        return ITEMS[self.index % len(ITEMS)]

    @property
    def amount_minor(self) -> int:
        """What the order cost."""
        return _PRODUCTS[self.sku].price_minor

    def fill(self, text: str) -> str:
        return text.format_map(self.words)


def conversations(now: datetime) -> list[Conversation]:
    """All of them, the oldest first."""
    chance = Random(SEED)  # noqa: S311 - sample data
    moments = [*((at, False) for at in _moments(now, chance)), *((at, True) for at in _spike(now))]
    found: list[Conversation] = []
    for at, is_spike in sorted(moments):
        found.append(_conversation(len(found), at, is_spike=is_spike))
        if found[-1].ending == Ending.REOPENED:
            back = found[-1].at + timedelta(hours=found[-1].chance.randrange(5, 60))
            if back > now - QUIET:
                found[-1].ending = Ending.ALONE
                continue
            again = _conversation(len(found), back)
            again.reopens, again.customer, again.story = found[-1], found[-1].customer, found[-1].story
            again.ending = again.chance.choice((Ending.HANDED, Ending.ALONE))
            _finish(again)
            found.append(again)
    return sorted(found, key=lambda each: (each.at, each.index))


def _moments(now: datetime, chance: Random) -> Iterator[datetime]:
    for days_ago in range(DAYS, -1, -1):
        midnight = (now - timedelta(days=days_ago)).replace(hour=0, minute=0)
        for _ in range(A_DAY[midnight.weekday()] + chance.randrange(-2, 3)):
            hour = chance.choices(range(24), HOURS)[0]
            at = midnight + timedelta(hours=hour, minutes=chance.randrange(60), seconds=chance.randrange(60))
            if now - timedelta(days=DAYS) < at < now - QUIET:
                yield at


def _spike(now: datetime) -> Iterator[datetime]:
    start = (now - timedelta(days=SPIKE_DAYS_AGO)).replace(hour=SPIKE_HOUR, minute=3)
    for number in range(SPIKE_SIZE):
        yield start + timedelta(minutes=3 * number)


def _conversation(index: int, at: datetime, *, is_spike: bool = False) -> Conversation:
    chance = Random(f"{SEED} {index}")  # noqa: S311 - sample data
    story = chance.choices(STORIES, [story.weight for story in STORIES])[0]
    story = BY_NAME["fault"] if is_spike else story
    endings, weights = zip(*story.endings, strict=True)
    ending = chance.choices(endings, weights)[0]
    if is_spike:
        ending = Ending.HANDED if index % 3 == 0 else Ending.ALONE
    found = Conversation(index, story, ending, at, chance.choice(SAMPLE_CUSTOMERS), chance, is_spike)
    _finish(found)
    return found


def _finish(it: Conversation) -> None:
    """What depends on the story, its ending and who it is."""
    chance, story = it.chance, it.story
    it.taken_for = story.mistaken_for if story.mistaken_for and chance.random() < 0.09 else story.category
    it.score = 0
    if chance.random() < 0.46:
        it.score = chance.choices(range(1, 6), _RATINGS[_MOOD.get(it.ending, "good")])[0]
    it.words = {
        "first": it.customer.name.split()[0],
        "order": it.order,
        "item": _PRODUCTS[it.sku].name,
        "amount": f"EUR {it.amount_minor / 100:.2f}",
    }
