"""A customer's threads, what was said in them, and who answers next."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from supportagent.staff.models import Team, teams_visible_ids


class Customer(models.Model):
    """Somebody who writes to us. `reference` is the shop's account (`CUS-1001`), or `anon-<uuid>` for a visitor."""

    reference = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["reference"]
        # Whether a reply names somebody else's address is asked by it, whatever its case.
        indexes = [models.Index(Lower("email"), name="tickets_customer_email")]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_visitor(self) -> bool:
        return self.reference.startswith("anon-")


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

    OVER = (State.RESOLVED, State.CLOSED)

    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="tickets")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="tickets")
    subject = models.CharField(max_length=200)
    category = models.CharField(max_length=20, choices=Category, default=Category.OTHER)
    priority = models.CharField(max_length=10, choices=Priority, default=Priority.NORMAL)
    language = models.CharField(max_length=10, default="en")
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.WIDGET)
    assurance = models.CharField(max_length=10, choices=Assurance, default=Assurance.ANONYMOUS)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tickets"
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


class Draft(models.Model):
    """A reply that somebody proposed. Sending keeps both texts: what was proposed, and what went out."""

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        SENT = "SENT", _("Sent")
        DISCARDED = "DISCARDED", _("Discarded")

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="drafts")
    body = models.TextField()
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="drafts")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    sent_body = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"Draft {self.pk}"

    @property
    def was_edited(self) -> bool:
        return self.state == self.State.SENT and self.sent_body != self.body


class HandOver(models.Model):
    """A thread that was handed to the people of the team, with what they need to go on. Open until they are done."""

    class Reason(models.TextChoices):
        CUSTOMER_ASKED = "customer_asked", _("The customer asked for a person")
        CANNOT_RESOLVE = "cannot_resolve", _("The agent cannot resolve it")
        ANGRY_CUSTOMER = "angry_customer", _("The customer is angry")
        OUT_OF_POLICY = "out_of_policy", _("Outside the policy")
        TECHNICAL = "technical", _("Technical fault")
        BUDGET = "budget", _("A budget was used up")
        LIMIT = "limit", _("A limit of the run was reached")
        GUARDRAIL = "guardrail", _("A check of the reply failed")
        FAILURE = "failure", _("The agent failed")
        OTHER = "other", _("Other")

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="hand_overs")
    reason_code = models.CharField(max_length=40, choices=Reason)
    summary = models.TextField()
    facts = models.JSONField(default=dict, blank=True)
    question = models.TextField(blank=True)
    next_step = models.TextField(blank=True)
    created_by_type = models.CharField(max_length=20)
    created_by_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(closed_at__isnull=True), name="tickets_one_open_hand_over"
            )
        ]

    def __str__(self) -> str:
        return f"Hand-over of {self.ticket_id}: {self.reason_code}"


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


class Rating(models.Model):
    """What the customer thought of a thread, 1 (bad) to 5 (good)."""

    ticket = models.OneToOneField(Ticket, on_delete=models.PROTECT, related_name="rating")
    score = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(score__gte=1, score__lte=5), name="tickets_rating_1_to_5")]

    def __str__(self) -> str:
        return f"{self.score}/5"
