from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from agents.models.run import Run
from supportagent.tickets.models import Ticket


class Budget(models.Model):
    """A cap in integer micro-units. What is reserved for calls in flight counts as much as what is spent."""

    class Scope(models.TextChoices):
        ORGANISATION = "organisation", "Organisation"
        AGENT = "agent", "Agent"
        TICKET = "ticket", "Ticket"
        CUSTOMER = "customer", "Customer"
        ANONYMOUS = "anonymous", "All anonymous visitors"

    class Period(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"
        EVER = "ever", "Without end"

    scope = models.CharField(max_length=12, choices=Scope)
    subject = models.CharField(max_length=80, blank=True, help_text="Agent slug, ticket number, customer reference.")
    period = models.CharField(max_length=5, choices=Period, default=Period.EVER)
    period_start = models.DateField(null=True, blank=True, editable=False)
    cap = models.PositiveBigIntegerField(help_text="Micro-units of the price currency.")
    warn_at = models.PositiveSmallIntegerField(
        default=80,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Per cent of the cap from which people are told. It stops nothing.",
    )
    reserved = models.BigIntegerField(default=0, editable=False)
    spent = models.BigIntegerField(default=0, editable=False)
    history = HistoricalRecords(excluded_fields=["reserved", "spent", "period_start"])

    class Meta:
        ordering = ["scope", "subject", "period"]
        constraints = [
            models.UniqueConstraint(fields=["scope", "subject", "period"], name="one_budget_per_scope"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="reserved_is_not_negative"),
            models.CheckConstraint(condition=Q(spent__gte=0), name="spent_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.subject} per {self.get_period_display().lower()}".replace("  ", " ")

    @property
    def left(self) -> int:
        return max(self.cap - self.reserved - self.spent, 0)


class Spend(models.Model):
    """One attempt of a model call, or one priced tool call: reserved before it starts and settled after it, in every
    budget it touches. What is charged is charged to its run in the same transaction.

    It is the ledger of what models and tools cost: whom and what an attempt was for stands in the row itself, as it was
    when the attempt began, so that no report joins tables that grow. Tokens are what the provider counted; an attempt
    that is charged in full has none. Cached tokens are part of the input, reasoning part of the output. A tool call has
    its server as the provider and its tool as the model.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", "Reserved"
        SETTLED = "settled", "Settled"
        RELEASED = "released", "Released"
        FORFEITED = "forfeited", "Charged in full: usage unknown"

    class Kind(models.TextChoices):
        MODEL = "model", "Model call"
        TOOL = "tool", "Priced tool call"

    kind = models.CharField(max_length=5, choices=Kind, default=Kind.MODEL)
    call = models.UUIDField(null=True, blank=True, help_text="Of a priced tool call.")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="spends")
    turn = models.PositiveIntegerField()
    budget_ids = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.RESERVED)
    reserved = models.BigIntegerField()
    charged = models.BigIntegerField(default=0)
    price_id = models.CharField(max_length=160)
    note = models.CharField(max_length=120, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=100, blank=True, help_text="As it was asked for, which is how it is priced.")
    request_id = models.CharField(max_length=120, blank=True, help_text="By which the provider knows the attempt.")
    input_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    ticket = models.CharField(max_length=20, blank=True, help_text="Its number.")
    agent = models.CharField(max_length=40, blank=True, help_text="Its slug.")
    customer = models.CharField(max_length=80, blank=True, help_text="The reference.")
    category = models.CharField(max_length=20, choices=Ticket.Category, blank=True)
    channel = models.CharField(max_length=10, choices=Ticket.Channel, blank=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["state", "expires_at"]),
            models.Index(fields=["created_at"], name="spends_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.reserved}"
