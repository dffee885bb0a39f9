from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.models.agent import Agent
from agents.models.budget import Budget
from supportagent.staff.models import Team
from supportagent.staff.permissions import Permission, held_by


class CostAlertQuerySet(models.QuerySet["CostAlert"]):
    def visible_to(self, user) -> "CostAlertQuerySet":  # type: ignore[no-untyped-def]
        """Alerts about agents whose team `user` sees; about the whole house only for who sees every team."""
        seen = Q(agent__team__in=Team.objects.visible_to(user))
        if user.is_superuser or held_by(user, Permission.VIEW_TEAM).exists():
            seen |= Q(agent=None)
        return self.filter(seen)

    def open(self) -> "CostAlertQuerySet":
        """Those whose cause is not over."""
        return self.filter(ended_at=None)

    def calling(self) -> "CostAlertQuerySet":
        """Those that nobody has answered, and nobody wants silent."""
        return self.open().filter(Q(muted_until=None) | Q(muted_until__lte=Now()), acknowledged_at=None)


class CostAlert(models.Model):
    """Something about cost that people should know: one row from when it begins until its cause is over."""

    class Kind(models.TextChoices):
        SOFT = "soft", "Near its cap"
        HARD = "hard", "Cap reached"
        SPIKE = "spike", "Spends more than usual"
        FORECAST = "forecast", "Will reach its cap"
        DEARER = "dearer", "Costs more than a person"
        LOOP = "loop", "Goes in circles"

    kind = models.CharField(max_length=8, choices=Kind)
    key = models.CharField(max_length=80, help_text="What is the same alert again.")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, null=True, blank=True, related_name="cost_alerts")
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1, help_text="How often it was found while it was open.")
    figures = models.JSONField(default=dict)
    run_ids = models.JSONField(default=list, help_text="The most expensive runs behind it, as it began.")
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    muted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    muted_until = models.DateTimeField(null=True, blank=True)
    mute_reason = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = CostAlertQuerySet.as_manager()

    class Meta:
        ordering = ["-last_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(ended_at=None), name="one_open_alert_per_key"),
        ]
        indexes = [models.Index(fields=["key", "muted_until"], name="cost_alert_muted")]

    def __str__(self) -> str:
        return f"{self.budget or self.agent}: {self.get_kind_display().lower()}"
