"""Live news of the queue: only that something changed, and only to those who may see it."""

from channels.db import database_sync_to_async

from supportagent.console.consumers import LiveConsumer
from supportagent.staff.models import Team
from supportagent.staff.permissions import Permission, has


class ApprovalsConsumer(LiveConsumer):
    """One socket per open queue; it hears of the teams whose work its person may see."""

    async def authorise(self) -> list[str]:
        return await database_sync_to_async(self._groups)()

    def _groups(self) -> list[str]:
        user = self.scope["user"]
        if not has(user, Permission.VIEW_APPROVALREQUEST):
            return []
        return [f"approvals.team.{pk}" for pk in Team.objects.visible_to(user).values_list("pk", flat=True)]
