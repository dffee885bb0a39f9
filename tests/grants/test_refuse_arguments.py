"""Every tool of every built-in server, called with a valid grant and arguments that are wrong in some way.

What a lenient reader would turn into something acceptable ("100", 100.0, true) is refused as sent, before a service
runs: no row of the product changes.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from supportagent.grants import strict
from supportagent.grants.server import DomainServer, ServerTool
from tests.grants.doors import Caller, every_tool, over_protocol, rows

Arguments = dict[str, Any]
TOOLS = [pytest.param(*pair, id=f"{pair[0].name}.{pair[1].name}") for pair in every_tool()]
FIVE_KILOBYTES = "9" * 5000
NOT_TEXT = (1042, 1.0, True, None, ["ORD-1042"], {"id": "ORD-1042"})
NOT_AN_INTEGER = ("100", "1e9", "0x64", "١٠", 100.0, 100.5, 1e2, float("nan"), True, False, None, [100], {"n": 100})
OUT_OF_RANGE = (0, -1, -5, 10**12, 2**63, 10**30)
FROM_ZERO = {"confidence": (0,)}  # of all numbers that tools take, the one that may be nothing
NO_ORDER = (
    "",
    "ord-1042",
    "ORD-1042\n",
    " ORD-1042",
    "ORD-１０４２",
    "ORD-1042' OR 1=1 --",
    "#W1' OR 1=1",
    "../../etc/passwd",
    "ORD-" + FIVE_KILOBYTES,
    "ORD-1042\x00",
)
NO_CURRENCY = ("eur", "Eur", "EURO", "EU", "€", "EUR ", "ЕUR", "")
UNKNOWN = {"customer_id": "CUS-1002", "idempotency_key": "mine", "state_key": "x", "actor": 1, "__class__": "x"}


def wrong_values(name: str, schema: dict[str, Any]) -> tuple[Any, ...]:
    """Values that a property of this schema must not take."""
    if schema["type"] == "integer":
        return (*NOT_AN_INTEGER, *(value for value in OUT_OF_RANGE if value not in FROM_ZERO.get(name, ())))
    if schema["type"] == "object":
        inner = {"line1": 1, "city": "Porto", "postcode": "4000", "country": "PT"}
        return ("Cais 1", None, [], {}, inner, {**inner, "line1": "Cais 1", "planet": "Mars"}, {"country": "pt"})
    too_long = ("x" * (schema["maxLength"] + 1),) if "maxLength" in schema else (FIVE_KILOBYTES,)
    special = {"order_id": NO_ORDER, "currency": NO_CURRENCY}.get(name, ())
    return (*NOT_TEXT, *too_long, *special)


def wrong(good: Arguments, tool: ServerTool) -> Iterator[Arguments]:
    """Arguments that differ from the good ones in one wrong thing each."""
    for name, schema in tool.schema["properties"].items():
        for value in wrong_values(name, schema):
            yield {**good, name: value}
    for name, value in UNKNOWN.items():
        yield {**good, name: value}
    for name in tool.schema["required"]:
        yield {key: value for key, value in good.items() if key != name}


@pytest.mark.parametrize(("server", "tool"), TOOLS)
def test_wrong_arguments_are_refused_as_sent_before_a_service_runs(
    caller: Caller, server: DomainServer, tool: ServerTool
) -> None:
    good = caller.good(server.name, tool)
    strict.validate(good, tool.schema)
    before = rows()
    taken = [
        arguments
        for arguments in wrong(good, tool)
        if caller.call(server, tool.name, arguments).code != "invalid_arguments"
    ]
    assert taken == []
    assert rows() == before


@pytest.mark.parametrize(("server", "tool"), TOOLS)
def test_the_right_arguments_get_past_the_door(caller: Caller, server: DomainServer, tool: ServerTool) -> None:
    outcome = caller.call(server, tool.name, caller.good(server.name, tool))
    assert outcome.code in ("", "already_shipped"), outcome.data


def test_the_protocol_refuses_the_same_arguments(committed_caller: Caller) -> None:
    caller = committed_caller
    before = rows()
    for server in {server.name: server for server, _ in every_tool()}.values():
        writes = [tool for tool in server.tools.values() if tool.effect == "WRITE"]
        cases = [
            (tool.name, arguments, caller.grant(server.name, tool.name, arguments))
            for tool in writes
            for arguments in wrong(caller.good(server.name, tool), tool)
            if not any(value != value for value in arguments.values())  # JSON has no NaN: it never gets there
        ]
        taken = [
            (case[:2], result.structured_content)
            for case, result in zip(cases, over_protocol(server, cases), strict=True)
            if not result.is_error or result.structured_content["error"]["code"] != "invalid_arguments"
        ]
        assert taken == []
    assert rows() == before
