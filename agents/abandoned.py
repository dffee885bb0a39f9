"""What became of calls whose run ended while they were under way: taken over, or parked after crashes.

Their worker lost its fence, so it may not write the outcome. Without one the call would stand under way for ever,
its money would count as spent, and nobody could propose the same effect again.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from agents import outcomes
from agents.loop import execution, paying, reconciling
from agents.loop.execution import Unknown
from agents.models import Run, ToolCall
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.grants.server import Outcome


def settle_abandoned() -> int:
    """Write the outcome of every such call: as its receipt tells it, or that it is unknown. Returns how many.

    An imported server is given the time in which its answer may still come to the worker that sent the call.
    """
    old = Now() - timedelta(seconds=settings.LEASE_SECONDS)
    over = Q(deadline=None) | Q(deadline__lt=Now())
    abandoned = ToolCall.objects.filter(over, state=ToolCall.State.SENDING, sent_at__lt=old)
    ended = abandoned.exclude(run__state__in=Run.LIVE).select_related("tool__server", "run__agent", "run__caller")
    return sum(_settle(call) for call in ended[:100])


def _settle(call: ToolCall) -> bool:
    # Race: the call may still be on its way to its server. Closing its key decides: it is done, or never will be.
    outcome = execution.settle_interrupted(call)
    finding = reconciling.look(call) if isinstance(outcome, Unknown) else None
    if isinstance(outcome, Outcome) and outcome.code == execution.NOT_SENT:
        outcome = Outcome.refused("run_ended", "the run ended before the call was carried out")
    elif isinstance(outcome, Outcome) and outcome.code == paying.INTERRUPTED:
        outcome = Outcome.refused("no_answer", "the run ended before the answer was stored")
    with audit_log.transaction(), acting(Actor.system("reaper")):
        found = outcomes.locked(call.pk)
        # Race: two schedulers settle the same call. The run's lock lets the second see that it is done.
        if found is None or found[1].state != ToolCall.State.SENDING:
            return False
        current, call = found
        if isinstance(outcome, Unknown):
            outcomes.finish(current, outcomes.conclude_unknown(current, call, outcome, finding))
        else:
            execution.conclude(current, call, outcome)
            current.flush()
        return True
