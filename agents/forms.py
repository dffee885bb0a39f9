"""Forms of the admin for agents and budgets."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from agents.accounts import account_name
from agents.models import (
    Agent,
    Budget,
    HandOffRoute,
    HumanBaseline,
    HumanRate,
    InfrastructureCost,
    Price,
    VelocityCap,
)
from supportagent.console.fields import MicrosField
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.models import Customer, Ticket

EFFORTS = [("", "The model's default"), ("low", "Low"), ("medium", "Medium"), ("high", "High")]
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2}|-[A-Z][a-z]{3})?", re.ASCII)
PRICED_IN = "USD per million tokens."
PER_MILLION = "USD per million tokens; only where the price list does not know the model."


def roles_for_agents() -> Any:
    """Every role but those that decide: an agent never approves what an agent asks for."""
    deciding = Permission.DECIDE_APPROVALREQUEST
    return Group.objects.exclude(
        permissions__content_type__app_label=deciding.app_label, permissions__codename=deciding.codename
    )


class LanguagesField(forms.CharField):
    """Language codes as people type them (`en, de`), kept as a list."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, list):
            return value
        codes = [code for code in re.split(r"[\s,;]+", super().to_python(value) or "") if code]
        for code in codes:
            if LANGUAGE.fullmatch(code) is None:
                raise ValidationError(f"{code[:20]!r} is no language code. Write them as in en, de, pt-BR.")
        return list(dict.fromkeys(codes))

    def run_validators(self, value: Any) -> None:
        """Each code was looked at when it was read; the validators of the base class want one text."""


class AgentForm(forms.ModelForm):
    """An agent that exists. Its rights are changed where rights are: at its account and at the tools."""

    provider = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    reasoning_effort = forms.ChoiceField(required=False, choices=EFFORTS, widget=UnfoldAdminSelectWidget)
    channels = forms.MultipleChoiceField(
        required=False,
        choices=Ticket.Channel.choices,
        widget=UnfoldAdminSelectMultipleWidget,
        help_text="Of tickets that it answers. None chosen: all.",
    )
    languages = LanguagesField(required=False, help_text="That it answers in, as in en, de. Empty: all.")
    session_cap_micros = MicrosField(
        label="Cap per ticket", initial=500_000, help_text="USD: the most that one ticket may cost."
    )
    input_price_micros = MicrosField(label="Input price", required=False, help_text=PER_MILLION)
    output_price_micros = MicrosField(label="Output price", required=False, help_text=PER_MILLION)

    class Meta:
        model = Agent
        fields = (
            "slug",
            "name",
            "status",
            "receives_requests",
            "goal",
            "success_criteria",
            "instructions",
            "provider",
            "model",
            "reasoning_effort",
            "team",
            "autonomy",
            "min_confidence",
            "channels",
            "languages",
            "max_turns",
            "max_tool_calls",
            "max_seconds",
            "max_output_tokens",
            "session_cap_micros",
            "input_price_micros",
            "output_price_micros",
        )
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("goal", "success_criteria")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        default = f"The installation's default ({settings.DEFAULT_MODEL_PROVIDER})"
        if "provider" in self.fields:
            self.fields["provider"].choices = [  # type: ignore[attr-defined]
                ("", default),
                *((name, name) for name in settings.MODEL_PROVIDERS),
            ]

    def clean_receives_requests(self) -> bool:
        wanted: bool = self.cleaned_data["receives_requests"]
        other = Agent.objects.filter(receives_requests=True).exclude(pk=self.instance.pk).first()
        if wanted and other is not None:
            raise ValidationError(f"{other} receives requests already; there can be one.")
        return wanted

    def clean_min_confidence(self) -> int:
        least: int = self.cleaned_data["min_confidence"]
        if least > 100:
            raise ValidationError("Per cent: at most 100, with which a person sorts whatever it is not certain of.")
        return least

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        prices = [cleaned.get("input_price_micros"), cleaned.get("output_price_micros")]
        if prices.count(None) == 1:
            raise ValidationError("Give both prices or neither: a price list of one's own needs both.")
        for name in ("max_turns", "max_tool_calls", "max_seconds", "max_output_tokens"):
            if cleaned.get(name) == 0:
                self.add_error(name, "At least 1: with 0 the agent could do nothing.")
        return cleaned


class NewAgentForm(AgentForm):
    """An agent to be made, with the service account that carries its rights."""

    roles = forms.ModelMultipleChoiceField(
        queryset=Group.objects.none(),
        widget=UnfoldAdminSelectMultipleWidget,
        help_text=(
            "The agent gets a service account of its own, agent-<slug>, without a password, in these roles. It may "
            "call what they may call, and see its team. Roles that decide approvals are not offered."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "roles" in self.fields:
            self.fields["roles"].queryset = roles_for_agents()  # type: ignore[attr-defined]

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if User.objects.filter(username=account_name(slug)).exists():
            raise ValidationError(f"There is an account {account_name(slug)} already; choose another slug.")
        return slug


class HandOffRouteForm(forms.ModelForm):
    """To whom the agent of the page may hand off."""

    class Meta:
        model = HandOffRoute
        fields = ("to_agent", "when")

    def clean_to_agent(self) -> Agent:
        to_agent: Agent = self.cleaned_data["to_agent"]
        if to_agent.pk == self.instance.from_agent_id:
            raise ValidationError("An agent does not hand off to itself.")
        return to_agent


class BudgetForm(forms.ModelForm):
    """A cap. Lowering it below what is spent or reserved is allowed: it stops new calls, not those in flight."""

    cap = MicrosField(
        help_text="USD. A cap below what is spent or reserved stops new model calls; those in flight are finished."
    )

    class Meta:
        model = Budget
        fields = ("scope", "subject", "period", "cap", "warn_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "warn_at" in self.fields:
            self.fields["warn_at"].required = False

    def clean_warn_at(self) -> int:
        """Empty: as it is."""
        typed: int | None = self.cleaned_data["warn_at"]
        return self.instance.warn_at if typed is None else typed

    def clean(self) -> dict[str, Any]:
        """A budget for nobody would never be drawn on."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is None and "scope" in cleaned and (problem := _unknown_subject(**cleaned)):
            self.add_error("subject", problem)
        return cleaned


class PriceForm(forms.ModelForm):
    """A price from a moment on, in dollars per million tokens, as providers state theirs."""

    provider = forms.ChoiceField(widget=UnfoldAdminSelectWidget, help_text="Whose calls are priced.")
    input_micros = MicrosField(label="Input price", help_text=PRICED_IN)
    cached_micros = MicrosField(
        label="Cached input price", required=False, help_text=f"{PRICED_IN} Empty: as any input."
    )
    output_micros = MicrosField(label="Output price", help_text=PRICED_IN)
    reasoning_micros = MicrosField(
        label="Reasoning price", required=False, help_text=f"{PRICED_IN} Empty: as any output."
    )

    class Meta:
        model = Price
        fields = (
            "provider",
            "model",
            "effective_from",
            "input_micros",
            "cached_micros",
            "output_micros",
            "reasoning_micros",
            "note",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "provider" in self.fields:
            # A row may price a provider that the installation no longer has.
            names = dict.fromkeys([*settings.MODEL_PROVIDERS, *filter(None, [self.instance.provider])])
            self.fields["provider"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


class InfrastructureCostForm(forms.ModelForm):
    """What a month cost beside the models."""

    amount_micros = MicrosField(label="Amount", help_text="USD.")

    class Meta:
        model = InfrastructureCost
        fields = ("month", "note", "amount_micros")

    def clean_month(self) -> dt.date:
        month: dt.date = self.cleaned_data["month"]
        return month.replace(day=1)


class HumanRateForm(forms.ModelForm):
    """What an hour of a colleague costs, from a moment on."""

    hourly_micros = MicrosField(label="Per hour", help_text="USD, with everything that an hour of a colleague costs.")
    decision_seconds = forms.IntegerField(
        min_value=0,
        max_value=3600,
        initial=60,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Counted for each decision about a request or a draft by somebody who did not hold the ticket.",
    )

    class Meta:
        model = HumanRate
        fields = ("effective_from", "hourly_micros", "decision_seconds", "note")


class HumanBaselineForm(forms.ModelForm):
    """How long a person takes without agents, where too few conversations were handled so to measure it."""

    minutes = forms.DecimalField(
        min_value=Decimal("0.01"), max_value=10_000, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget
    )

    class Meta:
        model = HumanBaseline
        fields = ("category", "minutes", "note")


class VelocityCapForm(forms.ModelForm):
    """The most that may be done per day; at least one of the two limits."""

    class Meta:
        model = VelocityCap
        fields = ("scope", "tool", "max_count", "max_amount_minor", "currency", "enabled")

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].strip()
        if currency and re.fullmatch(r"[A-Z]{3}", currency) is None:
            raise forms.ValidationError("Three capital letters, for example EUR.")
        return currency

    def clean(self) -> dict[str, Any]:
        """A limit of money needs its currency: amounts of two currencies have no sum."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("max_count") is None and cleaned.get("max_amount_minor") is None:
            raise forms.ValidationError("Give a number of calls, an amount, or both.")
        if cleaned.get("max_amount_minor") is not None and not cleaned.get("currency"):
            self.add_error("currency", "Of which currency is the amount?")
        tool = cleaned.get("tool")
        if tool is not None and not tool.writes:
            self.add_error("tool", "Reads are not counted; choose a tool that writes.")
        return cleaned


def _unknown_subject(*, scope: str, subject: str = "", **_others: Any) -> str:
    known = {
        Budget.Scope.AGENT: Agent.objects.filter(slug=subject),
        Budget.Scope.TICKET: Ticket.objects.filter(number=subject),
        Budget.Scope.CUSTOMER: Customer.objects.filter(reference=subject),
    }
    label = Budget.Scope(scope).label.lower()
    if scope not in known:
        return f"Leave empty: a budget of scope “{label}” has no subject." if subject else ""
    return "" if known[Budget.Scope(scope)].exists() else f"There is no {label} {subject!r}."
