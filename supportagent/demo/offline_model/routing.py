"""Which agent a wish belongs to, and what is looked up before the conversation goes there.

A model is offered `hand_off` with the agents that it may hand to, by their short names. What belongs where is told by
the tools: refunds to whoever has the refund tool. An agent that has them itself never hands such a wish off.
"""

from __future__ import annotations

from .context import Aim, Moment
from .desk import AskCustomer, CannotHelp, Desk, LoginNeeded
from .patterns import Intent
from .skills import account, money, technical
from .skills.orders import find_order

HAND_OFF = "hand_off"
ORDERS, BILLING, TECHNICAL = "orders", "billing", "technical"
# Who comes first where several are needed. The technical agent reads no orders, so what it did is told by the others;
# billing reads orders too, so it comes last and answers for all.
IN_TURN = (TECHNICAL, ORDERS, BILLING)

DOMAIN: dict[Intent, str] = {
    Intent.ORDER_STATUS: ORDERS,
    Intent.CANCEL: ORDERS,
    Intent.UNDO_CANCEL: ORDERS,
    Intent.RETURN: ORDERS,
    Intent.EXCHANGE: ORDERS,
    Intent.ORDER_ADDRESS: ORDERS,
    Intent.ADDRESS: ORDERS,
    Intent.ACCOUNT: ORDERS,
    Intent.REFUND: BILLING,
    Intent.BILLING: BILLING,
    Intent.PAYMENT: BILLING,
    Intent.PAYMENT_METHOD: BILLING,
    Intent.INVOICE: BILLING,
    Intent.TECHNICAL: TECHNICAL,
}
_TOOLS: dict[str, tuple[str, ...]] = {
    ORDERS: (money.CANCEL, account.UPDATE),
    BILLING: (money.REFUND, account.UPDATE_BILLING),
    TECHNICAL: (technical.ISSUE,),
}
# Wishes that more agents can fulfil than those of the domain: with any of these tools.
_ALSO: dict[Intent, tuple[str, ...]] = {
    Intent.ORDER_STATUS: ("store__get_order",),
    Intent.RETURN: (money.REFUND,),
}
_ABOUT_THE_ACCOUNT = frozenset({Intent.ADDRESS, Intent.ACCOUNT, Intent.BILLING})


class Elsewhere(Exception):
    """Another agent has to do this: `to` is its short name."""

    def __init__(self, to: str, intent: Intent) -> None:
        super().__init__(f"{intent.value} belongs to {to}")
        self.to, self.intent = to, intent


def send_elsewhere(desk: Desk, moment: Moment, aim: Aim) -> None:
    """Raise `Elsewhere` for a wish that another agent has the tools for, once what it is about has been looked up."""
    to = DOMAIN.get(aim.intent)
    if to is None or to not in desk.choices(HAND_OFF, "to") or _can(desk, aim.intent, to):
        return
    if to == desk.transcript.came_from:
        return  # it was there already: going back and forth helps nobody
    anonymous = not desk.offers_any("store__") and not desk.offers(technical.ISSUE)
    if anonymous and to != TECHNICAL:
        return  # nobody may look into an account before a log-in
    _look_up(desk, moment, aim)
    raise Elsewhere(to, aim.intent)


def _can(desk: Desk, intent: Intent, domain: str) -> bool:
    return any(desk.offers(tool) for tool in (*_TOOLS[domain], *_ALSO.get(intent, ())))


def _look_up(desk: Desk, moment: Moment, aim: Aim) -> None:
    """Read what the next agent is told as a fact. A question that stays open is for the next agent to ask."""
    try:
        if aim.intent in _ABOUT_THE_ACCOUNT and desk.offers("store__get_customer"):
            desk.recall("store__get_customer", "see what is on file, for the agent who goes on")
        elif aim.intent is not Intent.TECHNICAL and desk.offers("store__list_orders"):
            find_order(desk, moment, aim, careful=True)
    except (AskCustomer, CannotHelp, LoginNeeded):
        return
