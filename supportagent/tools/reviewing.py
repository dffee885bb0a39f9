"""The form in which an admin reviews an imported tool."""

import copy
from collections.abc import Iterable
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from supportagent.console.fields import MicrosField, StrictJSONField
from supportagent.tools import review, suggestions
from supportagent.tools.bindings import BindingsField
from supportagent.tools.models import Tool

# What an admin says about an imported tool; everything else comes from its server.
REVIEWED = (
    "tool_class",
    "impact",
    "reversible",
    "requires_verified",
    "host_only",
    "ownership",
    "facts_tool",
    "owner_path",
    "facts_paths",
    "read_arguments",
    "result_path",
    "record_paths",
    "masks",
    "check_tool",
    "check_fields",
    "subject_argument",
    "amount_argument",
    "amount_unit",
    "currency_argument",
    "fixed_currency",
    "destination_arguments",
    "bound_arguments",
    "timeout_seconds",
    "price_micros",
    "reconcile_tool",
    "reconcile_when",
    "what_to_check",
)

ARGUMENT_FIELDS = ("subject_argument", "amount_argument", "currency_argument")
READ_FIELDS = ("facts_tool", "check_tool", "reconcile_tool")
SUGGESTED = "Suggested by the server’s own words: check it."


def _help(name: str) -> str:
    return str(getattr(Tool._meta.get_field(name), "help_text", ""))


def _paths(empty: type, name: str, label: str) -> StrictJSONField:
    """A box for a few paths."""
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"})
    return StrictJSONField(empty=empty, label=label, help_text=_help(name), widget=widget)


class ReviewForm(forms.ModelForm):
    """The review of an imported tool. Whatever it says must fit together, except in a tool that is switched off."""

    destination_arguments = StrictJSONField(
        empty=list, help_text='For example ["email"]. Addresses by format count too.'
    )
    check_fields = StrictJSONField(empty=list, help_text="Fields of the result that the check must confirm.")
    reconcile_when = StrictJSONField(
        empty=list,
        help_text='Conditions, for example [{"path": "after.refunds", "op": "contains", '
        '"with": {"reference": "arguments.reference"}}]. Operators: eq, ne, lt, lte, gt, gte, contains.',
    )

    facts_paths = _paths(dict, "facts_paths", "Facts that an approver must see")
    read_arguments = _paths(dict, "read_arguments", "Arguments of the paired reads")
    record_paths = _paths(dict, "record_paths", "Records for the audit")
    masks = _paths(list, "masks", "Masks")
    price_micros = MicrosField(label="Price per call (USD)", required=False, help_text=_help("price_micros"))

    class Meta:
        model = Tool
        fields = ("enabled", *REVIEWED)
        labels = {
            "tool_class": "If the outcome is unknown",
            "reversible": "Can be undone",
            "what_to_check": "What a person checks then",
            "host_only": "Only for our own code",
            "requires_verified": "Proved identities only",
            "facts_tool": "Read that brings the facts",
            "subject_argument": "What money is counted on",
            "check_tool": "Read that shows the outcome",
            "reconcile_tool": "Read before and after",
            "enabled": "Switched on",
        }
        help_texts = {
            "tool_class": "What may be done when nobody knows whether a call was carried out.",
            "facts_tool": "Asked before anything is done, with the arguments that both have.",
            "subject_argument": "The argument that names it, for example the order.",
            "enabled": "Offered to the roles that it is granted to. Off stops every call at once.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tool: Tool = self.instance
        arguments = tool.input_schema.get("properties", {}) if tool.pk else {}
        self.fields["bound_arguments"] = BindingsField(
            arguments=arguments,
            label="Who writes each argument",
            help_text="What the host writes is hidden from the model, which cannot set it.",
        )
        self.fields["what_to_check"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})
        for name in ARGUMENT_FIELDS:
            self._offer(name, arguments)
        reads = Tool.objects.filter(server=tool.server_id, effect=Tool.Effect.READ).exclude(pk=tool.pk)
        names = list(reads.order_by("qualified_name").values_list("qualified_name", flat=True)) if tool.pk else []
        for name in READ_FIELDS:
            self._offer(name, names)
        self.suggested = {} if suggestions.is_reviewed(tool) or not tool.pk else suggestions.suggested(tool)
        for name, value in self.suggested.items():
            self.initial[name] = value
            self.fields[name].help_text = f"{SUGGESTED} {self.fields[name].help_text}".strip()

    def _offer(self, name: str, values: Iterable[str]) -> None:
        """A list to choose from; what stands in the row is in it, right or wrong."""
        stands = getattr(self.instance, name)
        known = [*values, *([stands] if stands and stands not in values else [])]
        self.fields[name].widget = UnfoldAdminSelectWidget(choices=[("", "–"), *((each, each) for each in known)])

    def clean_price_micros(self) -> int:
        return self.cleaned_data["price_micros"] or 0

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.instance.effect = Tool.Effect.READ if cleaned.get("tool_class") == Tool.Repeat.READ else Tool.Effect.WRITE
        if self.errors or not self._matters(cleaned):
            return cleaned
        reviewed = copy.copy(self.instance)
        for name in (*REVIEWED, "enabled"):
            setattr(reviewed, name, cleaned.get(name, getattr(reviewed, name)))
        named = Tool.objects.select_related("server").filter(qualified_name__in=review.reads_named(reviewed))
        for field, sentence in review.problems(reviewed, {tool.qualified_name: tool for tool in named}):
            self.add_error(field, sentence)
        return cleaned

    def _matters(self, cleaned: dict[str, Any]) -> bool:
        """A tool can be switched off whatever else is wrong with it."""
        return bool(cleaned.get("enabled")) or self._differs(cleaned)

    def _differs(self, cleaned: dict[str, Any]) -> bool:
        """From the row, not from what the form was prefilled with."""
        return any(name in cleaned and cleaned[name] != getattr(self.instance, name) for name in REVIEWED)
