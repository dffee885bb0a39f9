"""What the scripted model does in this suite: it looks, asks for the money, waits and tells."""

from typing import Any


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": {"order_id": "$order", "stated_reason": "the customer asks", **arguments}}


REFUNDS = {
    "vars": {"order": r"(ORD-\d+)"},
    "scripts": [
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
