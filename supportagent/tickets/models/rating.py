from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from supportagent.staff.models import teams_visible_ids
from supportagent.tickets.models.ticket import Ticket


class RatingQuerySet(models.QuerySet["Rating"]):
    def visible_to(self, user: Any) -> RatingQuerySet:
        """Of the tickets that `user` may see."""
        return self.filter(ticket__team_id__in=teams_visible_ids(user))

    def low(self) -> RatingQuerySet:
        return self.filter(score__lte=Rating.LOW)

    def waiting(self) -> RatingQuerySet:
        """Low ones that nobody has taken care of."""
        return self.low().filter(cared_at=None)


class Rating(models.Model):
    """What the customer thought of a thread, 1 (bad) to 5 (good), and who took care of a low one."""

    LOW = 2  # and below: a person looks at it

    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, related_name="rating")
    score = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(null=True, blank=True, help_text="When the customer last thought better of it.")
    changes = models.PositiveSmallIntegerField(default=0, help_text="How often the customer changed it.")
    cared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    cared_at = models.DateTimeField(null=True, blank=True)
    care_note = models.CharField(max_length=500, blank=True)

    objects = RatingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(score__lte=2, cared_at__isnull=True), name="tickets_ratings_waiting"
            ),
            models.Index(fields=["score", "-created_at"], name="tickets_ratings_by_score"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(score__gte=1, score__lte=5), name="tickets_rating_1_to_5"),
            models.CheckConstraint(
                condition=Q(cared_at__isnull=True, cared_by__isnull=True)
                | Q(cared_at__isnull=False, cared_by__isnull=False),
                name="tickets_rating_care_has_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score}/5"

    @property
    def is_low(self) -> bool:
        return self.score <= self.LOW


class SkippedRating(models.Model):
    """That the customer was asked and did not want to say: the ticket is not asked about again."""

    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, related_name="rating_skipped")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"No rating of {self.ticket_id}"
