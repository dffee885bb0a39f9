"""Amounts of servers that count in euros instead of cents: turned into whole minor units and back, nothing rounded.

Inside the product every amount is a whole number of minor units: the model writes one, rules and approvers read one,
the digest covers one. Only what is sent to such a server, and what it says, is a decimal.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from supportagent.console.money import EXPONENTS, plain_money
from supportagent.grants.strict import MAX_INTEGER, InvalidArguments
from supportagent.tools.models import Tool

_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)


def as_sent(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the server takes them: a decimal number or text where it counts in major units.

    Raises InvalidArguments where the decimal could not be sent exactly.
    """
    name = tool.amount_argument
    if not tool.in_major_units or name not in arguments:
        return dict(arguments)
    minor = arguments[name]
    if type(minor) is not int:
        raise InvalidArguments(f"{name}: must be a whole number of minor units")
    return {**arguments, name: _decimal(tool, minor, currency_of(tool, arguments))}


def currency_of(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """The code that the call names, or the one that the tool always uses."""
    return str(arguments.get(tool.currency_argument, "") if tool.currency_argument else tool.fixed_currency)


def to_minor(value: Any, currency: str) -> int:
    """Minor units of an amount that an answer gives in major units. Raises ValueError unless it is exact."""
    text = "" if isinstance(value, bool) else str(value)
    if not _DECIMAL.fullmatch(text):
        raise ValueError("no amount")
    minor = Decimal(text).scaleb(EXPONENTS.get(currency, 2))
    if minor != minor.to_integral_value() or abs(minor) > MAX_INTEGER:
        raise ValueError("no whole number of minor units")
    return int(minor)


def _decimal(tool: Tool, minor: int, currency: str) -> Any:
    text = plain_money(minor, currency)
    if tool.input_schema["properties"][tool.amount_argument].get("type") == "string":
        return text
    exact = Decimal(text)
    if exact == exact.to_integral_value():
        return int(exact)
    # JSON has one sort of number, which Python writes from a float: the shortest text that means the same.
    number = float(text)
    if Decimal(repr(number)) != exact:
        raise InvalidArguments(f"{tool.amount_argument}: is too large to be sent exactly")
    return number
