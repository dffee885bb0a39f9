"""How a request was sorted, and what people say about it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from supportagent.staff.models import Team
from supportagent.tickets.models.ticket import Ticket


class Sorting(models.Model):
    """What a request is about and who should have it."""

    category = models.CharField(max_length=20, choices=Ticket.Category)
    priority = models.CharField(max_length=10, choices=Ticket.Priority)
    language = models.CharField(max_length=10)
    sentiment = models.CharField(max_length=10, choices=Ticket.Sentiment)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Triage(Sorting):
    """How an agent sorted a request: with its reason, and how sure it was. Never changed afterwards."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="triages")
    run_id = models.UUIDField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    confidence = models.PositiveSmallIntegerField(help_text="Per cent, as the agent states it.")
    threshold = models.PositiveSmallIntegerField(help_text="Below it a person sorts the request.")

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["category", "created_at"], name="tickets_triages_by_category")]
        constraints = [models.CheckConstraint(condition=Q(confidence__lte=100), name="tickets_confidence_is_per_cent")]

    def __str__(self) -> str:
        return f"{self.get_category_display()} ({self.confidence} %)"

    @property
    def is_sure(self) -> bool:
        return self.confidence >= self.threshold


class TriageLabel(Sorting):
    """How a person sorts the same request: the truth against which triage is measured. The last word counts."""

    triage = models.OneToOneField(Triage, on_delete=models.PROTECT, related_name="label")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_category_display()} by {self.by}"
