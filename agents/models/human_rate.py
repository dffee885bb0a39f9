"""What the work of people costs, as admins state it."""

from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from supportagent.tickets.models import Ticket


class HumanRate(models.Model):
    """What an hour of a colleague costs from a moment on. Without a row, what people cost is unknown, never zero."""

    effective_from = models.DateTimeField(
        default=timezone.now, unique=True, help_text="UTC. It counts for conversations that ended from then on."
    )
    hourly_micros = models.PositiveBigIntegerField(help_text="Micro-units of the price currency per hour.")
    decision_seconds = models.PositiveIntegerField(
        default=60,
        help_text="Counted for each decision about a request or a draft by somebody who did not hold the ticket.",
    )
    note = models.CharField(max_length=200, blank=True, help_text="Where the figure comes from.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["-effective_from"]

    def __str__(self) -> str:
        return f"From {self.effective_from:%Y-%m-%d %H:%M}"


class HumanBaseline(models.Model):
    """How long a person takes for a conversation without agents, where too few were handled so to measure it."""

    category = models.CharField(
        max_length=20, choices=Ticket.Category, blank=True, unique=True, help_text="Empty: every other category."
    )
    minutes = models.DecimalField(max_digits=7, decimal_places=2)
    note = models.CharField(max_length=200, blank=True, help_text="Where the figure comes from.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["category"]

    def __str__(self) -> str:
        return f"{self.get_category_display() or 'Every other category'}: {self.minutes} min"
