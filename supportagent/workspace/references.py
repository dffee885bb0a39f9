"""What pages of other layers link to here: the ticket of a tool call."""

from collections.abc import Collection
from uuid import UUID

from django.urls import reverse

from agents.models import ToolCall
from supportagent.console.references import Reference, register
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import Ticket


def tickets_of_calls(user: User, ids: Collection[str]) -> dict[str, Reference]:
    """The tickets that this person may see, by tool call; two statements."""
    if not has(user, Permission.VIEW_TICKET):
        return {}
    known = [found for text in ids if (found := _uuid(text)) is not None]
    calls = ToolCall.objects.filter(pk__in=known, run__ticket__in=Ticket.objects.visible_to(user)).order_by()
    return {
        str(pk): Reference(number, reverse("workspace:ticket", args=[number]))
        for pk, number in calls.values_list("pk", "run__ticket__number")
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


register("ticket_of_call", tickets_of_calls)
