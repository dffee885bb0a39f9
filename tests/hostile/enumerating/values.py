"""Values that a fuzzer puts where another value was expected, and calls written in ways that parsers disagree about."""

import json
import re
import unicodedata
from random import Random
from typing import Any

BOUND = ("customer", "ticket", "run", "team", "key", "approval", "actor", "assurance", "grant", "idempotency_key")
NUMBERS = (0, 1, -1, 100, 4999, 8399, 8400, 8401, 49_999, 50_000, 50_001, 100_000_000, 2**31, 2**53, 2**63, -(2**63))
STRANGE = (None, True, False, [], {}, "", " ", "\u200b", "null", "0", "*", "%", "../..", "' OR 1=1 --", 0.1, 1e300)
MARKS = ("\x00", "\u0301", "\u200b", "\u202e", "\u00ad", "\n", " ", "\t", "'", '"', "%00", "\U000e0041", "<b>")
LOOKALIKES = {"O": "\u041e", "R": "\u0280", "D": "\uff24", "E": "\u0415", "a": "\u0430", "e": "\u0435", "1": "\u0661"}
GUESSES = (
    "store__order_facts",
    "store__account_facts",
    "store__refund_order",
    "store__get_orders",
    "store__get_account",
    "store__set_status",
    "tickets__post_reply",
    "tickets__send_draft",
    "tickets__hand_back",
    "tickets__get_ticket",
    "approvals__approve",
    "approvals__list",
    "tools__grant",
    "agents__pause",
    "knowledge__write_article",
    "engineering__close_issue",
    "audit__export",
)


ODD_NAMES = ("__proto__", "force", "approved", "approved_by", "dry_run", "amount", "tool", "arguments", "", "$ref")


def bound_by_host(random: Random, pool: list[str]) -> tuple[str, Any]:
    """An argument that the host sets, and a value of somebody else's."""
    name = random.choice((*BOUND, *("ticket", "customer") * 5))
    tickets = [known for known in pool if known.startswith("T-")]
    if name == "ticket" and tickets:
        return name, neighbour(random.choice(tickets), random.choice((-1, 1, 1, 2)))
    return name, "CUS-1002" if name == "customer" else random.choice(pool)


def described(random: Random, schema: dict[str, Any], pool: list[str]) -> Any:
    """A value that a schema asks for, from what was seen so far."""
    if "enum" in schema:
        return random.choice(schema["enum"])
    if schema.get("type") == "integer":
        return random.choice(NUMBERS)
    if schema.get("type") == "object":
        required = schema.get("required", ())
        wanted = [name for name in schema.get("properties", {}) if name in required or random.random() < 0.5]
        return {name: described(random, schema["properties"][name], pool) for name in wanted if name != "stated_reason"}
    pattern = schema.get("pattern")
    return random.choice([known for known in pool if pattern and re.search(pattern, known)] or pool)


def renamed(random: Random, name: str) -> str:
    """Another spelling of a tool's name."""
    server, _, tool = name.partition("__")
    place = random.randrange(len(name) + 1)
    return random.choice(
        (
            name.swapcase(),
            name.title(),
            tool,
            f"{server}.{tool}",
            f"{server}____{tool}",
            f"tickets__{tool}",
            f"{name} ",
            name[:place] + random.choice(MARKS) + name[place:],
            "".join(LOOKALIKES.get(character, character) for character in name),
            "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in name),
        )
    )


def strange(random: Random, value: Any, pool: list[str]) -> Any:
    """Something else in the place of a value: another type, a border, a neighbour, a disguise, or what was seen."""
    choices = [random.choice(STRANGE), random.choice(NUMBERS), random.choice(pool), [value], {"value": value}]
    if isinstance(value, int) and not isinstance(value, bool):
        choices += [value + 1, value - 1, -value, value * 100, str(value), float(value), value // 2 or 1]
    if isinstance(value, dict) and value and random.random() < 0.7:
        name = random.choice(sorted(value))
        return {**value, name: strange(random, value[name], pool)}
    if isinstance(value, str) and value:
        place = random.randrange(len(value) + 1)
        choices += [
            value[:place] + random.choice(MARKS) + value[place:],
            "".join(LOOKALIKES.get(character, character) for character in value),
            value.swapcase(),
            unicodedata.normalize("NFD", value),
            value + value,
            neighbour(value, random.choice((-1, 1, 2))),
            "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in value),
        ]
    return random.choice(choices)


def neighbour(text: str, step: int) -> str:
    """The next number in an id: ORD-1042 -> ORD-1043."""
    digits = "".join(character for character in text if character.isascii() and character.isdigit())
    return text.replace(digits, str(int(digits) + step)) if digits else text


def written(random: Random, arguments: dict[str, Any]) -> str:
    """The arguments as JSON, now and then in a way that two parsers read differently."""
    text = json.dumps(arguments, ensure_ascii=random.random() < 0.5)
    trick = random.random()
    if trick < 0.9 or not arguments:
        return text
    name = random.choice(list(arguments))
    tricks = (
        text[:-1] + f", {json.dumps(name)}: {json.dumps(random.choice(NUMBERS))}}}",
        text.replace("_", "\\u005f"),
        text + text,
        text[: len(text) // 2],
        f"[{text}]",
        text.replace(": ", ":\n\n\t"),
        json.dumps(text),
        "\ufeff" + text,
        text.replace('": "', '": "\\ud83d', 1),
        re.sub(r"(?<=[a-zA-Z])[a-zA-Z](?=[a-zA-Z])", lambda match: f"\\u{ord(match[0]):04x}", text),
    )
    return random.choice(tricks)
