"""Live news of tickets: only that something changed, and only to those who may see it."""

import logging
from typing import Any

from channels.db import database_sync_to_async
from django.db import Error

from supportagent.console.consumers import LiveConsumer
from supportagent.staff.models import teams_visible_ids
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import Ticket
from supportagent.tickets.services import seen_at_work

logger = logging.getLogger(__name__)


class TicketsConsumer(LiveConsumer):
    """One socket per open list; it hears of the tickets of the teams that its person sees."""

    async def authorise(self) -> list[str]:
        return await database_sync_to_async(self.groups_allowed)()

    def groups_allowed(self) -> list[str]:
        user = self.scope["user"]
        if not has(user, Permission.VIEW_TICKET):
            return []
        return [f"tickets.team.{pk}" for pk in teams_visible_ids(user)]


class TicketConsumer(TicketsConsumer):
    """One socket per open ticket: the list beside it, the ticket, and the decisions of its team."""

    def groups_allowed(self) -> list[str]:
        teams = super().groups_allowed()
        number = self.scope["url_route"]["kwargs"]["number"]
        opened = Ticket.objects.visible_to(self.scope["user"]).filter(number=number).only("pk", "team_id").first()
        if not teams or opened is None:
            return []
        # A decision that leaves the ticket's state as it is (the first of two) is news on this page all the same.
        return [*teams, f"ticket.{opened.pk}", f"approvals.team.{opened.team_id}"]

    async def received(self, content: dict[str, Any]) -> bool:
        """`{"type": "seen"}`: the page lies open before its reader. It counts for whoever holds the ticket."""
        if content != {"type": "seen"}:
            return False
        try:
            await database_sync_to_async(self.note_work)()
        except Error:  # The page lives on without it; the next beat counts what this one would have.
            logger.warning("work on a ticket was not noted", exc_info=True)
        return True

    def note_work(self) -> None:
        user, number = self.scope["user"], self.scope["url_route"]["kwargs"]["number"]
        held = Ticket.objects.visible_to(user).filter(number=number, assignee=user).first()
        if held is not None:
            seen_at_work(held, user)
