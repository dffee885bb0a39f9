"""The form with which a person changes arguments: one typed control per value of the tool's JSON schema.

Text becomes typed values here, exactly and by code; whether they are allowed is for the service to say. Money is
typed as a decimal and becomes whole minor units without ever being a floating-point number.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from approvals.access import arguments_of
from approvals.errors import InvalidDecision
from approvals.models import ApprovalRequest
from approvals.services import editable
from supportagent.console.money import parse_money, plain_money
from supportagent.grants import strict
from supportagent.tickets.text import HIDDEN, storable

PREFIX = "arg."
LONG_TEXT = 120  # characters; from there on a text gets several lines
MAX_TEXT = 20_000
INPUT_TYPES = {"date": "date", "email": "email"}


@dataclass(frozen=True)
class Control:
    """One control. `name` is the path of its value behind PREFIX, `kind` which widget draws it."""

    name: str
    label: str
    kind: str
    value: str
    before: str
    required: bool
    schema: Mapping[str, Any]
    currency: str = ""
    error: str = ""
    options: tuple[tuple[str, str], ...] = ()
    parts: tuple["Control", ...] = field(default=())

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")

    @property
    def input_type(self) -> str:
        return INPUT_TYPES.get(str(self.schema.get("format", "")), "text")

    @property
    def help(self) -> str:
        """What is asked for. The schema's words on money speak of minor units, which nobody types here."""
        return "" if self.kind == "money" else str(self.schema.get("description", ""))


def controls_of(
    request: ApprovalRequest, *, entered: Mapping[str, str] | None = None, refused: InvalidDecision | None = None
) -> list[Control]:
    """The controls of a request: with what was typed after a refusal, else with the arguments as they are."""
    arguments = arguments_of(request)
    required = request.tool.arguments_schema.get("required", [])
    return [
        _control(request, (name,), schema, arguments.get(name), name in required, entered, refused)
        for name, schema in editable(request).items()
    ]


def values_from(request: ApprovalRequest, entered: Mapping[str, str]) -> dict[str, Any]:
    """Typed values by argument; None for one that is left out. Raises InvalidDecision, naming the field."""
    arguments = arguments_of(request)
    return {
        name: _value(request, (name,), schema, arguments.get(name), entered)
        for name, schema in editable(request).items()
    }


def _control(
    request: ApprovalRequest,
    path: tuple[str, ...],
    schema: Mapping[str, Any],
    value: Any,
    required: bool,
    entered: Mapping[str, str] | None,
    refused: InvalidDecision | None,
) -> Control:
    name, kind = PREFIX + ".".join(path), _kind(request, path, schema)
    before = _typed(request, kind, value)
    parts: tuple[Control, ...] = ()
    if kind == "group":
        inner = value if isinstance(value, Mapping) else {}
        needs = schema.get("required", []) if required or value is not None else []
        parts = tuple(
            _control(request, (*path, part), each, inner.get(part), part in needs, entered, refused)
            for part, each in schema["properties"].items()
        )
    return Control(
        name=name,
        label=path[-1].removesuffix("_minor").replace("_", " ").capitalize(),
        kind=kind,
        value=before if entered is None else entered.get(name, ""),
        before=before,
        required=required,
        schema=schema,
        currency=request.currency if kind == "money" else "",
        error=str(refused) if refused is not None and refused.field == ".".join(path) else "",
        options=tuple(_options(schema, required=required)) if kind == "choice" else (),
        parts=parts,
    )


def _kind(request: ApprovalRequest, path: tuple[str, ...], schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "integer" and (path == (request.tool.amount_argument,) or path[-1].endswith("_minor")):
        return "money"
    if "enum" in schema or schema.get("type") == "boolean":
        return "choice"
    if schema.get("type") == "object" and schema.get("properties"):
        return "group"
    if schema.get("type") == "integer":
        return "integer"
    if schema.get("type") == "string":
        return "long" if schema.get("maxLength", LONG_TEXT) > LONG_TEXT and "format" not in schema else "text"
    return "json"


def _options(schema: Mapping[str, Any], *, required: bool) -> Iterator[tuple[str, str]]:
    if not required:
        yield "", "(left out)"
    for option in schema.get("enum", [True, False]):
        text = option if isinstance(option, str) else json.dumps(option)
        yield json.dumps(option), {"true": "yes", "false": "no"}.get(text, text)


def _typed(request: ApprovalRequest, kind: str, value: Any) -> str:
    """A value as somebody would have typed it."""
    if value is None:
        return ""
    if kind == "money" and isinstance(value, int):
        return plain_money(value, request.currency)
    if kind in ("choice", "json"):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _value(
    request: ApprovalRequest, path: tuple[str, ...], schema: Mapping[str, Any], before: Any, entered: Mapping[str, str]
) -> Any:
    kind = _kind(request, path, schema)
    if kind == "group":
        inner = before if isinstance(before, Mapping) else {}
        parts = {
            name: _value(request, (*path, name), each, inner.get(name), entered)
            for name, each in schema["properties"].items()
        }
        return {name: value for name, value in parts.items() if value is not None} or None
    where = ".".join(path)
    text = HIDDEN.sub("", storable(entered.get(PREFIX + where, "")).replace("\r\n", "\n"))
    if len(text) > MAX_TEXT:
        raise InvalidDecision(f"At most {MAX_TEXT} characters.", field=where)
    if kind in ("text", "long"):
        return text if text or before == "" else None
    if not text.strip():
        return None
    try:
        return _read(request, kind, text.strip())
    except (ValueError, RecursionError) as error:
        raise InvalidDecision(str(error), field=where) from error


def _read(request: ApprovalRequest, kind: str, text: str) -> Any:
    if kind == "money":
        return parse_money(text, request.currency)
    if kind == "integer":
        if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdecimal() or len(text) > 17:
            raise ValueError("Write a whole number.")
        return int(text)
    try:
        # An object around it, because that is what the strict parser reads.
        read = strict.parse(f'{{"value": {text}}}')
    except strict.InvalidArguments as error:
        raise ValueError(f"This cannot be read: {error}.") from error
    if set(read) != {"value"}:
        raise ValueError("This cannot be read: it is more than one value.")
    return read["value"]
