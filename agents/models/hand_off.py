"""From one agent to another: who may, and what was passed on."""

from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from agents.models.agent import Agent
from agents.models.run import Run


class HandOffRoute(models.Model):
    """An arrow of the graph: this agent may hand a conversation to that one."""

    from_agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="routes")
    to_agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="routes_in")
    when = models.CharField(max_length=200, help_text="In which case, in words that the handing agent is told.")
    history = HistoricalRecords()

    class Meta:
        ordering = ["from_agent", "to_agent"]
        constraints = [
            models.UniqueConstraint(fields=["from_agent", "to_agent"], name="one_route_per_pair"),
            models.CheckConstraint(condition=~Q(from_agent=F("to_agent")), name="no_route_to_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.from_agent} to {self.to_agent}"


class HandOff(models.Model):
    """A hand-off that happened: the run that ended with it, the run that began with it, and the brief between them."""

    from_run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="handed_off")
    to_run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="handed")
    reason = models.CharField(max_length=300)
    summary = models.TextField(help_text="In the handing agent's words.")
    brief = models.JSONField(help_text="What the records say, as far as the next agent's role may read it.")
    after_seq = models.PositiveIntegerField(help_text="The customer's newest message then.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.from_run_id} to {self.to_run_id}"
