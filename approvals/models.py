"""The rules that decide what needs a person, the requests that wait for one, and the decisions."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool

DEFAULT_EXPIRY = timedelta(hours=4)


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
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=0, editable=False)
    history = HistoricalRecords()

    class Meta:
        verbose_name = "approval rule"
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        self.version += 1
        super().save(*args, **kwargs)


class ApprovalRequestQuerySet(models.QuerySet["ApprovalRequest"]):
    def visible_to(self, user) -> "ApprovalRequestQuerySet":  # type: ignore[no-untyped-def]
        """Requests of the teams whose work this person may see."""
        return self.filter(ticket__team__in=Team.objects.visible_to(user))

    def pending(self) -> "ApprovalRequestQuerySet":
        return self.filter(state=ApprovalRequest.State.PENDING)


def _nonce() -> str:
    return secrets.token_hex(16)


class ApprovalRequest(models.Model):
    """A call that waits for a person, bound by its digest to exactly what that person is shown."""

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        APPROVED = "APPROVED", "Approved"
        REJECTED = "REJECTED", "Rejected"
        EXPIRED = "EXPIRED", "Expired"
        SUPERSEDED = "SUPERSEDED", "Superseded"
        CANCELLED = "CANCELLED", "Cancelled"

    call_id = models.UUIDField(db_index=True)
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="approval_requests")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    tier = models.CharField(max_length=2, choices=Tier)
    rule = models.ForeignKey(ApprovalPolicy, on_delete=models.SET_NULL, null=True, related_name="+")
    rule_name = models.CharField(max_length=120)
    rule_version = models.PositiveIntegerField()
    definition_hash = models.CharField(max_length=64)
    arguments = models.TextField(help_text="Canonical JSON, as the model sent them.")
    bound_arguments = models.TextField(help_text="Canonical JSON, as they will be sent.")
    facts = models.JSONField(default=dict)
    subject = models.CharField(max_length=120, blank=True)
    action_key = models.CharField(max_length=64, db_index=True)
    nonce = models.CharField(max_length=32, default=_nonce)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    title = models.CharField(max_length=200, help_text="What will happen, composed by code from the arguments.")
    customer_words = models.TextField(blank=True)
    stated_reason = models.TextField(blank=True, help_text="The model's claim, not a fact.")
    provenance = models.JSONField(default=dict)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_by_name = models.CharField(max_length=120)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    what_changed = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = ApprovalRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [("decide_approvalrequest", "Can decide approval requests")]
        constraints = [
            models.UniqueConstraint(
                fields=["call_id"], condition=Q(state="PENDING"), name="one_pending_request_per_call"
            ),
            models.UniqueConstraint(fields=["call_id"], condition=Q(state="APPROVED"), name="one_approval_per_call"),
        ]
        indexes = [models.Index(fields=["state", "expires_at"])]

    def __str__(self) -> str:
        return f"{self.reference} · {self.title}"

    @property
    def reference(self) -> str:
        return f"R-{self.pk}"

    @property
    def approvals_needed(self) -> int:
        return 2 if self.tier == Tier.T3 else 1


class ApprovalDecision(models.Model):
    """Who decided what, on which digest, with which reason. Written once, never changed."""

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"

    class ReasonCode(models.TextChoices):
        POLICY = "policy", "Against policy"
        EVIDENCE = "evidence", "Evidence is missing"
        WRONG_AMOUNT = "wrong_amount", "Wrong amount"
        FRAUD = "suspected_fraud", "Suspected fraud"
        DUPLICATE = "duplicate", "Duplicate"
        OTHER = "other", "Other"

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=10, choices=Verdict)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    reason_code = models.CharField(max_length=20, choices=ReasonCode, blank=True)
    reason = models.TextField(blank=True)
    customer_text = models.CharField(max_length=300, blank=True, help_text="A sentence that the customer may read.")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["request", "decided_by"], name="one_decision_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.decided_by}"
