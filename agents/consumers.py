"""Live news of one run, of the queue of unknown outcomes, and of alerts about cost."""

from channels.db import database_sync_to_async

from agents.costs import alerts
from agents.models import Run
from supportagent.console.consumers import LiveConsumer
from supportagent.staff.models import Team
from supportagent.staff.permissions import Permission, has


class RunConsumer(LiveConsumer):
    """One socket per open timeline."""

    async def authorise(self) -> list[str]:
        return await database_sync_to_async(self._groups)()

    def _groups(self) -> list[str]:
        user, run_id = self.scope["user"], self.scope["url_route"]["kwargs"]["run_id"]
        if not has(user, Permission.VIEW_RUN) or not Run.objects.visible_to(user).filter(pk=run_id).exists():
            return []
        return [f"run.{run_id}"]


class OutcomesConsumer(LiveConsumer):
    """One socket per open queue; it hears of the teams whose work its person may see."""

    async def authorise(self) -> list[str]:
        return await database_sync_to_async(self._groups)()

    def _groups(self) -> list[str]:
        user = self.scope["user"]
        if not (has(user, Permission.RESOLVE_OUTCOME) or has(user, Permission.VIEW_RUN)):
            return []
        return [f"outcomes.team.{pk}" for pk in Team.objects.visible_to(user).values_list("pk", flat=True)]


class AlertsConsumer(LiveConsumer):
    """One socket per open page of alerts. What it hears is only that there is news."""

    async def authorise(self) -> list[str]:
        return await database_sync_to_async(self._groups)()

    def _groups(self) -> list[str]:
        return [alerts.GROUP] if has(self.scope["user"], Permission.VIEW_DASHBOARD) else []
