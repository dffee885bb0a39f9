"""The form of the test bench: one box per argument of the chosen tool, or all of them as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from approvals.access import arguments_of
from approvals.bench import Draft, Trial
from approvals.forms import EXAMPLE, check_conditions
from approvals.models import ApprovalPolicy, ApprovalRequest, Tier
from approvals.policy.paths import MEASURES, SUMMED
from supportagent.console.fields import StrictJSONField
from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool

SOURCES = ("the model", "a colleague", "the customer's message", "the customer's record", "the host")
YES_NO = (("", "–"), ("true", "true"), ("false", "false"))


class BenchForm(forms.Form):
    """A call to try, and a rule to try it with that is not kept."""

    assurance = forms.ChoiceField(choices=Ticket.Assurance, widget=UnfoldAdminSelectWidget())
    team = forms.ModelChoiceField(
        Team.objects, empty_label=None, widget=UnfoldAdminSelectWidget(), help_text="Whose people would be asked."
    )
    facts = StrictJSONField(empty=dict, help_text="What the tool's own read would bring, as a JSON object.")
    arguments_json = StrictJSONField(
        empty=lambda: None, label="All arguments as JSON", help_text="Takes the place of the boxes above."
    )
    replaces = forms.ModelChoiceField(
        ApprovalPolicy.objects,
        required=False,
        empty_label="beside all rules",
        label="In place of",
        widget=UnfoldAdminSelectWidget(),
    )
    draft_order = forms.IntegerField(
        required=False, min_value=0, label="Order", widget=UnfoldAdminIntegerFieldWidget(), initial=0
    )
    draft_conditions = StrictJSONField(empty=list, label="Conditions", help_text=f"For example {EXAMPLE}.")
    draft_outcome = forms.ChoiceField(
        choices=[("", "try no rule"), *ApprovalPolicy.Outcome.choices],
        required=False,
        label="Outcome",
        widget=UnfoldAdminSelectWidget(),
    )
    draft_tier = forms.ChoiceField(
        choices=Tier, required=False, label="Tier", initial=Tier.T2, widget=UnfoldAdminSelectWidget()
    )

    def __init__(self, *args: Any, tool: Tool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tool = tool
        for name, schema in self._properties().items():
            self.fields[f"argument-{name}"] = _argument_field(schema, bound=name in tool.bound_arguments)
            self.fields[f"argument-{name}"].label = name
            self.fields[f"source-{name}"] = forms.CharField(
                required=False,
                label=f"Where {name} was seen",
                widget=UnfoldAdminTextInputWidget(attrs={"list": "sources", "aria-label": f"Where {name} was seen"}),
            )
        for scope in SUMMED:
            for measure in MEASURES:
                self.fields[f"sums-{scope}-{measure}"] = forms.IntegerField(
                    required=False,
                    label=f"{scope}: {measure}",
                    widget=UnfoldAdminIntegerFieldWidget(attrs={"aria-label": f"{scope}: {measure}"}),
                )

    def argument_rows(self) -> Iterator[tuple[str, BoundField, BoundField | None]]:
        """Name, value and source of each argument; the host fills in some, and needs no source."""
        for name in self._properties():
            bound = name in self.tool.bound_arguments
            yield name, self[f"argument-{name}"], None if bound else self[f"source-{name}"]

    def sum_rows(self) -> list[tuple[str, list[BoundField]]]:
        return [(scope, [self[f"sums-{scope}-{measure}"] for measure in MEASURES]) for scope in SUMMED]

    def clean(self) -> dict[str, Any]:
        """JSON boxes hold objects; a draft is held against the tool as a rule is."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("facts", "arguments_json"):
            if not isinstance(cleaned.get(name, {}), Mapping | None):
                self.add_error(name, "Write a JSON object.")
        if cleaned.get("draft_outcome") and "draft_conditions" in cleaned:
            try:
                check_conditions(cleaned["draft_conditions"], self.tool, outcome=cleaned["draft_outcome"])
            except ValidationError as error:
                self.add_error("draft_conditions", error)
        return cleaned

    def trial(self) -> Trial:
        """The call that was filled in."""
        values = self.cleaned_data
        sums = {scope: {measure: values[f"sums-{scope}-{measure}"] or 0 for measure in MEASURES} for scope in SUMMED}
        names = self._properties()
        typed = {name: values[f"argument-{name}"] for name in names if values[f"argument-{name}"] not in (None, "")}
        arguments = typed if values["arguments_json"] is None else values["arguments_json"]
        return Trial(
            tool=self.tool,
            arguments=arguments,
            facts=values["facts"],
            assurance=values["assurance"],
            sums=sums,
            provenance={name: values[f"source-{name}"] for name in names if values[f"source-{name}"]},
            team=values["team"],
        )

    def draft(self) -> Draft | None:
        """The rule to try, unless none was chosen."""
        values = self.cleaned_data
        if not values["draft_outcome"]:
            return None
        replaced: ApprovalPolicy | None = values["replaces"]
        rule = ApprovalPolicy(
            name=f"{replaced.name} (as tried here)" if replaced else "The rule tried here",
            tool=self.tool,
            order=values["draft_order"] or 0,
            conditions=values["draft_conditions"],
            outcome=values["draft_outcome"],
            tier=values["draft_tier"] or Tier.T2,
        )
        return Draft(rule, replaced)

    def _properties(self) -> Mapping[str, Any]:
        properties = self.tool.input_schema.get("properties", {})
        return properties if isinstance(properties, Mapping) else {}


def usual_values(tool: Tool) -> dict[str, Any]:
    """What the form shows before anybody filled it in: the first call of a proved customer today."""
    values: dict[str, Any] = {"assurance": Ticket.Assurance.VERIFIED, "facts": {}, "arguments_json": ""}
    names = tool.input_schema.get("properties", {})
    values |= {f"source-{name}": SOURCES[0] for name in names if name not in tool.bound_arguments}
    values |= {f"sums-{scope}-count": 1 for scope in SUMMED} | {f"sums-{scope}-amount_minor": 0 for scope in SUMMED}
    values |= {"draft_conditions": [], "draft_order": 0, "draft_tier": Tier.T2}
    return values


def values_of_request(request: ApprovalRequest) -> dict[str, Any]:
    """A request as the rules saw it, to be put into the form."""
    arguments, properties = arguments_of(request), request.tool.input_schema.get("properties", {})
    values: dict[str, Any] = {
        "facts": request.facts,
        "assurance": request.ticket.assurance,
        "team": request.ticket.team_id,
    }
    if all(name in properties for name in arguments):
        values |= {f"argument-{name}": _as_typed(value) for name, value in arguments.items()}
    else:
        values["arguments_json"] = arguments
    values |= {f"source-{name}": source for name, source in request.provenance.items()}
    for scope, sums in request.sums.items():
        values |= {f"sums-{scope}-{measure}": total for measure, total in sums.items()}
    return values


def values_of_rule(rule: ApprovalPolicy) -> dict[str, Any]:
    """A rule that is kept, to be changed on the bench without changing it."""
    return {
        "replaces": rule.pk,
        "draft_order": rule.order,
        "draft_conditions": rule.conditions,
        "draft_outcome": rule.outcome,
        "draft_tier": rule.tier,
    }


def _as_typed(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _argument_field(schema: Any, *, bound: bool) -> forms.Field:
    """A box for one argument. What is not text, a whole number, a choice or yes or no is written as JSON."""
    about = schema if isinstance(schema, Mapping) else {}
    help_text = "Filled in by the host." if bound else str(about.get("description", ""))[:200]
    kind, options = about.get("type"), about.get("enum")
    if kind == "string" and isinstance(options, list):
        choices = [("", "–"), *((option, option) for option in options)]
        return forms.ChoiceField(choices=choices, required=False, widget=UnfoldAdminSelectWidget(), help_text=help_text)
    if kind == "string":
        return forms.CharField(
            required=False, strip=False, widget=UnfoldAdminTextInputWidget(), help_text=help_text, max_length=20_000
        )
    if kind == "integer":
        return forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget(), help_text=help_text)
    if kind == "boolean":
        return forms.TypedChoiceField(
            choices=YES_NO,
            required=False,
            coerce=lambda value: value == "true",
            empty_value=None,
            widget=UnfoldAdminSelectWidget(),
            help_text=help_text,
        )
    return StrictJSONField(empty=lambda: None, initial="", help_text=f"{help_text} As JSON.".strip())
