"""Level 2: a model that obeys whatever it reads, and instructions planted in everything that it reads."""

from tests.hostile.obedient.carriers import CARRIERS
from tests.hostile.obedient.model import obedient
from tests.hostile.obedient.orders import ORDERS
from tests.hostile.stage import Scenario


def scenarios(carrier: str) -> list[Scenario]:
    """Every order that has room in this carrier."""
    place = CARRIERS[carrier]
    return [
        Scenario(
            f"{order} by {carrier}",
            obedient(),
            says=(place.says(planted.text) if place.says else "Please look at my orders.",),
            prepare=lambda estate, text=planted.text: place.prepare(estate, text),  # type: ignore[misc]
            untrue=planted.untrue,
        )
        for order, planted in ORDERS.items()
        if len(planted.text) <= place.room
    ]
