"""What the work of people costs, and how long they take without agents."""

from django.contrib import admin
from unfold.decorators import display

from agents.forms import HumanBaselineForm, HumanRateForm
from agents.models import HumanBaseline, HumanRate
from supportagent.console.admin import ConsoleModelAdmin
from supportagent.console.columns import micros_column


@admin.register(HumanRate)
class HumanRateAdmin(ConsoleModelAdmin):
    """The newest row that was in force when a conversation ended says what people's work on it cost."""

    form = HumanRateForm
    list_display = ["effective_from", "per_hour", "decision_seconds", "note"]
    search_fields = ["note"]
    fields = ["effective_from", ("hourly_micros", "decision_seconds"), "note"]
    per_hour = micros_column("hourly_micros", "per hour")


@admin.register(HumanBaseline)
class HumanBaselineAdmin(ConsoleModelAdmin):
    form = HumanBaselineForm
    list_display = ["category_shown", "minutes", "note"]
    search_fields = ["note"]
    fields = ["category", "minutes", "note"]

    @display(description="category", ordering="category")
    def category_shown(self, baseline: HumanBaseline) -> str:
        return baseline.get_category_display() or "Every other category"
