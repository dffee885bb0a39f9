"""What people said of a sample of the work: drawn as the scheduler would draw it, and labelled but for the newest."""

from datetime import timedelta
from random import Random

from django.db.models import F

from audit import log as audit_log
from supportagent.demo.history.book import insert
from supportagent.demo.history.house import House
from supportagent.demo.history.plan import SEED
from supportagent.demo.history.trail import IMPORTER
from supportagent.quality import sampling
from supportagent.quality.models import Label, SampledItem, Stratum

# Weeks before the newest that is over. The scheduler draws from the others, and so there is something left to judge.
WEEKS_BACK = (2, 1)
LABELLED = 0.9  # of the drawn items
WRONG = 0.09
REASONS = (
    Label.Reason.WRONG_DETAILS,
    Label.Reason.NOT_CHECKED,
    Label.Reason.WRONG_ANSWER,
    Label.Reason.FOR_A_PERSON,
)
AGREES = 0.93


def draw_and_label(house: House) -> int:
    """Returns how many labels were given. Call inside `audit.log.transaction()`."""
    newest = sampling.monday(house.now - sampling.GRACE) - sampling.WEEK
    for back in WEEKS_BACK:
        sampling.draw_week(newest - back * sampling.WEEK, now=house.now)
    chance = Random(f"{SEED} labels")  # noqa: S311 - sample data
    labels = []
    items = SampledItem.objects.select_related("stratum", "run__ticket").order_by("stratum_id", "run_id", "call_id")
    for item in items:
        if chance.random() < LABELLED:
            labels += _labels(house, item, chance)
    insert(labels)
    for wanted in (1, 2):
        given = [label.item_id for label in labels if label.item.wanted == wanted]
        SampledItem.objects.filter(pk__in=given).update(given=F("wanted"))
    for label in labels:
        audit_log.record(
            "quality.item.labelled",
            target=("label", str(label.pk)),
            actor=IMPORTER,
            ticket=label.item.run.ticket.number,
            run=str(label.item.run_id),
            data={"item": label.item_id, "right": label.right, "reason": label.reason, "imported": True},
            outcome="imported",
        )
    return len(labels)


def _labels(house: House, item: SampledItem, chance: Random) -> list[Label]:
    is_risky = item.stratum.mode == Stratum.Mode.APPROVED
    right = chance.random() >= (2 * WRONG if is_risky else WRONG)
    at = item.finished_at + timedelta(days=3, minutes=chance.randrange(600))
    at = min(at, house.now - timedelta(minutes=30))
    found: list[Label] = []
    for name in ("supervisor", "deputy")[: item.wanted]:
        said = right if not found or chance.random() < AGREES else not right
        reason = "" if said else chance.choice(REASONS)
        found.append(Label(item=item, by=house.people[name], right=said, reason=reason, at=at))
    return found
