from django.conf import settings
from django.db import models
from django.db.models import Q

from supportagent.tickets.models.ticket import Ticket


class WorkPeriod(models.Model):
    """That a colleague worked on a ticket, and for how long: what cost and metrics count as human time.

    `seconds` are those in which the ticket was open before them or they did something, not those in which they
    merely held it.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="work_periods")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="work_periods")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When the colleague was last seen at it.")
    ended_at = models.DateTimeField(null=True, blank=True)
    seconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "user"], condition=Q(ended_at__isnull=True), name="tickets_one_open_work_period"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.ticket_id}: {self.seconds} s"
