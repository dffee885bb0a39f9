"""What was drawn for people to judge, and what they said of it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from agents.models import Agent, Run, ToolCall
from supportagent.tickets.models import Ticket


class Stratum(models.Model):
    """One week's actions (or runs) that are alike, with how many there were: what a drawn one stands for.

    Written once, when the week is over; its numbers are those of that moment.
    """

    class Kind(models.TextChoices):
        ACTION = "action", "Action"
        RUN = "run", "Run"

    class Mode(models.TextChoices):
        AUTONOMOUS = "autonomous", "By itself"
        APPROVED = "approved", "Put before a person"

    week = models.DateField(help_text="Its Monday, UTC.")
    kind = models.CharField(max_length=6, choices=Kind)
    tool = models.CharField(max_length=120, blank=True, help_text="Of an action; a run has none.")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    mode = models.CharField(max_length=10, choices=Mode)
    category = models.CharField(max_length=20, choices=Ticket.Category)
    population = models.PositiveIntegerField(help_text="How many there were in the week.")
    drawn_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["week", "pk"]
        verbose_name_plural = "strata"
        constraints = [
            models.UniqueConstraint(
                fields=["week", "kind", "tool", "agent", "mode", "category"], name="quality_one_stratum_of_a_kind"
            ),
            models.CheckConstraint(condition=Q(population__gt=0), name="quality_stratum_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.tool or 'runs'} of {self.agent_id}, {self.mode}, {self.category}, week of {self.week}"


class SampledItem(models.Model):
    """An action, or a whole run that answered, which people are to judge.

    `given` counts its labels. It may pass `wanted`: a label that comes while a colleague gives theirs is kept, because
    a refusal would tell that there is one.
    """

    stratum = models.ForeignKey(Stratum, on_delete=models.PROTECT, related_name="items")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+")
    call = models.OneToOneField(ToolCall, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    agent_version = models.BigIntegerField(null=True, blank=True, help_text="History id of the agent's configuration.")
    finished_at = models.DateTimeField()
    wanted = models.PositiveSmallIntegerField(help_text="By how many people: one, or two to see whether they agree.")
    given = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run"], condition=Q(call=None), name="quality_a_run_is_drawn_once"),
            models.CheckConstraint(condition=Q(wanted__in=[1, 2]), name="quality_one_or_two_labels"),
        ]
        indexes = [
            models.Index(fields=["stratum"], condition=Q(given__lt=F("wanted")), name="quality_items_to_label"),
            models.Index(fields=["finished_at"], name="quality_items_by_time"),
        ]

    def __str__(self) -> str:
        return f"L-{self.pk}"


class Label(models.Model):
    """What one person says of one item. Written once, never changed."""

    class Reason(models.TextChoices):
        """Why it was wrong."""

        NOT_ASKED = "not_asked", "The customer did not want this"
        WRONG_ACTION = "wrong_action", "Something else should have been done"
        WRONG_DETAILS = "wrong_details", "Right action, wrong amount or details"
        NOT_CHECKED = "not_checked", "Done without checking the facts first"
        AGAINST_POLICY = "against_policy", "Against our policy"
        WRONG_ANSWER = "wrong_answer", "The customer was told something wrong"
        FOR_A_PERSON = "for_a_person", "A person should have had it"
        OTHER = "other", "Something else"

    item = models.ForeignKey(SampledItem, on_delete=models.PROTECT, related_name="labels")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    right = models.BooleanField()
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    words = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["item", "by"], name="quality_one_label_per_person"),
            models.CheckConstraint(
                condition=Q(right=True, reason="") | (Q(right=False) & ~Q(reason="")),
                name="quality_a_wrong_one_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{'right' if self.right else self.get_reason_display()} ({self.item})"
