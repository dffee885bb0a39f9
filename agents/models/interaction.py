"""What one conversation came to: the figures of a ticket, written down so that reports read one row for each."""

from django.db import models

from agents.models.agent import Agent
from supportagent.staff.models import Team
from supportagent.tickets.models import Ticket


class Interaction(models.Model):
    """One ticket of a customer with what it cost and how it ended; derived from other rows, never the truth itself.

    `agents.costs.interactions` writes it again whenever something happened to the ticket, until the time is over in
    which it could change. Threads that were merged into another and those that no customer opened have none.
    """

    class Resolution(models.TextChoices):
        OPEN = "open", "Not ended yet"
        UNASSISTED = "unassisted", "Resolved by agents alone"
        ASSISTED = "assisted", "Resolved by agents with help"
        ESCALATED = "escalated", "Handed over and ended by people"
        ABANDONED = "abandoned", "Not resolved"
        BY_PERSON = "by_person", "Handled by people alone"

    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, primary_key=True, related_name="interaction")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    category = models.CharField(max_length=20, choices=Ticket.Category)
    channel = models.CharField(max_length=10, choices=Ticket.Channel)
    language = models.CharField(max_length=10)
    agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="Who had it last."
    )
    agent_version = models.BigIntegerField(
        null=True, blank=True, help_text="History id of the agent's configuration in its last run."
    )
    resolution = models.CharField(max_length=10, choices=Resolution, default=Resolution.OPEN)
    handed_over = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    first_answer_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    resolution_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    model_micros = models.PositiveBigIntegerField(default=0, help_text="Of every attempt of a model call.")
    tool_micros = models.PositiveBigIntegerField(default=0, help_text="Of priced tool calls, unless surely not made.")
    model_calls = models.PositiveIntegerField(default=0, help_text="Attempts that were sent.")
    tool_calls = models.PositiveIntegerField(default=0, help_text="Calls that were sent.")
    tools = models.TextField(blank=True, help_text="Qualified names of the tools of these calls, each between spaces.")
    human_seconds = models.PositiveBigIntegerField(default=0, help_text="That colleagues worked on it.")
    decisions = models.PositiveIntegerField(default=0, help_text="Of people about what agents asked for.")
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    final = models.BooleanField(default=False, help_text="Nothing is expected to change it any more.")
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        indexes = [
            models.Index(fields=["ended_at"], name="interactions_by_end"),
            models.Index(fields=["opened_at"], name="interactions_by_beginning"),
            models.Index(
                fields=["ended_at", "category", "human_seconds"],
                condition=models.Q(resolution="by_person"),
                name="interactions_by_person",
            ),
            models.Index(fields=["computed_at"], condition=models.Q(final=False), name="interactions_not_final"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket}: {self.get_resolution_display()}"


class RollupMark(models.Model):
    """How far a table of sums has come: everything before `position` is in it."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} up to {self.position}"
