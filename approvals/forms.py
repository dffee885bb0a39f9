"""Approval rules, checked before they are kept: a rule that cannot be read sends every call to a person."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from approvals.models import DEFAULT_RESPONSE, ApprovalPolicy, Tier
from approvals.policy import ConditionError, check_allowing, kind_of, read
from approvals.policy.conditions import ORDERING, Condition
from approvals.policy.paths import Each
from approvals.policy.ruling import DEFAULT_UNDO_SECONDS
from supportagent.console.fields import StrictJSONField
from supportagent.tools.access import APPROVE
from supportagent.tools.models import Tool, ToolGrant

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
LONGEST_UNDO = 60  # seconds
EXAMPLE = '[{"path": "arguments.amount_minor", "op": "lte", "value": 5000}]'
TYPES = {"string": str, "integer": int, "boolean": bool, "null": type(None)}


def check_conditions(conditions: Any, tool: Tool | None, *, outcome: str = "") -> None:
    """Raise ValidationError, naming the condition, unless each can be evaluated for a call of `tool`.

    Without a tool the rule is for every tool that writes, so each of those must have what the conditions look at.
    """
    if not isinstance(conditions, list):
        raise ValidationError(f"Write a JSON list of conditions, for example {EXAMPLE}.")
    tools = [tool] if tool else list(Tool.objects.filter(effect=Tool.Effect.WRITE, enabled=True, host_only=False))
    problems = [
        f"Condition {number}: {problem}."
        for number, condition in enumerate(conditions, 1)
        if (problem := _problem(condition, tools, outcome))
    ]
    if problems:
        raise ValidationError(problems)


def _problem(condition: Any, tools: list[Tool], outcome: str) -> str:
    try:
        read_one = read(condition)
        if outcome == ApprovalPolicy.Outcome.ALLOW:
            check_allowing((read_one,))
    except ConditionError as error:
        return str(error)
    return next((problem for tool in tools if (problem := _not_there(read_one, tool))), "")


def _not_there(condition: Condition, tool: Tool) -> str:
    """What a call of this tool can never have, so that the rule could never be read; empty when it may be there."""
    path = condition.path
    if path.root == "facts" and not tool.facts_tool:
        return f"{tool} has no read that brings facts"
    if path.root not in ("arguments", "provenance"):
        return ""
    schema: Any = tool.arguments_schema
    for step in path.steps:
        inner, shape = ("items", "array") if isinstance(step, Each | int) else ("properties", "object")
        schema = schema if isinstance(schema, Mapping) else {}
        if schema.get("type", shape) != shape:
            return f"{path.text} looks into {_a(schema['type'])} of {tool}"
        within = schema.get(inner)
        if isinstance(step, str) and isinstance(within, Mapping) and step not in within:
            return f"{tool} has no argument {step!r}"
        schema = within.get(step) if isinstance(step, str) and isinstance(within, Mapping) else within
    return _never_fits(condition, schema, tool) if path.root == "arguments" else ""


def _never_fits(condition: Condition, schema: Any, tool: Tool) -> str:
    """A number asked of a text, and the like: unknown for every call."""
    declared = schema.get("type") if isinstance(schema, Mapping) else None
    kinds = {TYPES.get(each) for each in (declared if isinstance(declared, list) else [declared]) if each}
    if not kinds:
        return ""
    if condition.op in ORDERING:
        wanted: set[type | None] = {int}
    else:
        values = condition.value if isinstance(condition.value, list) else [condition.value]
        wanted = {kind_of(value) for value in values}
    if wanted & kinds or (wanted == {type(None)} and condition.op in ("eq", "ne")):
        return ""
    return f"{condition.path.text} of {tool} is {_a(declared)}, which {condition.op} cannot compare with this value"


def _a(declared: Any) -> str:
    return f"a value of the type {' or '.join(declared) if isinstance(declared, list) else declared}"


class ApprovalPolicyForm(forms.ModelForm):
    """One approval rule."""

    conditions = StrictJSONField(
        empty=list,
        help_text=(
            f"All must hold; without any, the rule always holds. For example {EXAMPLE}. Paths: arguments.…, facts.…, "
            "assurance, sums.customer|subject|agent.count|amount_minor (of the day, this call included), "
            "provenance.ARGUMENT; [0], [*] for any element and [all] for each. "
            "Operators: eq ne lt lte gt gte in not_in."
        ),
    )
    approvers = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Only these roles decide; none: every role that may approve the tool.",
    )
    respond_within = forms.DurationField(
        required=False,
        initial=DEFAULT_RESPONSE,
        widget=UnfoldAdminTextInputWidget(),
        help_text="When nobody has decided by then, the request goes on to more people. Empty: 15 minutes.",
    )
    undo_seconds = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LONGEST_UNDO,
        initial=DEFAULT_UNDO_SECONDS,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=f"Of tier T1: how long an approval can be taken back, 0 to {LONGEST_UNDO} s. Empty: 8 s.",
    )

    class Meta:
        model = ApprovalPolicy
        fields = (
            "order",
            "name",
            "tool",
            "conditions",
            "outcome",
            "tier",
            "approvers",
            "respond_within",
            "expires_after",
            "undo_seconds",
            "enabled",
        )

    def clean(self) -> dict[str, Any]:
        """What only makes sense together: conditions with the tool, times with each other, approvers with the rest."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "conditions" in cleaned:
            try:
                check_conditions(cleaned["conditions"], cleaned.get("tool"), outcome=cleaned.get("outcome", ""))
            except ValidationError as error:
                self.add_error("conditions", error)
        self._check_times(cleaned)
        self._check_approvers(cleaned)
        return cleaned

    def _check_times(self, cleaned: dict[str, Any]) -> None:
        known = {"respond_within", "expires_after"} <= cleaned.keys()
        if known and cleaned["respond_within"] > cleaned["expires_after"]:
            self.add_error("respond_within", "The request is over by then: make it no longer than it may wait.")
        undo = cleaned.get("undo_seconds", self.instance.undo_seconds)
        if undo != self.instance.undo_seconds and cleaned.get("tier") in (Tier.T2, Tier.T3):
            self.add_error("undo_seconds", "Only an approval of tier T1 can be undone.")

    def _check_approvers(self, cleaned: dict[str, Any]) -> None:
        roles: Iterable[Group] = cleaned.get("approvers") or ()
        if not roles or not cleaned.get("outcome"):
            return
        if cleaned["outcome"] != ApprovalPolicy.Outcome.APPROVE:
            self.add_error("approvers", "Nobody decides under this rule: it does not ask for an approval.")
            return
        tool = cleaned.get("tool")
        if tool is None:
            return
        granted = set(
            ToolGrant.objects.filter(content_object=tool, permission__codename=APPROVE, group__in=roles).values_list(
                "group_id", flat=True
            )
        )
        if idle := [role.name for role in roles if role.pk not in granted]:
            self.add_error("approvers", f"{', '.join(idle)} may not approve {tool}: grant it on the tool first.")

    def clean_expires_after(self) -> timedelta:
        return _bounded(self.cleaned_data["expires_after"])

    def clean_respond_within(self) -> timedelta:
        return _bounded(self.cleaned_data["respond_within"] or self._as_it_was("respond_within", DEFAULT_RESPONSE))

    def clean_undo_seconds(self) -> int:
        seconds: int | None = self.cleaned_data["undo_seconds"]
        return self._as_it_was("undo_seconds", DEFAULT_UNDO_SECONDS) if seconds is None else seconds

    def _as_it_was(self, name: str, usual: Any) -> Any:
        """An empty box means what is usual; one that was not sent at all leaves what is there."""
        return usual if self.add_prefix(name) in self.data else getattr(self.instance, name)


def _bounded(wait: timedelta) -> timedelta:
    if not SHORTEST <= wait <= LONGEST:
        raise ValidationError("Between one minute and 30 days.")
    return wait
