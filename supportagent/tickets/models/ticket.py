from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from supportagent.staff.models import Team, teams_visible_ids
from supportagent.tickets.models.customer import Customer


class TicketQuerySet(models.QuerySet["Ticket"]):
    def visible_to(self, user: Any) -> TicketQuerySet:
        """Tickets of the teams that `user` may see: one statement, however many teams or grants."""
        return self.filter(team_id__in=teams_visible_ids(user))

    def open(self) -> TicketQuerySet:
        return self.exclude(state__in=Ticket.OVER)

    def held_by_person(self) -> TicketQuerySet:
        """The queryset form of `Ticket.held_by_person`."""
        return self.filter(Q(state=Ticket.State.WAITING_PERSON) | Q(assignee__isnull=False))


class Ticket(models.Model):
    """One thread with one customer. Every verb locks its row first, which puts the verbs of a thread in order."""

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        WAITING_CUSTOMER = "WAITING_CUSTOMER", _("Waiting for the customer")
        WAITING_APPROVAL = "WAITING_APPROVAL", _("Waiting for an approval")
        WAITING_PERSON = "WAITING_PERSON", _("Waiting for a person")
        RESOLVED = "RESOLVED", _("Resolved")
        CLOSED = "CLOSED", _("Closed")

    class Category(models.TextChoices):
        ORDER_STATUS = "order_status", _("Order status")
        CANCELLATION = "cancellation", _("Cancellation")
        RETURN_REFUND = "return_refund", _("Return or refund")
        EXCHANGE = "exchange", _("Exchange")
        ADDRESS_CHANGE = "address_change", _("Address change")
        ACCOUNT_CHANGE = "account_change", _("Account change")
        PAYMENT = "payment", _("Payment")
        PRODUCT_QUESTION = "product_question", _("Product question")
        TECHNICAL = "technical", _("Technical fault")
        COMPLAINT = "complaint", _("Complaint")
        HUMAN = "human", _("Wants a person")
        OTHER = "other", _("Other")

    class Priority(models.TextChoices):
        LOW = "low", _("Low")
        NORMAL = "normal", _("Normal")
        HIGH = "high", _("High")
        URGENT = "urgent", _("Urgent")

    class Channel(models.TextChoices):
        WIDGET = "widget", _("Chat widget")
        EMAIL = "email", _("E-mail")
        INTERNAL = "internal", _("Opened by a colleague or an agent")

    class Assurance(models.TextChoices):
        """How sure we are who writes. Only VERIFIED may reach an account."""

        ANONYMOUS = "anonymous", _("Anonymous")
        CLAIMED = "claimed", _("Claimed, not proved")
        VERIFIED = "verified", _("Verified")

    class Sentiment(models.TextChoices):
        CALM = "calm", _("Calm")
        UNHAPPY = "unhappy", _("Unhappy")
        ANGRY = "angry", _("Angry")

    class Outcome(models.TextChoices):
        """Who solved it, said by whoever closes the ticket."""

        BY_AI = "by_ai", _("Resolved by the AI")
        WITH_HELP = "with_help", _("Resolved by the AI with a person's help")
        BY_PERSON = "by_person", _("Resolved by a person")
        NOT_RESOLVED = "not_resolved", _("Not resolved")

    OVER = (State.RESOLVED, State.CLOSED)

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="tickets")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="tickets")
    subject = models.CharField(max_length=200)
    category = models.CharField(max_length=20, choices=Category, default=Category.OTHER)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    language = models.CharField(max_length=10, default="en")
    sentiment = models.CharField(max_length=10, choices=Sentiment, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.WIDGET)
    assurance = models.CharField(max_length=10, choices=Assurance, default=Assurance.ANONYMOUS)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets"
    )
    reopens = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reopened_as",
        help_text="The resolved thread that this one goes on with.",
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged", help_text="Its other half."
    )
    last_seq = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at", "-pk"]
        permissions = [
            ("categorise_ticket", "Can categorise a ticket"),
            ("create_ticket", "Can open a ticket"),
            ("add_note", "Can add internal notes"),
            ("draft_reply", "Can draft a reply"),
            ("reply_ticket", "Can reply to a customer"),
            ("escalate_ticket", "Can hand a ticket over to a person"),
            ("notify_team", "Can notify a team"),
            ("take_over_ticket", "Can take over a ticket"),
        ]
        indexes = [
            models.Index(fields=["team", "state", "-updated_at"], name="tickets_by_team_and_state"),
            models.Index(fields=["customer", "channel", "state"], name="tickets_thread_of_customer"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_over(self) -> bool:
        return self.state in self.OVER

    @property
    def held_by_person(self) -> bool:
        """A person has the word: agents start no answer until the ticket is handed back."""
        return self.state == self.State.WAITING_PERSON or self.assignee_id is not None


class TeamNotice(models.Model):
    """A line for another team about a ticket: what `notify_team` leaves in that team's list."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="notices")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="notices")
    body = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"Notice {self.pk}"
