"""What customers wrote before the demo begins: kinds of conversations, and who had which of them when.

The texts stand in scenarios.json. Places in braces are filled from the order that the conversation is about,
so that every answer agrees with the shop's rows. Threads that are still open came by e-mail: a new chat never
lands in one of them.
"""

import json
from pathlib import Path
from typing import NamedTuple


class Scenario(NamedTuple):
    """`turns` are (kind, text); `reason` and `summary` are those of the hand-over of a thread that waits."""

    subject: str
    category: str
    team: str
    state: str
    turns: list[tuple[str, str]]
    priority: str = "normal"
    reason: str = ""
    summary: str = ""
    score: int = 0


class Instance(NamedTuple):
    """`about` is an order or, for what concerns none, a customer."""

    scenario: str
    about: str
    days_ago: int


_TEXTS = json.loads((Path(__file__).parent / "scenarios.json").read_text(encoding="utf-8"))
SCENARIOS = {name: Scenario(**fields) for name, fields in _TEXTS.items()}

INSTANCES = (
    Instance("material", "CUS-1003", 113),
    Instance("induction", "ORD-1010", 111),
    Instance("where_is_it", "ORD-1011", 111),
    Instance("cancelled", "ORD-1015", 96),
    Instance("invoice", "ORD-1014", 92),
    Instance("refund_done", "ORD-1016", 83),
    Instance("exchange", "ORD-1013", 95),
    Instance("refund_question", "ORD-1012", 78),
    Instance("gift_card", "CUS-1002", 77),
    Instance("charged_twice", "ORD-1020", 74),
    Instance("person_please", "ORD-1017", 70),
    Instance("cancelled", "ORD-1022", 67),
    Instance("new_address", "CUS-1004", 66),
    Instance("cleaning", "CUS-1003", 60),
    Instance("password", "CUS-1001", 58),
    Instance("partner_stock", "CUS-1003", 56),
    Instance("invoice", "ORD-1021", 55),
    Instance("refund_question", "ORD-1019", 52),
    Instance("cancel_too_late", "ORD-1024", 59),
    Instance("where_is_it", "ORD-1025", 55),
    Instance("gift_card", "CUS-1003", 47),
    Instance("refund_done", "ORD-1024", 49),
    Instance("material", "CUS-1002", 45),
    Instance("company_name", "CUS-1003", 43),
    Instance("cancel_too_late", "ORD-1028", 45),
    Instance("refund_done", "ORD-1026", 40),
    Instance("induction", "CUS-1004", 36),
    Instance("where_is_it", "ORD-1031", 36),
    Instance("cancelled", "ORD-1032", 34),
    Instance("exchange", "ORD-1030", 33),
    Instance("cleaning", "ORD-1028", 31),
    Instance("password", "CUS-1004", 30),
    Instance("charged_twice", "ORD-1035", 26),
    Instance("person_please", "ORD-1031", 24),
    Instance("partner_stock", "CUS-1002", 23),
    Instance("invoice", "ORD-1033", 22),
    Instance("refund_question", "ORD-1029", 17),
    Instance("refund_done", "ORD-1034", 17),
    Instance("new_address", "CUS-1002", 16),
    Instance("where_is_it", "ORD-1038", 17),
    Instance("refund_done", "ORD-1037", 13),
    Instance("company_name", "CUS-1001", 12),
    Instance("cancel_too_late", "ORD-1040", 13),
    Instance("material", "CUS-1004", 9),
    Instance("where_is_it", "ORD-1041", 9),
    Instance("open_refund", "ORD-1036", 2),
    Instance("broken_item", "ORD-1040", 6),
    Instance("complaint", "ORD-1039", 4),
    Instance("return_how", "ORD-1043", 3),
    Instance("late_parcel", "ORD-1039", 6),
    Instance("partner_terms", "CUS-1004", 2),
    Instance("cancelled", "ORD-1047", 2),
    Instance("new_email", "CUS-1004", 2),
    Instance("pairing", "ORD-1033", 1),
    Instance("sync_failed", "ORD-1028", 0),
    Instance("sync_failed", "ORD-1023", 0),
    Instance("app_crash", "ORD-1033", 0),
    Instance("where_is_it", "ORD-1045", 1),
    Instance("open_status", "ORD-1049", 0),
    Instance("app_crash", "ORD-1028", 0),
    Instance("open_status", "ORD-1051", 0),
    Instance("partner_terms", "CUS-1003", 1),
)
