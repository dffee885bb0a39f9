"""Finding the order that is meant, and saying how it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .. import entities, patterns
from ..context import Aim, Moment
from ..desk import AskCustomer, Desk
from ..phrases import day, items_text, money, phrase, plain

Order = Mapping[str, Any]
MAX_LISTED = 5
NO_SUCH_ITEM = "I cannot match what you describe to one of your orders."

_POINTING = re.compile(
    r"\b(?:it|this|that|them|these|those|the (?:order|items?|package|same)|this order|diese|cette|este|ese)\b"
)
_EXCEPT = re.compile(r"\b(?:except(?: for)?|apart from|other than|but not|excluding)\b")
_NEWEST_ORDER = re.compile(
    r"\b(?:last|latest|newest|most recent|recent|current)\s+(?:order|purchase|one)\b|\border i(?:'ve)? just\b"
    r"|\bjust (?:placed|ordered|bought)\b|\bletzte \w*bestellung|\bdernière commande\b|\búltimo pedido\b"
    r"|\bthe most recent\b"
)
_THING = re.compile(
    r"\b(?:a|an|the|my|some|one of the|of the|both|two|pair of|for|del?|la|le|el|die|das|der|den|meine?)\s+"
    r"((?:[a-z-]+\s+){0,2}?[a-z-]{3,})(?=\W|$)"
)
_GENERAL = patterns.words_of(
    "order orders item items package parcel delivery purchase product products thing things money "
    "refund return exchange cancellation number status tracking link card account address email "
    "mail phone website day days week weeks month months time way help question issue problem "
    "reason mistake moment payment price cost amount total full original method customer service "
    "shop store team person human colleague agent latest last newest recent most first second "
    "third other one ones same different new whole entire complete rest details information info "
    "process date id couple few lot bit please thank thanks much long know let sure have had was "
    "were are not and with from that this what when where how why who which been being get got "
    "but now back for your you paket bestellung commande pedido colis envío update change"
)
_NOISE = patterns.words_of("set with and for the pack size small large medium black white blue red green grey piece")


def find_order(desk: Desk, moment: Moment, aim: Aim, *, careful: bool) -> Order:
    """The order that the customer means, read fresh.

    `careful` is for effects: then nothing is guessed from "the newest" while the words name something
    that no order contains. Raises AskCustomer with the question to ask.
    """
    for text in (aim.text, aim.background):
        named = entities.order_ids(text)
        if named:
            return _named(desk, moment, named[0])
    place = entities.ordinal(aim.text)
    if place is not None and place < len(moment.listed):
        return _named(desk, moment, moment.listed[place])
    if not desk.offers("store__list_orders") and len(moment.last_orders) == 1:
        return _named(desk, moment, moment.last_orders[0])
    orders = _orders(desk)
    if not orders:
        raise AskCustomer(phrase("no_orders", moment.language))
    foreign = entities.foreign_order_id(aim.text)
    if foreign:
        raise AskCustomer(_ask(moment, orders, phrase("unknown_order", moment.language, order=plain(foreign, 20))))
    chosen = _chosen(orders, moment, aim, careful=careful)
    if chosen is None:
        unmatched = _names_a_thing(f"{aim.text} {aim.background}".lower()) and not _by_items(orders, aim.text)
        raise AskCustomer(_ask(moment, orders, NO_SUCH_ITEM if unmatched and moment.language == "en" else ""))
    return _named(desk, moment, str(chosen["order_id"]))


def matching_lines(order: Order, text: str) -> list[Mapping[str, Any]]:
    """The order's items that the text names by at least one telling word; "all except the mug" names the others."""
    lines = list(order.get("items") or ())
    named, *excepted = _EXCEPT.split(text.lower(), maxsplit=1)
    if excepted and (kept := _naming(lines, excepted[0])):
        return [line for line in lines if line not in kept]
    return _naming(lines, named)


def named_part(order: Order, text: str) -> list[Mapping[str, Any]]:
    """The items that are meant where the text means some of the order only; [] where it means all of it."""
    lines = matching_lines(order, text)
    whole = patterns.WHOLE_ORDER.search(text.lower()) and not _EXCEPT.search(text.lower())
    return [] if whole or len(lines) == len(order.get("items") or ()) else lines


def line_sum(lines: Sequence[Mapping[str, Any]]) -> int:
    """What these items cost together, in minor units."""
    return sum(int(line.get("unit_minor") or 0) * int(line.get("quantity") or 1) for line in lines)


def status_text(order: Order, language: str, *, tracked: bool = True) -> str:
    """How an order stands, in one to three sentences of facts; `tracked` with the parcel's number."""
    facts = {
        "order": order["order_id"],
        "items": items_text(order),
        "placed": day(order.get("placed_on"), language),
        "shipped": day(order.get("shipped_on"), language),
        "delivered": day(order.get("delivered_on"), language),
    }
    status = str(order.get("status"))
    key = status if status in ("paid", "shipped", "delivered", "returned", "cancelled") else "paid"
    parts = [phrase(key, language, **facts)]
    if tracked and status in ("shipped", "delivered") and order.get("tracking"):
        parts.append(
            phrase(
                "tracking",
                language,
                carrier=plain(order.get("carrier"), 40),
                tracking=plain(order["tracking"], 40),
            )
        )
    if status in ("paid", "shipped") and day(order.get("expected_on")):
        parts.append(phrase("expected", language, expected=day(order["expected_on"], language)))
    if int(order.get("refunded_minor") or 0) > 0:
        refunded = money(order["refunded_minor"], order.get("currency"))
        parts.append(phrase("refunded_before", language, sum=refunded))
    return " ".join(parts)


def order_status(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Answer "where is my order", with what else was asked about the order itself."""
    order = find_order(desk, moment, aim, careful=False)
    text = status_text(order, moment.language)
    if moment.language != "en":
        return text
    low = aim.text.lower()
    if re.search(r"\b(?:how much|total|price|cost|paid)\b", low):
        text += f" Its total is {money(order.get('total_minor'), order.get('currency'))}."
    if re.search(r"\b(?:card|payment method|paid with|paypal)\b", low) and order.get("payment_method"):
        text += f" It was paid by {plain(order['payment_method'], 40)}."
    address = order.get("shipping_address")
    if re.search(r"\b(?:address|sent to|shipped to|going to)\b", low) and isinstance(address, Mapping):
        text += f" It goes to {address_text(address)}."
    if order.get("status") == "delivered" and re.search(
        r"\b(?:not|never|hasn't|haven't|didn't|still)\b.{0,25}\b(?:receiv|arriv|come|got|deliver)", low
    ):
        text += f" If it is not with you, that is for a person to trace. {phrase('offer_person')}"
    return text


def address_text(address: Mapping[str, Any]) -> str:
    """An address in one line."""
    street = ", ".join(plain(address[key], 80) for key in ("line1", "line2") if address.get(key))
    city = f"{plain(address.get('postcode'), 16)} {plain(address.get('city'), 60)}".strip()
    return ", ".join(part for part in (street, city, plain(address.get("country"), 2)) if part)


def _named(desk: Desk, moment: Moment, order_id: str) -> Order:
    order = desk.read("store__get_order", f"look at order {order_id}, which the customer means", order_id=order_id)
    if order:
        return order
    unknown = phrase("unknown_order", moment.language, order=order_id)
    if not desk.offers("store__list_orders"):
        raise AskCustomer(f"{unknown} {phrase('which_order', moment.language)}")
    raise AskCustomer(_ask(moment, _orders(desk), unknown))


def _orders(desk: Desk) -> list[Order]:
    data = desk.recall("store__list_orders", "find the order that the customer means")
    return [order for order in data.get("orders") or () if isinstance(order, Mapping) and order.get("order_id")]


def _chosen(orders: Sequence[Order], moment: Moment, aim: Aim, *, careful: bool) -> Order | None:
    for text in (aim.text, aim.background):
        found = _by_items(orders, text)
        if len(found) == 1:
            return found[0]
        if found:
            return found[0] if _NEWEST_ORDER.search(text.lower()) or not careful else None
    both = f"{aim.text} {aim.background}".lower()
    strange = _names_a_thing(both)
    pointed = [order for order in orders if order["order_id"] in moment.last_orders]
    if len(pointed) == 1 and (aim.confirmed or (_POINTING.search(aim.text.lower()) and not (careful and strange))):
        return pointed[0]
    if careful and strange:
        return None
    if len(orders) == 1:
        return orders[0]
    if _NEWEST_ORDER.search(both):
        return orders[0]
    if careful:
        return None
    moving = [order for order in orders if order.get("status") in ("paid", "shipped")]
    return moving[0] if len(moving) == 1 else (orders[0] if patterns.NEWEST.search(both) else None)


def _naming(lines: Sequence[Mapping[str, Any]], text: str) -> list[Mapping[str, Any]]:
    words = _stems(text)
    return [line for line in lines if _telling(line) & words]


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", text.lower())}


def _by_items(orders: Sequence[Order], text: str) -> list[Order]:
    """Orders with an item that the text names; where one order matches by more words, only that one."""
    words = _stems(text)
    score = {
        id(order): max((len(_telling(line) & words) for line in order.get("items") or ()), default=0)
        for order in orders
    }
    best = max(score.values(), default=0)
    return [order for order in orders if best and score[id(order)] == best]


def _telling(line: Mapping[str, Any]) -> set[str]:
    words = re.findall(r"[^\W\d_]{3,}", str(line.get("name") or "").lower())
    return {_stem(word) for word in words if word not in _NOISE and word not in _GENERAL}


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _names_a_thing(text: str) -> bool:
    """Whether the words name some product: a noun after an article that is not about orders in general."""
    return any(phrase_.split()[-1] not in _GENERAL for phrase_ in _THING.findall(text))


def _ask(moment: Moment, orders: Sequence[Order], first: str = "") -> str:
    lines = [
        f"{number}. {order['order_id']}, {day(order.get('placed_on'), moment.language)}{_state(order, moment)}:"
        f" {items_text(order, 2)},"
        f" {money(order.get('total_minor'), order.get('currency'))}"
        for number, order in enumerate(orders[:MAX_LISTED], start=1)
    ]
    head = f"{first} {phrase('your_orders', moment.language)}".strip()
    return "\n".join([head, "", *lines, "", phrase("which_order", moment.language)])


def _state(order: Order, moment: Moment) -> str:
    """The status as the shop names it, which is English."""
    return f", {plain(order.get('status'), 20)}" if moment.language == "en" and order.get("status") else ""
