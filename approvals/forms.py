"""Approval rules, checked before they are kept: a rule that cannot be read sends every call to a person."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from approvals.models import ApprovalPolicy
from approvals.policy import OPERATORS
from supportagent.console.fields import StrictJSONField
from supportagent.tools.models import Tool

ORDERING = ("lt", "lte", "gt", "gte")
CONTAINMENT = ("in", "not_in")
KEYS = {"path", "op", "value"}
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
EXAMPLE = '[{"path": "arguments.amount_minor", "op": "lte", "value": 5000}]'


def check_conditions(conditions: Any, tool: Tool | None) -> None:
    """Raise ValidationError, naming the condition, unless each can be evaluated for a call of `tool`."""
    if not isinstance(conditions, list):
        raise ValidationError(f"Write a JSON list of conditions, for example {EXAMPLE}.")
    problems = [
        f"Condition {number}: {problem}"
        for number, condition in enumerate(conditions, 1)
        if (problem := _problem(condition, tool))
    ]
    if problems:
        raise ValidationError(problems)


def _problem(condition: Any, tool: Tool | None) -> str:
    if not isinstance(condition, dict) or set(condition) != KEYS:
        return 'needs exactly the keys "path", "op" and "value".'
    return _wrong_path(condition["path"], tool) or _wrong_value(condition["op"], condition["value"])


def _wrong_path(path: Any, tool: Tool | None) -> str:
    parts = path.split(".") if isinstance(path, str) else []
    root, names = (parts[0], parts[1:]) if parts else ("", [])
    if path == "assurance":
        return ""
    if root not in ("arguments", "facts") or not names or not all(names):
        return f"the path {path!r} is none of assurance, arguments.<name> and facts.<name>."
    if root == "arguments" and tool is not None and names[0] not in tool.input_schema.get("properties", {}):
        return f"{tool} has no argument {names[0]!r}."
    return ""


def _wrong_value(op: Any, value: Any) -> str:
    if not isinstance(op, str) or op not in OPERATORS:
        return f"the operator {op!r} is unknown; one of {', '.join(OPERATORS)}."
    if op in CONTAINMENT and not isinstance(value, list):
        return f"{op} compares with a list."
    if op in ORDERING and (isinstance(value, bool) or not isinstance(value, int)):
        return f"{op} compares with a whole number."
    if op not in CONTAINMENT and isinstance(value, Mapping | list):
        return f"{op} compares with a single value."
    return ""


class ApprovalPolicyForm(forms.ModelForm):
    """One approval rule."""

    conditions = StrictJSONField(
        empty=list,
        help_text=f"All must hold; without any, the rule always holds. For example {EXAMPLE}",
    )

    class Meta:
        model = ApprovalPolicy
        fields = ("order", "name", "tool", "conditions", "outcome", "tier", "expires_after", "enabled")

    def clean(self) -> dict[str, Any]:
        """Conditions are judged with the tool that was chosen beside them."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "conditions" in cleaned:
            try:
                check_conditions(cleaned["conditions"], cleaned.get("tool"))
            except ValidationError as error:
                self.add_error("conditions", error)
        return cleaned

    def clean_expires_after(self) -> timedelta:
        wait: timedelta = self.cleaned_data["expires_after"]
        if not SHORTEST <= wait <= LONGEST:
            raise ValidationError("Between one minute and 30 days.")
        return wait
