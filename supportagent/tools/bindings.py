"""The form field that says who writes each argument of a tool: the model, or the host and from where."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from supportagent.console.fields import StrictJSONField
from supportagent.tools.schema import CONST

CHOICES = (
    ("", "the model"),
    ("customer", "the host: reference of the customer"),
    ("ticket", "the host: number of the ticket"),
    ("team", "the host: team of the ticket"),
    ("run", "the host: id of the run"),
    ("call", "the host: id of the call, the same on every retry"),
    (CONST, "the host: always this value"),
)


class BindingsWidget(forms.Widget):
    """One row per argument. A form that sends the JSON itself, under the field's own name, is read too."""

    template_name = "tools/bindings.html"

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.arguments = arguments

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        bound = _read(value)
        context["rows"] = [self._row(name, argument, bound.get(argument, "")) for argument in self.arguments]
        # What belongs to no argument is sent along, so that it is not lost unseen: the review refuses it.
        context["unreadable"] = value if isinstance(value, InvalidJSONInput) and not bound else ""
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if name in data:
            return data[name]
        bound: dict[str, Any] = {}
        for argument, declared in self.arguments.items():
            source = data.get(f"{name}:{argument}", "")
            if source == CONST:
                bound[argument] = {CONST: _constant(data.get(f"{name}:{argument}:{CONST}", ""), declared)}
            elif source:
                bound[argument] = source
        return json.dumps(bound)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def _row(self, name: str, argument: str, source: Any) -> dict[str, Any]:
        constant = source.get(CONST) if isinstance(source, dict) else ""
        chosen = CONST if isinstance(source, dict) else source
        label = {"aria-label": f"Who writes {argument}"}
        select = UnfoldAdminSelectWidget(choices=CHOICES, attrs=label)
        text = UnfoldAdminTextInputWidget(attrs={"aria-label": f"Constant for {argument}", "placeholder": "value"})
        shown = constant if isinstance(constant, str) else json.dumps(constant)
        return {
            "argument": argument,
            "select": select.render(f"{name}:{argument}", chosen),
            "constant": text.render(f"{name}:{argument}:{CONST}", shown),
        }


class BindingsField(StrictJSONField):
    """A mapping of argument -> source, with a row for each argument of the tool."""

    def __init__(self, *, arguments: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(empty=dict, widget=BindingsWidget(arguments), **kwargs)


def _read(value: Any) -> dict[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _constant(text: str, declared: Any) -> Any:
    """A constant as typed: text where the argument takes text, else what the JSON says."""
    kinds = declared.get("type") if isinstance(declared, dict) else None
    if kinds is None or kinds == "string" or (isinstance(kinds, list) and "string" in kinds):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
