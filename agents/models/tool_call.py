import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from agents.models.run import Run
from supportagent.tools.models import Tool


class ToolCall(models.Model):
    """One call that a model asked for, from the proposal to its outcome: a compare-and-set state machine.

    Every arrow is an UPDATE that names the state it leaves, under the run's fence.
    """

    class State(models.TextChoices):
        PROPOSED = "PROPOSED", "Proposed"
        AWAITING_APPROVAL = "AWAITING_APPROVAL", "Waiting for approval"
        READY = "READY", "Ready"
        SENDING = "SENDING", "Sending"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"
        REFUSED = "REFUSED", "Refused"
        OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN", "Outcome unknown"

    FINAL = (State.SUCCEEDED, State.FAILED, State.REFUSED)
    # What waits for a person, or for the end of the time to take an approval back.
    UNSETTLED = (State.AWAITING_APPROVAL, State.READY, State.OUTCOME_UNKNOWN)
    # States in which the effect may still happen or may have happened.
    COUNTED = (State.SENDING, State.SUCCEEDED, State.OUTCOME_UNKNOWN)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="tool_calls")
    turn = models.PositiveIntegerField()
    index = models.PositiveIntegerField()
    provider_call_id = models.CharField(max_length=120)
    name = models.CharField(max_length=120, help_text="As the model wrote it.")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, null=True, related_name="+")
    definition_hash = models.CharField(max_length=64, blank=True)
    arguments = models.TextField(blank=True, help_text="Canonical JSON, as the model sent them.")
    bound_arguments = models.TextField(blank=True, help_text="Canonical JSON, with host-bound arguments.")
    stated_reason = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.PROPOSED)
    code = models.CharField(max_length=60, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    approval_id = models.BigIntegerField(null=True, blank=True)
    effect_key = models.CharField(max_length=160, blank=True)
    action_key = models.CharField(max_length=64, blank=True, db_index=True)
    subject = models.CharField(max_length=120, blank=True)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    price_micros = models.PositiveBigIntegerField(
        default=0, help_text="Of the call, in micro-units of a US dollar, as it was at the intent."
    )
    result = models.JSONField(null=True, blank=True)
    records = models.JSONField(default=list, blank=True)
    evidence = models.JSONField(null=True, blank=True, help_text="What was read back after a write.")
    reconciliation = models.JSONField(
        default=dict, blank=True, help_text="Reads before and after, errors and late answers of an imported call."
    )
    effective_at = models.DateTimeField(
        null=True, blank=True, help_text="Not sent before: until then the approval can be undone."
    )
    deadline = models.DateTimeField(null=True, blank=True, help_text="Until then a sent call may still answer.")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["run", "turn", "index"]
        constraints = [
            models.UniqueConstraint(fields=["run", "turn", "index"], name="one_call_per_place"),
            models.UniqueConstraint(
                fields=["effect_key"],
                condition=~Q(effect_key="") & Q(state__in=["AWAITING_APPROVAL", "READY", "SENDING", "OUTCOME_UNKNOWN"]),
                name="one_live_call_per_effect",
            ),
        ]
        indexes = [
            models.Index(fields=["subject", "state"]),
            models.Index(
                fields=["state", "sent_at"],
                condition=Q(state__in=["READY", "SENDING", "OUTCOME_UNKNOWN"]),
                name="calls_under_way",
            ),
            models.Index(fields=["sent_at", "tool", "run"], condition=Q(state="FAILED"), name="calls_that_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_state_display()})"

    @property
    def key(self) -> str:
        """The idempotency key of this attempt; the domain's receipt carries it."""
        return f"{self.pk}.{self.attempt}"


class EffectSubject(models.Model):
    """What money is counted on, for example an order: its row is the lock under which sums are checked."""

    key = models.CharField(max_length=120, unique=True)
    currency = models.CharField(max_length=3)
    captured_minor = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.key


class Resolution(models.Model):
    """How an unknown outcome was settled: by a paired read, or by a person who looked. Written once."""

    class Verdict(models.TextChoices):
        HAPPENED = "happened", "It was carried out"
        NOT_HAPPENED = "not_happened", "It was not carried out"

    call = models.OneToOneField(ToolCall, on_delete=models.PROTECT, related_name="resolution")
    verdict = models.CharField(max_length=12, choices=Verdict)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    evidence = models.TextField(help_text="What was looked at, and what it showed.")
    resolved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("resolve_outcome", "Can settle unknown outcomes")]

    def __str__(self) -> str:
        return f"{self.call}: {self.get_verdict_display()}"


class Tally(models.Model):
    """What was sent on one day for one customer, on one subject, by one agent or colleague: counted with the intent.

    A row per tool and currency, so that sums cost the same however many calls there ever were.
    """

    class Scope(models.TextChoices):
        CUSTOMER = "customer", "Customer"
        SUBJECT = "subject", "Order or other subject"
        AGENT = "agent", "Agent or colleague"

    scope = models.CharField(max_length=8, choices=Scope)
    key = models.CharField(max_length=120)
    day = models.DateField()
    tool = models.ForeignKey(Tool, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=3, blank=True)
    count = models.IntegerField(default=0)
    amount_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "key", "day", "tool", "currency"], name="one_tally_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key} {self.day}: {self.count}"


class VelocityCap(models.Model):
    """The most that may be done per day for one customer, on one subject, by one agent or colleague."""

    scope = models.CharField(max_length=8, choices=Tally.Scope)
    tool = models.ForeignKey(
        Tool, on_delete=models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: all writes together."
    )
    max_count = models.PositiveIntegerField(null=True, blank=True, help_text="Calls per day.")
    max_amount_minor = models.PositiveBigIntegerField(null=True, blank=True, help_text="Minor units per day.")
    currency = models.CharField(max_length=3, blank=True, help_text="Of the amount.")
    enabled = models.BooleanField(default=True)
    history = HistoricalRecords()

    class Meta:
        verbose_name = "velocity cap"
        ordering = ["scope", "tool"]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} per day · {self.tool or 'every write'}"
