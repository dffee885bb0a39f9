from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.models import HistoricalRecords

from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket


class Agent(models.Model):
    """A configured agent: what it is for, which model it uses, whose rights it has, what it may spend."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"

    class Autonomy(models.TextChoices):
        """How far its words go by themselves: the ladder that it climbs by evidence."""

        DRAFT = "draft", "Draft: a person edits and sends"
        APPROVE = "approve", "Approve: sent as it is once a person agrees"
        AUTONOMOUS = "autonomous", "Autonomous: sent at once"

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    status = models.CharField(max_length=6, choices=Status, default=Status.DRAFT)
    receives_requests = models.BooleanField(default=False, help_text="Gets the first message of every new ticket.")
    goal = models.TextField(help_text="What the agent is there to achieve for the customer.")
    success_criteria = models.TextField(help_text="How a person would tell that it succeeded.")
    instructions = models.TextField()
    provider = models.CharField(max_length=40, blank=True, help_text="Empty: the installation's default.")
    model = models.CharField(max_length=100, blank=True, help_text="Empty: the installation's default.")
    reasoning_effort = models.CharField(max_length=10, blank=True)
    service_user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="agent",
        help_text="The account whose role decides what the agent may do.",
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="agents")
    autonomy = models.CharField(
        max_length=10,
        choices=Autonomy,
        default=Autonomy.DRAFT,
        help_text="Of its answers, where no category says otherwise. What its tools may do is decided elsewhere.",
    )
    min_confidence = models.PositiveSmallIntegerField(
        default=60, help_text="Per cent. When it is less sure what a request is about, a person sorts it."
    )
    channels = models.JSONField(default=list, blank=True, help_text="Of tickets that it answers; empty: all.")
    languages = models.JSONField(default=list, blank=True, help_text="That it answers in, as in en, de; empty: all.")
    max_turns = models.PositiveIntegerField(default=12, help_text="Model calls per customer message.")
    max_tool_calls = models.PositiveIntegerField(default=24, help_text="Tool calls per customer message.")
    max_seconds = models.PositiveIntegerField(default=300, help_text="Working time of a run, waiting not counted.")
    max_tokens = models.PositiveBigIntegerField(
        default=400_000, help_text="Tokens of a run, input and output together, over all its model calls."
    )
    max_cost_micros = models.PositiveBigIntegerField(
        default=500_000, help_text="Most that one run may cost, in micro-units of the price currency."
    )
    max_output_tokens = models.PositiveIntegerField(default=1024)
    session_cap_micros = models.PositiveBigIntegerField(
        default=500_000, help_text="Most that one ticket may cost, in micro-units of the price currency."
    )
    fallback_model = models.CharField(
        max_length=100,
        blank=True,
        help_text="A cheaper model of the same provider, for when a cap is near; empty: none.",
    )
    fallback_at = models.PositiveSmallIntegerField(
        default=80,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Per cent of any of its caps from which runs go on with the cheaper model.",
    )
    input_price_micros = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Per million input tokens; only where the price list does not know the model.",
    )
    output_price_micros = models.PositiveBigIntegerField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        permissions = [("pause_agent", "Can pause and resume the agent")]
        constraints = [
            models.UniqueConstraint(
                fields=["receives_requests"],
                condition=models.Q(receives_requests=True),
                name="one_agent_receives_requests",
            )
        ]

    def __str__(self) -> str:
        return self.name


class CategoryAutonomy(models.Model):
    """How far an agent's words go by themselves in one category of tickets."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="autonomy_by_category")
    category = models.CharField(max_length=20, choices=Ticket.Category)
    level = models.CharField(max_length=10, choices=Agent.Autonomy, default=Agent.Autonomy.DRAFT)
    history = HistoricalRecords()

    class Meta:
        ordering = ["agent", "category"]
        verbose_name_plural = "autonomy by category"
        constraints = [models.UniqueConstraint(fields=["agent", "category"], name="one_level_per_category")]

    def __str__(self) -> str:
        return f"{self.agent} · {self.get_category_display()} · {self.get_level_display()}"


class AgentGroupGrant(GroupObjectPermissionBase):
    """A role's right on one agent (guardian)."""

    content_object = models.ForeignKey(Agent, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = "agent grant"

    def __str__(self) -> str:
        return f"{self.group} · {self.permission.codename} · {self.content_object}"


class AgentUserGrant(UserObjectPermissionBase):
    """A person's right on one agent (guardian)."""

    content_object = models.ForeignKey(Agent, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = "personal agent grant"

    def __str__(self) -> str:
        return f"{self.user} · {self.permission.codename} · {self.content_object}"


class KillSwitch(models.Model):
    """Stops every effect of every agent at the next intent commit. There is one row."""

    engaged = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    history = HistoricalRecords()

    class Meta:
        verbose_name = "kill switch"
        verbose_name_plural = "kill switch"

    def __str__(self) -> str:
        return "engaged" if self.engaged else "released"
