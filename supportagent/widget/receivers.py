"""What open chats hear beside the messages, which the tickets app announces itself."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from agents.models import Run
from approvals.models import ApprovalRequest
from approvals.signals import approval_decided
from supportagent.console import live
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.signals import message_received, ticket_ended


def conversation_group(ticket_pk: int) -> str:
    return f"widget.{ticket_pk}"


def customer_group(customer_pk: int) -> str:
    """Where a browser hears of a conversation that did not exist when it connected."""
    return f"widget.customer.{customer_pk}"


@receiver(message_received)
def announce_conversation(sender: Any, ticket: Ticket, message: Message, **kwargs: Any) -> None:
    if message.seq == 1:
        _announce(customer_group(ticket.customer_id), "conversation")


@receiver(ticket_ended)
def announce_other_conversation(sender: Any, ticket: Ticket, **kwargs: Any) -> None:
    """What the customer has before them may be another thread now, as when this one was merged into it."""
    _announce(customer_group(ticket.customer_id), "conversation")


@receiver(post_save, sender=ApprovalRequest)
def announce_request(sender: type, instance: ApprovalRequest, created: bool, **kwargs: Any) -> None:
    if created:
        _announce(conversation_group(instance.ticket_id), "status")


@receiver(approval_decided)
def announce_decision(sender: Any, request: ApprovalRequest, **kwargs: Any) -> None:
    _announce(conversation_group(request.ticket_id), "status")


@receiver(post_save, sender=Run)
def announce_run(sender: type, instance: Run, **kwargs: Any) -> None:
    """A run is saved once per step, so the chat shows at once whether it works, waits or is done."""
    _announce(conversation_group(instance.ticket_id), "status")


def _announce(group: str, what: str) -> None:
    live.publish(group, {"type": "live.changed", "what": what, "seq": None})
