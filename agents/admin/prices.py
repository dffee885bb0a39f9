"""The price book, and what the machines cost per month."""

from django.contrib import admin
from unfold.decorators import display

from agents.forms import InfrastructureCostForm, PriceForm
from agents.models import InfrastructureCost, Price
from supportagent.console.admin import ConsoleModelAdmin
from supportagent.console.columns import micros_column


@admin.register(Price)
class PriceAdmin(ConsoleModelAdmin):
    """Per million tokens. The newest row of a model that is in force prices its calls."""

    form = PriceForm
    list_display = ["model", "provider", "effective_from", "input_shown", "cached", "output_shown", "reasoning", "note"]
    list_filter = ["provider", "effective_from"]
    search_fields = ["model", "note"]
    date_hierarchy = "effective_from"
    fields = [
        ("provider", "model"),
        "effective_from",
        ("input_micros", "cached_micros"),
        ("output_micros", "reasoning_micros"),
        "note",
    ]
    input_shown = micros_column("input_micros", "input")
    cached = micros_column("cached_micros", "cached input")
    output_shown = micros_column("output_micros", "output")
    reasoning = micros_column("reasoning_micros", "reasoning")


@admin.register(InfrastructureCost)
class InfrastructureCostAdmin(ConsoleModelAdmin):
    form = InfrastructureCostForm
    list_display = ["month_shown", "note", "amount"]
    search_fields = ["note"]
    date_hierarchy = "month"
    fields = ["month", "note", "amount_micros"]
    amount = micros_column("amount_micros", "amount")

    @display(description="month", ordering="month")
    def month_shown(self, cost: InfrastructureCost) -> str:
        return f"{cost.month:%Y-%m}"
