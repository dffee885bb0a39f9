from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from supportagent.tickets.models.ticket import Ticket


class MessageQuerySet(models.QuerySet["Message"]):
    def for_customer(self) -> MessageQuerySet:
        """What the customer may read: everything but internal notes."""
        return self.exclude(kind=Message.Kind.NOTE)

    def after(self, seq: int) -> MessageQuerySet:
        """The messages that came after `seq` in their thread: a client's catch-up."""
        return self.filter(seq__gt=seq)


class Message(models.Model):
    """One entry of a thread. `seq` is assigned under the ticket's lock, so "after n" misses nothing."""

    class Kind(models.TextChoices):
        CUSTOMER = "CUSTOMER", _("Customer")
        AGENT = "AGENT", _("AI agent")
        PERSON = "PERSON", _("Person of the team")
        NOTE = "NOTE", _("Internal note")
        EVENT = "EVENT", _("Event")

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="messages")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    body = models.TextField()
    author_type = models.CharField(max_length=20)
    author_id = models.CharField(max_length=64, blank=True)
    author_name = models.CharField(max_length=150, blank=True)
    client_message_id = models.CharField(max_length=64, blank=True)
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    for_agents = models.BooleanField(
        default=False, help_text="A brief: a note that an agent may tell the customer about."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["ticket", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "seq"], name="tickets_message_seq_per_ticket"),
            models.UniqueConstraint(
                fields=["ticket", "client_message_id"],
                condition=~Q(client_message_id=""),
                name="tickets_client_message_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"

    @property
    def for_customer(self) -> bool:
        return self.kind != self.Kind.NOTE
