"""The rules on a grant's arguments, checked before they are kept: a broken one would refuse every call."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from supportagent.console.fields import StrictJSONField
from supportagent.tools.models import Tool, ToolGrant

MAX_DEPTH = 8
# They point elsewhere, and where they point to is not there when a call is judged.
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def check_argument_rules(rules: Any, tool: Tool | None) -> None:
    """Raise ValidationError unless `rules` is a JSON Schema over the arguments of `tool` that can be applied."""
    if not isinstance(rules, dict):
        raise ValidationError('Write a JSON object, for example {"properties": {"amount_minor": {"maximum": 5000}}}.')
    for key, value in _pairs(rules, depth=0):
        if key in REFERENCES:
            raise ValidationError(f"{key} is not supported: write the rule out.")
        if key == "pattern":
            _check_pattern(value)
        if key == "patternProperties":
            for pattern in value if isinstance(value, dict) else ():
                _check_pattern(pattern)
    try:
        Draft202012Validator.check_schema(rules)
    except SchemaError as error:
        raise ValidationError(f"Not a JSON Schema: {_where(error)}") from error
    unknown = _named(rules) - set(tool.arguments_schema.get("properties", {}) if tool else _named(rules))
    if unknown:
        raise ValidationError(f"{tool} has no argument {', '.join(sorted(unknown))}.")


def _pairs(value: Any, *, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise ValidationError(f"Nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        yield from value.items()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _pairs(inner, depth=depth + 1)


def _check_pattern(pattern: Any) -> None:
    try:
        re.compile(pattern)
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise ValidationError(f"{pattern!r} is not a regular expression: {error}") from error


def _named(rules: dict[str, Any]) -> set[str]:
    properties, required = rules.get("properties", {}), rules.get("required", [])
    return {*(properties if isinstance(properties, dict) else ()), *(required if isinstance(required, list) else ())}


def _where(error: SchemaError) -> str:
    path = ".".join(str(part) for part in error.absolute_path)
    return f"{path}: {error.message[:200]}" if path else error.message[:200]


class ToolGrantForm(forms.ModelForm):
    """One grant of a tool to a role."""

    argument_rules = StrictJSONField(
        empty=dict,
        help_text="JSON Schema that the arguments must keep, on top of the tool's own. Empty: no further limit.",
    )

    argument_rules.widget.attrs["aria-label"] = "Argument rules"

    class Meta:
        model = ToolGrant
        fields = ("group", "permission", "argument_rules")

    def clean_argument_rules(self) -> dict[str, Any]:
        rules: dict[str, Any] = self.cleaned_data["argument_rules"]
        # An inline hangs its form on the tool before it asks whether the form is valid.
        check_argument_rules(rules, self.instance.content_object if self.instance.content_object_id else None)
        return rules
