"""Live news of tickets: only that something changed, and only to those who may see it."""

from channels.db import database_sync_to_async

from supportagent.console.consumers import LiveConsumer
from supportagent.staff.models import teams_visible_ids
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import Ticket


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
