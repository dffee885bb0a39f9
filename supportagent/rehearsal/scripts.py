"""Reading the scenario files. A mistake in one is named with file and field, never played as something else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

CUSTOMERS = {"logged in": "verified", "claims a name": "claimed", "anonymous": "anonymous"}
# Words that stand for the customer's own details in texts, in braces, as the names of orders do for their numbers.
OF_CUSTOMER = ("NAME", "EMAIL", "PHONE", "STREET", "CITY", "POSTCODE", "REFERENCE")
STATUSES = ("paid", "shipped", "delivered", "returned", "cancelled")  # that an order may be made in
WHO = ("customer", "supervisor", "finance", "person", "time")


class ScriptError(Exception):
    """A scenario file that cannot be played: which, and why."""


@dataclass(frozen=True)
class OrderScript:
    """An order made for the scenario. `name` stands for its number in texts, in braces."""

    name: str
    status: str = "delivered"
    items: tuple[str, ...] = ("COF-TIDE",)
    owner: str = "customer"  # or "somebody else"
    failed_attempt: bool = False  # to pay, before the one that succeeded


@dataclass(frozen=True)
class StepScript:
    """Something that happens: who does what, and the words that go with it."""

    who: str
    what: str
    text: str = ""
    because: str = "other"
    channel: str = "widget"
    outcome: str = "by_ai"
    category: str = ""
    team: str = ""


@dataclass(frozen=True)
class OrderEnd:
    """How an order should stand in the end."""

    name: str
    status: str = ""
    refunded: Decimal = Decimal(0)


@dataclass(frozen=True)
class Expected:
    """What should come of it. What is not mentioned of orders and account must be as it was before."""

    route: tuple[str, ...]
    ticket: str
    category: str = ""
    team: str = ""
    called: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    handed_over: str = ""
    says: tuple[str, ...] = ()
    never_says: tuple[str, ...] = ()
    drafts: tuple[str, ...] = ()
    issues: int = 0
    tickets: int = 1
    outcome: str = ""
    reopens: bool = False
    overdue: bool = False
    contact: str = ""
    order: tuple[OrderEnd, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """One conversation. `name` is the file's name; `autonomy`, `paused` and `penniless` change agents beforehand.

    Nobody is at the desk unless `present` names them, and every team is open unless `closed` names it.
    """

    name: str
    title: str
    steps: tuple[StepScript, ...]
    expected: Expected
    customer: str = "logged in"
    orders: tuple[OrderScript, ...] = ()
    autonomy: Mapping[str, str] = field(default_factory=dict)
    paused: tuple[str, ...] = ()
    penniless: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


def read_all(folder: Path) -> list[Scenario]:
    """Every scenario of a folder, by name. Raises ScriptError."""
    return [read(path) for path in sorted(folder.glob("*.toml"))]


def read(path: Path) -> Scenario:
    """One scenario. Raises ScriptError naming what is wrong with it."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ScriptError(f"{path.name}: {type(error).__name__}: {error}") from error
    return parse(text, name=path.stem)


def parse(text: str, *, name: str) -> Scenario:
    """The scenario that a file of this name and text is. Raises ScriptError naming what is wrong with it."""
    try:
        data = tomllib.loads(text)
        expected = dict(data.pop("expected"))
        expected["order"] = tuple(
            OrderEnd(**{**end, "refunded": Decimal(str(end.get("refunded", 0)))}) for end in expected.get("order", ())
        )
        scenario = Scenario(
            name=name,
            steps=tuple(_step(step) for step in data.pop("step")),
            orders=tuple(_made(OrderScript, order) for order in data.pop("orders", ())),
            expected=_made(Expected, expected),
            **_frozen(data),
        )
        _check(scenario)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ScriptError(f"{name}.toml: {type(error).__name__}: {error}") from error
    return scenario


def _step(data: Mapping[str, Any]) -> StepScript:
    who = [name for name in WHO if name in data]
    if len(who) != 1:
        raise ValueError(f"a step says who acts, one of {', '.join(WHO)}: {dict(data)}")
    rest = {key: value for key, value in data.items() if key != who[0]}
    return StepScript(who=who[0], what=str(data[who[0]]), **rest)


def _made(kind: Any, data: Mapping[str, Any]) -> Any:
    unknown = set(data) - {one.name for one in fields(kind)}
    if unknown:
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    return kind(**_frozen(data))


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _check(scenario: Scenario) -> None:
    if scenario.customer not in CUSTOMERS:
        raise ValueError(f"customer is one of: {', '.join(CUSTOMERS)}")
    known = {order.name for order in scenario.orders}
    if taken := known & set(OF_CUSTOMER):
        raise ValueError(f"this name stands for a detail of the customer: {', '.join(sorted(taken))}")
    if odd := {order.status for order in scenario.orders} - set(STATUSES):
        raise ValueError(f"no such status of an order: {', '.join(sorted(odd))}")
    if strange := {end.name for end in scenario.expected.order} - known:
        raise ValueError(f"no order of this scenario: {', '.join(sorted(strange))}")
