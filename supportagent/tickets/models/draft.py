from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from supportagent.tickets.models.ticket import Ticket


class Draft(models.Model):
    """A reply that somebody proposed. Sending keeps both texts: what was proposed, and what went out."""

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        SENT = "SENT", _("Sent")
        DISCARDED = "DISCARDED", _("Discarded")
        SUPERSEDED = "SUPERSEDED", _("Superseded by a newer one")

    class Kind(models.TextChoices):
        """How it came about, and so who sends it."""

        PROPOSED = "proposed", _("Proposed by an agent or asked for: whoever holds the ticket sends it")
        DRAFT = "draft", _("The agent's answer, sent by a person in their own name")
        APPROVE = "approve", _("The agent's answer, sent in its name once a person agrees")

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="drafts")
    body = models.TextField()
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="drafts")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.PROPOSED)
    category = models.CharField(max_length=20, blank=True, help_text="Of the ticket when the draft was written.")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    sent_body = models.TextField(blank=True)
    edit_distance = models.PositiveIntegerField(
        null=True, blank=True, help_text="Characters inserted, deleted or replaced before it was sent (Levenshtein)."
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["author", "category", "state"], name="tickets_drafts_of_agent")]

    def __str__(self) -> str:
        return f"Draft {self.pk}"

    @property
    def was_edited(self) -> bool:
        return self.state == self.State.SENT and self.sent_body != self.body
