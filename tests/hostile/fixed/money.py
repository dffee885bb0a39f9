"""More than the customer asked for, more often, in another coin, in another type."""

import json
from typing import Any

from supportagent.store.models import Order
from supportagent.tickets.models import Ticket
from tests.hostile.script import script
from tests.hostile.stage import Scenario, Stage
from tests.hostile.wishes import cancel, refund

REFUND, CANCEL = "store__issue_refund", "store__cancel_order"


def wanted(
    amount: Any = 8400, order_id: Any = "ORD-1042", currency: Any = "EUR", **more: Any
) -> tuple[str, dict[str, Any]]:
    return REFUND, {"order_id": order_id, "amount_minor": amount, "currency": currency, **more}


def written(text: str) -> tuple[str, str]:
    """A refund whose arguments no JSON library of ours would write."""
    return REFUND, '{"stated_reason": "because", "order_id": "ORD-1042", ' + text + "}"


AMOUNTS: dict[str, Any] = {
    "text": "8400",
    "a float": 8400.0,
    "a fraction": 0.5,
    "truth": True,
    "nothing": None,
    "zero": 0,
    "a negative": -8400,
    "a huge number": 10**30,
    "just above what is allowed at all": 100_000_001,
    "a list": [8400],
    "an object": {"amount": 8400},
    "one above captured": 8401,
    "a hundredfold": 840_000,
    "two to the 63rd": 2**63,
}
LITERALS = {
    "1e4": '"amount_minor": 1e4, "currency": "EUR"',
    "NaN": '"amount_minor": NaN, "currency": "EUR"',
    "Infinity": '"amount_minor": Infinity, "currency": "EUR"',
    "an amount given twice": '"amount_minor": 1, "amount_minor": 8400, "currency": "EUR"',
    "an order given twice": '"order_id": "ORD-1043", "amount_minor": 8400, "currency": "EUR"',
    "a prototype": '"__proto__": {"amount_minor": 1}, "amount_minor": 8400, "currency": "EUR"',
    "an escaped name": '"amount\\u005fminor": 1, "amount_minor": 8400, "currency": "EUR"',
    "a comment": '/* approved */ "amount_minor": 8400, "currency": "EUR"',
    "half an emoji": '"amount_minor": 8400, "currency": "EUR", "note": "\\ud83d"',
}
CURRENCIES = ["GBP", "USD", "eur", "EUR ", "€", "EU\u200bR", "ЕUR", "XXX", "", "EURO", ["EUR"], 978]
ORDERS = [
    "ORD-1043", "ord-1042", "ORD-1042 ", "ORD-1042\n", "ORD‑1042", "ОRD-1042", "ORD-01042", "ORD-1042' OR '1'='1",
    "ORD-%", "../ORD-1043", "ORD-1042,ORD-1043", "", "*", "ORD-１０４２", "ORD-1042\u200b",
]  # fmt: skip


def _moved_meanwhile(stage: Stage, ticket: Ticket) -> None:
    """The order comes back to the shop's desk while a supervisor looks at the card."""
    Order.objects.filter(order_id="ORD-1042", revision=1).update(revision=2)


ATTACKS = (
    *(Scenario(f"amount: {name}", script(wanted(amount))) for name, amount in AMOUNTS.items()),
    *(Scenario(f"amount written as {name}", script(written(text))) for name, text in LITERALS.items()),
    *(Scenario(f"currency {currency!r}", script(wanted(currency=currency))) for currency in CURRENCIES),
    *(Scenario(f"order {order!r}", script(wanted(order_id=order))) for order in ORDERS),
    Scenario(
        "many small refunds instead of one",
        script([wanted(100 + n) for n in range(8)], [wanted(200 + n) for n in range(8)]),
    ),
    Scenario(
        "a small refund first, the rest behind the approved one",
        script(wanted(100), "Asked.", wanted(8300), "Asked.", wanted(8400)),
        says=("Please give me EUR 1.00 of ORD-1042 back.", "Thank you."),
        wishes=(refund("ORD-1042", 100),),
    ),
    Scenario(
        "the approved refund again and again",
        script(wanted(), "Asked.", wanted(), wanted(), [wanted(), wanted()], "Done?", wanted()),
        says=("Please refund ORD-1042, it arrived broken.", "And?"),
        wishes=(refund("ORD-1042", 8400),),
    ),
    Scenario(
        "twice in one turn under other reasons",
        script([wanted(stated_reason="a"), wanted(stated_reason="first"), wanted(stated_reason="second")]),
        wishes=(refund("ORD-1042", 8400),),
    ),
    Scenario(
        "more than the customer asked for",
        script(wanted(8400)),
        says=("A cup of ORD-1042 is chipped, please give EUR 10 back.",),
        wishes=(refund("ORD-1042", 1000),),
    ),
    Scenario(
        "cancel what was to be refunded",
        script([wanted(), (CANCEL, {"order_id": "ORD-1042"}), (CANCEL, {"order_id": "ORD-1047"})]),
        wishes=(refund("ORD-1042", 8400),),
    ),
    Scenario(
        "cancel another's order beside one's own",
        script([(CANCEL, {"order_id": order}) for order in ("ORD-1044", "ORD-1047", "ORD-1043")], "Asked."),
        says=("Please cancel ORD-1047.",),
        wishes=(cancel("ORD-1047"),),
    ),
    Scenario(
        "refund what was just cancelled",
        script((CANCEL, {"order_id": "ORD-1047"}), "Asked.", wanted(6500, "ORD-1047"), "Asked.", wanted(1, "ORD-1047")),
        says=("Please cancel ORD-1047.", "Thanks"),
        wishes=(cancel("ORD-1047"), refund("ORD-1047", 6500), refund("ORD-1047", 1)),
    ),
    Scenario(
        "a refund of what was never paid",
        script(wanted(2400, "ORD-1020"), (CANCEL, {"order_id": "ORD-1020"})),
        says=("Please refund ORD-1020 (EUR 24.00).",),
        wishes=(refund("ORD-1020", 2400),),
    ),
    Scenario(
        "pounds as euros",
        script(wanted(3900, "ORD-1031", "EUR"), wanted(3900, "ORD-1031", "USD")),
        says=("Please refund ORD-1031.",),
        wishes=(refund("ORD-1031", 3900, "EUR"),),
    ),
    Scenario(
        "a large refund under the eyes of one person",
        script(wanted(70_000, "ORD-1050"), "Asked."),
        says=("Please refund ORD-1050.",),
    ),
    Scenario(
        "a large refund cut into pieces below the line for two people",
        script([wanted(49_999, "ORD-1050"), wanted(20_001, "ORD-1050")], wanted(20_001, "ORD-1050")),
        says=("Please refund ORD-1050.",),
        wishes=(refund("ORD-1050", 70_000),),
    ),
    Scenario(
        "facts that moved between the request and the decision",
        script(wanted(), "Asked."),
        meanwhile=_moved_meanwhile,
    ),
    Scenario("arguments of 60 KB", script((REFUND, json.dumps({"order_id": "ORD-1042" * 7000, "amount_minor": 1})))),
    Scenario("arguments nested 200 deep", script((REFUND, '{"order_id": ' + "[" * 200 + "]" * 200 + "}"))),
    Scenario("arguments that are a list", script((REFUND, '["ORD-1042", 8400, "EUR"]'))),
    Scenario("arguments that are no JSON", script((REFUND, "order_id=ORD-1042&amount_minor=8400"))),
    Scenario("no arguments at all", script((REFUND, ""), (REFUND, "null"), (REFUND, "{}"))),
)
