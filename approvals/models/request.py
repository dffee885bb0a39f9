import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q

from approvals.models.policy import ApprovalPolicy, Tier
from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool


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
    amount_minor = models.BigIntegerField(null=True, blank=True, help_text="Of the arguments, to sort and split by.")
    currency = models.CharField(max_length=3, blank=True)
    action_key = models.CharField(max_length=64, db_index=True)
    nonce = models.CharField(max_length=32, default=_nonce)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    respond_by = models.DateTimeField(null=True, blank=True, help_text="Then it goes on to more people.")
    effective_at = models.DateTimeField(
        null=True, blank=True, help_text="Of an approved T1 request: until then it can be undone."
    )
    escalated_at = models.DateTimeField(null=True, blank=True)
    escalated_because = models.CharField(max_length=200, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approver_roles = models.JSONField(default=list, blank=True, help_text="Names of the roles that the rule names.")
    sums = models.JSONField(default=dict, blank=True, help_text="Running totals of the day; shown, not bound.")
    book_version = models.PositiveIntegerField(default=0, help_text="The rule book that was asked.")
    title = models.CharField(max_length=200, help_text="What will happen, composed by code from the arguments.")
    customer_words = models.TextField(blank=True)
    stated_reason = models.TextField(blank=True, help_text="The model's claim, not a fact.")
    provenance = models.JSONField(default=dict)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_by_name = models.CharField(max_length=120)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    supersedes_because = models.CharField(max_length=300, blank=True, help_text="Why it took that one's place.")
    editors = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="+",
        help_text="Who edited this or what it took the place of.",
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
        indexes = [
            models.Index(fields=["state", "expires_at"]),
            models.Index(fields=["decided_at"], name="requests_by_decision"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} · {self.title}"

    @property
    def reference(self) -> str:
        return f"R-{self.pk}"

    @property
    def approvals_needed(self) -> int:
        return 2 if self.tier == Tier.T3 else 1
