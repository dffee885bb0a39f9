"""What the first steps ask for."""

from typing import Any

from django import forms

from supportagent.console.fields import MicrosField
from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket
from supportagent.tickets.text import clean_line

ALL = [("", "All requests")]


class StepForm(forms.Form):
    """Drawn with the console's own boxes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "select" if isinstance(field.widget, forms.Select) else "input"


class AgentForm(StepForm):
    """One agent, one team, one workflow."""

    name = forms.CharField(max_length=80, initial="Front desk", help_text="Customers read it beside its answers.")
    team = forms.ModelChoiceField(
        queryset=Team.objects.all(), required=False, empty_label="The front desk's", help_text="Who sees its work."
    )
    category = forms.ChoiceField(
        label="Workflow",
        required=False,
        choices=[*ALL, *Ticket.Category.choices],
        help_text="Begin with one kind of request. Everything else goes to a person.",
    )

    def clean_name(self) -> str:
        name = clean_line(self.cleaned_data["name"], limit=80)
        if not name:
            raise forms.ValidationError("Give it a name that people can read.")
        return name


class BudgetForm(StepForm):
    """Two caps: what goes wrong in a day ends that day, and a month has its end too."""

    daily = MicrosField(label="Most per day", initial=5_000_000, help_text="USD", widget=forms.NumberInput)
    monthly = MicrosField(label="Most per month", initial=100_000_000, help_text="USD", widget=forms.NumberInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs |= {"step": "any", "inputmode": "decimal"}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        daily, monthly = cleaned.get("daily"), cleaned.get("monthly")
        if daily == 0:
            self.add_error("daily", "With nothing to spend it does not run.")
        if daily is not None and monthly is not None and monthly < daily:
            self.add_error("monthly", "A month allows at least what a day does.")
        return cleaned
