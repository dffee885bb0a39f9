"""Changes that loosen what governs agents and people: proposed by one admin, put in force by another."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class ProposedChange(models.Model):
    """A form of the admin that was tried, and what it would have changed. Only its state moves after that.

    `rows` is what both admins see and what `digest` binds; `form` is how it comes about again.
    """

    class State(models.TextChoices):
        PROPOSED = "PROPOSED", "Waits for a second admin"
        IN_FORCE = "IN_FORCE", "In force"
        DECLINED = "DECLINED", "Declined"
        STALE = "STALE", "Stale"
        WITHDRAWN = "WITHDRAWN", "Withdrawn"

    title = models.CharField(max_length=200, help_text="What is changed, composed by code.")
    model = models.CharField(max_length=100, help_text="Label of the model whose page was sent.")
    object_id = models.CharField(max_length=64, help_text="Its row, or “new”.")
    loosens = models.JSONField(help_text="In sentences: what is governed less afterwards.")
    path = models.CharField(max_length=500, help_text="The page of the admin that the form was sent to.")
    form = models.TextField(help_text="Canonical JSON of the form as it was sent.")
    rows = models.TextField(help_text="Canonical JSON of every row that it touches, before and after.")
    base = models.CharField(max_length=64, help_text="Digest of those rows before.")
    digest = models.CharField(max_length=64, help_text="Digest of form, rows, reason and proposer.")
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=9, choices=State, default=State.PROPOSED)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=300, blank=True)
    moved = models.TextField(blank=True, help_text="Of a stale change: canonical JSON of what moved meanwhile.")

    class Meta:
        ordering = ["-pk"]
        permissions = [("decide_change", "Can put proposed changes in force")]
        constraints = [
            # Race, or a way round the service: the database itself refuses that one person does both.
            models.CheckConstraint(
                condition=~Q(state="IN_FORCE") | (Q(decided_by__isnull=False) & ~Q(decided_by=F("proposed_by"))),
                name="put_in_force_by_a_second_admin",
            )
        ]
        indexes = [models.Index(fields=["state", "proposed_at"])]

    def __str__(self) -> str:
        return f"{self.reference} · {self.title}"

    @property
    def reference(self) -> str:
        return f"C-{self.pk}"

    @property
    def touched(self) -> list[dict[str, Any]]:
        """The rows as they were shown: model, id, name, before and after."""
        rows: list[dict[str, Any]] = json.loads(self.rows)
        return rows

    @property
    def is_open(self) -> bool:
        return self.state == self.State.PROPOSED


class Turn(models.Model):
    """One row, locked by whoever changes the rules through the admin, so that admins take turns."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "turn"
