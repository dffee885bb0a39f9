import secrets
from datetime import timedelta
from typing import Any, NoReturn

from django.db import models, transaction
from django.db.models import F, Max
from simple_history.models import HistoricalRecords

from supportagent.tools.models import Tool

DEFAULT_EXPIRY = timedelta(hours=4)
DEFAULT_RESPONSE = timedelta(minutes=15)


class Tier(models.TextChoices):
    """How much care a decision takes."""

    T1 = "T1", "T1 · one click"
    T2 = "T2", "T2 · confirm amount and payee"
    T3 = "T3", "T3 · two different people"


class RuleBook(models.Model):
    """The number of the rules in force: it rises with every change of any rule. There is one row.

    `stamp` is new with every change. A change that is rolled back gives its number back, and the next one takes it
    again: compiled rules are therefore known by number and stamp.
    """

    version = models.PositiveIntegerField(default=1)
    stamp = models.CharField(max_length=32, default="", editable=False)

    def __str__(self) -> str:
        return f"Rules {self.version}"

    @classmethod
    def rise(cls) -> None:
        """Say, in the transaction of the change and before it, that the rules are others now.

        The row stays locked until the commit, so changes of rules take turns. It is locked before the audit head.
        """
        risen = cls.objects.filter(pk=1).update(version=F("version") + 1, stamp=secrets.token_hex(16))
        if not risen:
            # Race: two first changes of an empty installation. The second insert does nothing, and both rise.
            RuleBook.objects.bulk_create([RuleBook(pk=1, version=0)], ignore_conflicts=True)
            cls.rise()


class ApprovalPolicyQuerySet(models.QuerySet["ApprovalPolicy"]):
    """Rules are changed one by one: a change of many rows at once has no version, no history and no audit entry."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Save each rule by itself, so that its version, its history and the rule book follow.")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Save each rule by itself, so that its version, its history and the rule book follow.")


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
    objects = ApprovalPolicyQuerySet.as_manager()
    history = HistoricalRecords(m2m_fields=[approvers])

    class Meta:
        verbose_name = "approval rule"
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Every save is a new version, also one that brings an old row back from the history."""
        with transaction.atomic():
            RuleBook.rise()
            self.version = self._next_version()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "version"}
            super().save(*args, **kwargs)

    def note_new_approvers(self) -> None:
        """Other people decide: a new version of this rule. Inside the transaction that changes the approvers."""
        RuleBook.rise()
        self.version = self._next_version()
        type(self)._base_manager.filter(pk=self.pk).update(version=self.version)

    def _next_version(self) -> int:
        """One more than this rule ever had. The caller holds the rule book's row, so nobody counts beside us."""
        rows, past = type(self).objects.filter(pk=self.pk), type(self).history.filter(id=self.pk)
        newest = [found.aggregate(newest=Max("version"))["newest"] or 0 for found in (rows, past)] if self.pk else []
        return max([0, *newest]) + 1
