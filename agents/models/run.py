import uuid

from django.db import models
from django.db.models import Q

from agents.models.agent import Agent
from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user) -> "RunQuerySet":  # type: ignore[no-untyped-def]
        """Runs on the tickets of the teams whose work this person may see."""
        return self.filter(ticket__team__in=Team.objects.visible_to(user))

    def live(self) -> "RunQuerySet":
        return self.filter(state__in=Run.LIVE)


class Run(models.Model):
    """One agent's work on one ticket, from a message to its answer, with pauses in between.

    `fence` rises with every claim: whoever holds an older one can change nothing. `wanted` rises with
    everything that gives the run work, so that a worker leaves only when it has seen it all.
    """

    class State(models.TextChoices):
        QUEUED = "QUEUED", "Queued"
        RUNNING = "RUNNING", "Running"
        AWAITING_APPROVAL = "AWAITING_APPROVAL", "Waiting for approval"
        COMPLETED = "COMPLETED", "Completed"
        HANDED_OVER = "HANDED_OVER", "Handed over"
        FAILED = "FAILED", "Failed"
        CANCELLED = "CANCELLED", "Cancelled"
        PARKED = "PARKED", "Parked"

    LIVE = (State.QUEUED, State.RUNNING, State.AWAITING_APPROVAL)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="runs")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=20, choices=State, default=State.QUEUED)
    ended_because = models.CharField(max_length=40, blank=True)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    wanted = models.PositiveIntegerField(default=1)
    crashes = models.PositiveIntegerField(default=0)
    enqueued_at = models.DateTimeField(null=True, blank=True)
    customer = models.CharField(
        max_length=80, help_text="Reference of the verified customer; empty when not verified.", blank=True
    )
    assurance = models.CharField(max_length=10)
    configuration = models.JSONField(default=dict, help_text="History ids of the configuration in force.")
    budget_ids = models.JSONField(default=list)
    turns = models.PositiveIntegerField(default=0)
    event_seq = models.PositiveIntegerField(default=0)
    message_seq = models.PositiveIntegerField(default=0, help_text="Newest message that the model was given.")
    worked_ms = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_micros = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"],
                condition=Q(state__in=["QUEUED", "RUNNING", "AWAITING_APPROVAL"]),
                name="one_live_run_per_ticket",
            )
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["ticket", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"Run {str(self.pk)[:8]}"


class RunEvent(models.Model):
    """One line of a run's timeline: a trace for people, not a proof. `seq` has no gaps within a run."""

    class Kind(models.TextChoices):
        STATE = "state", "State"
        MODEL = "model", "Model"
        TOOL = "tool", "Tool"
        APPROVAL = "approval", "Approval"
        HUMAN = "human", "Person"
        MESSAGE = "message", "Message"
        GUARD = "guard", "Guardrail"
        ERROR = "error", "Error"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=200)
    body = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_per_number")]

    def __str__(self) -> str:
        return self.title
