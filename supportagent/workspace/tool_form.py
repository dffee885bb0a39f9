"""The form with which a person calls a tool: one typed control per argument of the schema that is offered.

Text becomes typed values here, exactly and by code; what the schema and the rules say of them is for the gate to say.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from supportagent.console.money import parse_money
from supportagent.grants import strict
from supportagent.tickets.text import HIDDEN, storable
from supportagent.tools.models import Tool
from supportagent.tools.schema import REASON, offered_schema

PREFIX = "arg."
LONG_TEXT = 200  # characters; from there on a text gets several lines
MAX_TEXT = 20_000
INPUT_TYPES = {"date": "date", "email": "email"}


class Unreadable(ValueError):
    """What was typed into one field is not a value of its type."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Control:
    """One control. `kind` says which widget draws it, `value` is what stands in it."""

    name: str
    kind: str
    value: str
    required: bool
    schema: Mapping[str, Any]
    options: tuple[tuple[str, str], ...] = ()
    error: str = ""

    @property
    def id(self) -> str:
        return f"tool-{self.name}"

    @property
    def field(self) -> str:
        return PREFIX + self.name

    @property
    def label(self) -> str:
        return self.name.removesuffix("_minor").replace("_", " ").capitalize()

    @property
    def input_type(self) -> str:
        return INPUT_TYPES.get(str(self.schema.get("format", "")), "text")

    @property
    def help(self) -> str:
        """What is asked for. The schema's words on money speak of minor units, which nobody types here."""
        described = "" if self.kind == "money" else str(self.schema.get("description", ""))
        shape = {
            "money": "In the currency given here, for example 84.00.",
            "lines": "One per line.",
            "json": "As JSON" + (f": {', '.join(self.schema['properties'])}." if self._properties else "."),
        }
        return " ".join(part for part in (described, shape.get(self.kind, "")) if part)

    @property
    def _properties(self) -> bool:
        return isinstance(self.schema.get("properties"), Mapping)


def controls_of(tool: Tool, entered: Mapping[str, str], refused: Unreadable | None = None) -> list[Control]:
    """The controls of a tool's form, with what was typed and what is wrong with it."""
    schema = offered_schema(tool)
    return [
        Control(
            name=name,
            kind=(kind := _kind(tool, name, each)),
            value=entered.get(PREFIX + name, ""),
            required=(required := name in schema["required"]),
            schema=each,
            options=tuple(_options(each, required=required)) if kind == "choice" else (),
            error=str(refused) if refused is not None and refused.field == name else "",
        )
        for name, each in _arguments(schema)
    ]


def values_from(tool: Tool, entered: Mapping[str, str]) -> dict[str, Any]:
    """Typed values by argument; what was left empty is left out. Raises Unreadable, naming the field."""
    schema = offered_schema(tool)
    values = {}
    for name, each in _arguments(schema):
        text = HIDDEN.sub("", storable(entered.get(PREFIX + name, "")).replace("\r\n", "\n"))
        if len(text) > MAX_TEXT:
            raise Unreadable(name, f"At most {MAX_TEXT:,} characters.")
        if text.strip():
            try:
                values[name] = _read(_kind(tool, name, each), text, entered.get(PREFIX + tool.currency_argument, ""))
            except (ValueError, RecursionError) as error:
                raise Unreadable(name, str(error)) from error
        elif name in schema["required"]:
            raise Unreadable(name, "This is needed.")
    return values


def field_of(message: str, tool: Tool) -> str:
    """The argument of which the gate speaks ("order_id: ... does not match ..."); empty when it is of none."""
    name = message.partition(":")[0].partition(".")[0]
    return name if name in dict(_arguments(offered_schema(tool))) else ""


def _arguments(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every argument but the reason, which has a control of its own. An imported schema may say "anything" (true)."""
    for name, each in schema["properties"].items():
        if name != REASON:
            yield name, each if isinstance(each, Mapping) else {}


def _kind(tool: Tool, name: str, schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind == "integer" and tool.currency_argument and name == tool.amount_argument:
        return "money"
    if "enum" in schema or kind == "boolean":
        return "choice"
    if kind in ("integer", "number"):
        return "integer"
    if kind == "string":
        return "long" if schema.get("maxLength", 0) > LONG_TEXT and "format" not in schema else "text"
    items = schema.get("items")
    return "lines" if kind == "array" and isinstance(items, Mapping) and items.get("type") == "string" else "json"


def _options(schema: Mapping[str, Any], *, required: bool) -> Iterator[tuple[str, str]]:
    yield "", "Choose…" if required else "(left out)"
    for option in schema.get("enum", [True, False]):
        text = option if isinstance(option, str) else json.dumps(option)
        yield json.dumps(option), {"true": "yes", "false": "no"}.get(text, text)


def _read(kind: str, text: str, currency: str) -> Any:
    if kind in ("text", "long"):
        return text.strip() if kind == "text" else text
    text = text.strip()
    if kind == "money":
        return parse_money(text, currency.strip().upper())
    if kind == "integer":
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdecimal() or len(text) > 17:
            raise ValueError("Write a whole number; fractions are never sent.")
        return int(text)
    if kind == "lines":
        return [line.strip() for line in text.split("\n") if line.strip()]
    try:
        # An object around it, because that is what the strict parser reads.
        read = strict.parse(f'{{"value": {text}}}')
    except strict.InvalidArguments as error:
        raise ValueError(f"This cannot be read: {error}.") from error
    if set(read) != {"value"}:
        raise ValueError("This cannot be read: it is more than one value.")
    return read["value"]
