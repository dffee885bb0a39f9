from datetime import timedelta

from django.db import models
from simple_history.models import HistoricalRecords

from supportagent.tools.models import Tool

DEFAULT_EXPIRY = timedelta(hours=4)
DEFAULT_RESPONSE = timedelta(minutes=15)


class Tier(models.TextChoices):
    """How much care a decision takes."""

    T1 = "T1", "T1 · one click"
    T2 = "T2", "T2 · confirm amount and payee"
    T3 = "T3", "T3 · two different people"


class ApprovalPolicy(models.Model):
    """One rule. The first enabled rule, in order, whose conditions all hold decides what happens to a call."""

    class Outcome(models.TextChoices):
        ALLOW = "allow", "Allow without a person"
        DENY = "deny", "Deny"
        APPROVE = "approve", "Needs approval"

    order = models.PositiveIntegerField(default=100, help_text="Lower is asked first.")
    name = models.CharField(max_length=120)
    tool = models.ForeignKey(
        Tool, on_delete=models.CASCADE, null=True, blank=True, help_text="Empty: every tool that writes."
    )
    conditions = models.JSONField(
        default=list,
        blank=True,
        help_text='All must hold: [{"path": "arguments.amount_minor", "op": "lte", "value": 5000}]',
    )
    outcome = models.CharField(max_length=10, choices=Outcome)
    tier = models.CharField(max_length=2, choices=Tier, default=Tier.T2)
    expires_after = models.DurationField(
        default=DEFAULT_EXPIRY, help_text="How long a request may wait; silence is a no."
    )
    respond_within = models.DurationField(
        default=DEFAULT_RESPONSE, help_text="When nobody has decided by then, the request goes on to more people."
    )
    undo_seconds = models.PositiveSmallIntegerField(
        default=8, help_text="Of tier T1: how long an approval can be taken back before it is carried out."
    )
    approvers = models.ManyToManyField(
        "auth.Group", blank=True, related_name="+", help_text="Only these roles decide; empty: every role that may."
    )
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=0, editable=False)
    history = HistoricalRecords(m2m_fields=[approvers])

    class Meta:
        verbose_name = "approval rule"
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        self.version += 1
        super().save(*args, **kwargs)


class RuleBook(models.Model):
    """The number of the rules in force: it rises with every change of any rule. There is one row."""

    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"Rules {self.version}"
