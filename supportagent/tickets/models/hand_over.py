from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from supportagent.tickets.models.ticket import Ticket


class HandOverQuerySet(models.QuerySet["HandOver"]):
    def waiting(self) -> HandOverQuerySet:
        """Those that no person has answered and nobody has closed."""
        return self.filter(closed_at=None, answered_at=None)


class HandOver(models.Model):
    """A thread that was handed to the people of the team, with what they need to go on. Open until they are done."""

    class Reason(models.TextChoices):
        CUSTOMER_ASKED = "customer_asked", _("The customer asked for a person")
        CANNOT_RESOLVE = "cannot_resolve", _("The agent cannot resolve it")
        ANGRY_CUSTOMER = "angry_customer", _("The customer is angry")
        OUT_OF_POLICY = "out_of_policy", _("Outside the policy")
        TECHNICAL = "technical", _("Technical fault")
        BUDGET = "budget", _("A budget was used up")
        LIMIT = "limit", _("A limit of the run was reached")
        GUARDRAIL = "guardrail", _("A check of the reply failed")
        UNSORTED = "unsorted", _("The agent is not sure what it is about")
        FAILURE = "failure", _("The agent failed")
        OTHER = "other", _("Other")

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="hand_overs")
    reason_code = models.CharField(max_length=40, choices=Reason)
    summary = models.TextField()
    facts = models.JSONField(default=dict, blank=True)
    question = models.TextField(blank=True)
    next_step = models.TextField(blank=True)
    run_id = models.UUIDField(null=True, blank=True, help_text="Of the agent that gave it up.")
    created_by_type = models.CharField(max_length=20)
    created_by_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    suggested_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who fits best by skill, load and presence. Anybody of the team may claim it.",
    )
    due_at = models.DateTimeField(null=True, blank=True, help_text="By when a person answers, by the team's hours.")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="When a person first answered.")
    overdue_since = models.DateTimeField(null=True, blank=True, help_text="When it was seen that nobody answered.")
    contact = models.EmailField(blank=True, help_text="Where the customer wants the answer when nobody is here.")
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = HandOverQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(closed_at__isnull=True, answered_at__isnull=True),
                name="tickets_hand_overs_waiting",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(closed_at__isnull=True), name="tickets_one_open_hand_over"
            )
        ]

    def __str__(self) -> str:
        return f"Hand-over of {self.ticket_id}: {self.reason_code}"


class Skill(models.Model):
    """What a colleague is good at: a category, a language, or both. Hand-overs are suggested to whom they fit."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skills")
    category = models.CharField(max_length=20, choices=Ticket.Category, blank=True, help_text="Empty: any.")
    language = models.CharField(max_length=10, blank=True, help_text="Empty: any. Otherwise as in en, de, pt.")

    class Meta:
        ordering = ["user", "category", "language"]
        constraints = [
            models.UniqueConstraint(fields=["user", "category", "language"], name="tickets_one_row_per_skill")
        ]

    def __str__(self) -> str:
        return " · ".join(part for part in (self.get_category_display(), self.language) if part) or "anything"

    def clean(self) -> None:
        self.language = self.language.strip().lower()
