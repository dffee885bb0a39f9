import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models.agent import Agent
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Ticket

LOOPED = "loop"  # why a run ended that went in circles


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user) -> "RunQuerySet":  # type: ignore[no-untyped-def]
        """Runs on the tickets of the teams whose work this person may see."""
        return self.filter(ticket__team__in=Team.objects.visible_to(user))

    def live(self) -> "RunQuerySet":
        return self.filter(state__in=Run.LIVE)

    def of_agents(self) -> "RunQuerySet":
        """Without the direct runs: what counts as agents' work."""
        return self.filter(caller=None)


class Run(models.Model):
    """One agent's work on one ticket, from a message to its answer, with pauses in between.

    Or a direct run: a call that its `caller`, a person or an outside client in that account's name, makes without a
    model. It passes the same gate, says nothing to the customer, and stands beside the agent's run of the ticket.

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

    class Via(models.TextChoices):
        """Where a direct run comes from; empty for an agent's."""

        CONSOLE = "console", "Console"
        MCP = "mcp", "MCP client"

    class AskedFor(models.TextChoices):
        """What a colleague wants of an agent while they hold the ticket; empty for a run that answers the customer."""

        DRAFT = "draft", "A draft of the reply"
        LOOK_UP = "look_up", "Something to be looked up"

    LOOPED = LOOPED
    LIVE = (State.QUEUED, State.RUNNING, State.AWAITING_APPROVAL)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="runs")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="runs", null=True, blank=True)
    caller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="direct_runs", null=True, blank=True
    )
    via = models.CharField(max_length=8, choices=Via, blank=True)
    caller_key = models.CharField(max_length=120, blank=True, help_text="By which the caller knows a repeated call.")
    caller_digest = models.CharField(max_length=64, blank=True, help_text="Of what the caller asked for.")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="asked_runs", null=True, blank=True
    )
    asked_for = models.CharField(max_length=8, choices=AskedFor, blank=True)
    question = models.TextField(blank=True, help_text="What the colleague asked, in their words.")
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
    fallback_model = models.CharField(
        max_length=100, blank=True, help_text="The cheaper model that it went on with when a cap was near."
    )
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
                condition=Q(state__in=["QUEUED", "RUNNING", "AWAITING_APPROVAL"], caller=None),
                name="one_live_run_per_ticket",
            ),
            models.UniqueConstraint(
                fields=["caller", "caller_key"], condition=~Q(caller_key=""), name="one_direct_run_per_key"
            ),
            models.CheckConstraint(
                condition=Q(agent__isnull=False, caller=None, via="")
                | (Q(agent=None, caller__isnull=False) & ~Q(via="")),
                name="agent_or_caller",
            ),
            models.CheckConstraint(
                condition=Q(asked_by=None, asked_for="") | (Q(asked_by__isnull=False, caller=None) & ~Q(asked_for="")),
                name="asked_by_somebody_for_something",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["ticket", "created_at"]),
            models.Index(fields=["finished_at"], condition=Q(ended_because=LOOPED), name="runs_that_looped"),
            models.Index(fields=["created_at"], name="runs_by_beginning"),
            models.Index(fields=["-cost_micros"], condition=Q(cost_micros__gt=0), name="runs_by_cost"),
        ]

    def __str__(self) -> str:
        return f"Run {str(self.pk)[:8]}"

    @property
    def is_direct(self) -> bool:
        """Whether somebody calls a tool without a model."""
        return self.caller_id is not None

    @property
    def is_assist(self) -> bool:
        """Whether a colleague who holds the ticket asked for it: it speaks to the colleague, never to the customer."""
        return self.asked_by_id is not None

    @property
    def answers_customer(self) -> bool:
        """Whether it is an agent's work on the conversation itself, and so moves the ticket."""
        return not self.is_direct and not self.is_assist

    @property
    def its_agent(self) -> Agent:
        """The agent of a run that has one: for all that thinks and answers, which a direct run never does."""
        assert self.agent is not None  # noqa: S101 - the constraint `agent_or_caller`
        return self.agent

    @property
    def actor(self) -> User:
        """The account whose rights count and that the records name: the agent's, or the caller."""
        return self.caller if self.caller is not None else self.its_agent.service_user

    @property
    def actor_name(self) -> str:
        """Who acts, in words for people."""
        return self.caller.display_name if self.caller is not None else self.its_agent.name

    @property
    def actor_key(self) -> str:
        """For whom calls are counted: an agent's slug, or `person:<pk>`, which no slug can be."""
        return f"person:{self.caller_id}" if self.is_direct else self.its_agent.slug

    @property
    def actor_ref(self) -> tuple[str, str]:
        """Who acts, as the audit trail finds it again."""
        return ("user", str(self.caller_id)) if self.is_direct else ("agent", self.its_agent.slug)


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
        HAND_OFF = "hand_off", "Hand-off"
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
