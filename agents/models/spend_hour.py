from django.db import models

from supportagent.tickets.models import Ticket


class SpendHour(models.Model):
    """What the ledger says of one hour, summed: written once, when no attempt of that hour is open any more."""

    hour = models.DateTimeField()
    agent = models.CharField(max_length=40, blank=True, help_text="Its slug.")
    provider = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=100, blank=True)
    category = models.CharField(max_length=20, choices=Ticket.Category, blank=True)
    channel = models.CharField(max_length=10, choices=Ticket.Channel, blank=True)
    kind = models.CharField(max_length=5, help_text="Model calls or priced tool calls.")
    attempts = models.PositiveIntegerField()
    charged = models.PositiveBigIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    reasoning_tokens = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["hour"]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "agent", "provider", "model", "category", "channel", "kind"], name="one_sum_per_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.hour:%Y-%m-%d %H}:00"
