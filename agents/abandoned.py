"""What became of calls whose run ended while they were under way: taken over, or parked after crashes.

Their worker lost its fence, so it may not write the outcome. Without one the call would stand under way for ever,
its money would count as spent, and nobody could propose the same effect again.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from agents.lease import Step
from agents.loop import execution
from agents.models import Run, ToolCall
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.grants.server import Outcome


def settle_abandoned() -> int:
    """Write the outcome of every such call as its receipt tells it. Returns how many."""
    old = Now() - timedelta(seconds=settings.LEASE_SECONDS)
    abandoned = ToolCall.objects.filter(state=ToolCall.State.SENDING, sent_at__lt=old).exclude(run__state__in=Run.LIVE)
    return sum(_settle(call) for call in abandoned.select_related("tool__server")[:100])


def _settle(call: ToolCall) -> bool:
    # Race: the call may still be on its way to its server. Closing its key decides: it is done, or never will be.
    outcome = execution.settle_by_receipt(call)
    if outcome.code == "not_executed":
        outcome = Outcome.refused("run_ended", "the run ended before the call was carried out")
    with audit_log.transaction(), acting(Actor.system("reaper")):
        runs = Run.objects.select_for_update(of=("self",)).select_related("agent__service_user", "ticket__customer")
        call.run = runs.get(pk=call.run_id)
        # Race: two schedulers settle the same call. The run's lock lets the second see that it is done.
        if not ToolCall.objects.filter(pk=call.pk, state=ToolCall.State.SENDING).exists():
            return False
        current = Step(call.run)
        execution.conclude(current, call, outcome)
        current.flush()
        return True
