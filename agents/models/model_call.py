from django.db import models

from agents.models.run import Run


class ModelCall(models.Model):
    """One reply of a model, committed before anything that it asks for happens.

    `shown` names the rows that were new to the model in this turn, so the conversation is rebuilt from rows
    that never change and nothing already shown is rewritten.
    """

    class Fate(models.TextChoices):
        OPEN = "open", "Not settled yet"
        TOOLS = "tools", "Asked for tools"
        SENT = "sent", "Sent to the customer"
        DRAFTED = "drafted", "Kept for a person to send"
        UNSENT = "unsent", "Not sent: the customer wrote again"
        WITHHELD = "withheld", "Withheld by a guardrail"

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="model_calls")
    turn = models.PositiveIntegerField()
    shown = models.JSONField(default=list)
    text = models.TextField(blank=True)
    tool_calls = models.JSONField(default=list)
    raw = models.JSONField(null=True, blank=True)
    reasoning = models.TextField(blank=True)
    finish = models.CharField(max_length=12)
    fate = models.CharField(max_length=10, choices=Fate, default=Fate.OPEN)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=100)
    request_id = models.CharField(max_length=120, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    price_id = models.CharField(max_length=160)
    cost_micros = models.PositiveBigIntegerField(default=0)
    latency_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "turn"]
        constraints = [models.UniqueConstraint(fields=["run", "turn"], name="one_reply_per_turn")]

    def __str__(self) -> str:
        return f"Turn {self.turn}"
