from django.conf import settings
from django.db import models

from approvals.models.request import ApprovalRequest


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


class ApprovalQuestion(models.Model):
    """What an approver wants to know before deciding. The clock of the request goes on."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="questions")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    question = models.TextField()
    asked_at = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.question[:80]
