"""What the scripted model does in this suite: it looks, asks for the money, waits and tells."""

from typing import Any

WHY = {"stated_reason": "the customer asks"}


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": {"order_id": "$order", **WHY, **arguments}}


def _pay_back(tool: str) -> list[dict[str, Any]]:
    """Looks, asks for the refund of the payment that the customer names, waits and tells."""
    look = {"name": f"{tool.partition('__')[0]}__get_payment", "arguments": {"payment_id": "$payment", **WHY}}
    ask = {"payment_id": "$payment", "amount_minor": 8400, "currency": "EUR", **WHY}
    return [
        {"calls": [look], "delay": 0.1},
        {"calls": [{"name": tool, "arguments": ask}], "delay": 0.1},
        {"text": "I asked a colleague to look at it."},
        {"text": "Thank you for waiting. A colleague can tell you more."},
    ]


REFUNDS = {
    "vars": {"order": r"(ORD-\d+)", "payment": r"(PAY-\d+)"},
    "scripts": [
        {"when": "by key", "turns": _pay_back("bank__issue_refund")},
        {"when": "by record", "turns": _pay_back("bank__refund_payment")},
        {"when": "blindly", "turns": _pay_back("till__refund_payment")},
        {
            "when": "money back",
            "turns": [
                {"calls": [_call("store__get_order")], "delay": 0.1},
                {"calls": [_call("store__issue_refund", amount_minor=8400, currency="EUR")], "delay": 0.1},
                {"text": "I asked a colleague to look at it."},
                {"text": "Thank you for waiting. You see the result in your order."},
            ],
        },
        {"turns": [{"calls": [_call("store__get_order")]}, {"text": "It was delivered."}]},
    ],
}
