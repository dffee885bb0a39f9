from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords


class Price(models.Model):
    """What an installation pays for a provider's model from a moment on, where the price list is wrong or silent.

    The newest row that is in force prices a call; each call keeps the id and version of its row, so the row may be
    changed or deleted and what was charged can still be explained. Nothing that was charged is priced again.
    """

    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100, help_text="As agents name it.")
    effective_from = models.DateTimeField(
        default=timezone.now, help_text="UTC. Calls that were made before keep the price that they were charged."
    )
    input_micros = models.PositiveBigIntegerField(help_text="Micro-units per million input tokens.")
    cached_micros = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Of input that the provider had cached; empty: as any input."
    )
    output_micros = models.PositiveBigIntegerField(help_text="Micro-units per million output tokens.")
    reasoning_micros = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Of output that the model thought with; empty: as any output."
    )
    note = models.CharField(max_length=200, blank=True, help_text="Where the price comes from.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["provider", "model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model", "effective_from"],
                name="one_price_per_moment",
                violation_error_message="This model has a price from that moment on already: change that one.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.provider} from {self.effective_from:%Y-%m-%d %H:%M}"


class InfrastructureCost(models.Model):
    """What running the installation cost in a month: machines, licences. Never a part of what models cost."""

    month = models.DateField(help_text="Any day of the month; its first is kept.")
    amount_micros = models.PositiveBigIntegerField(help_text="Micro-units of the price currency.")
    note = models.CharField(max_length=200, blank=True, help_text="What it was for.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["-month", "note"]
        constraints = [
            models.UniqueConstraint(
                fields=["month", "note"],
                name="one_cost_per_month_and_note",
                violation_error_message="The month has a cost with this note already: change that one.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.note}".strip()
