"""An agent's own page: its figures, its versions side by side, and what speaks for letting it go further."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents import evidence
from agents.costs import interactions
from agents.costs.alert_views import as_shown
from agents.costs.meters import meters
from agents.models import Agent, CostAlert, Run
from supportagent.metrics import agent_page, dashboard, filters
from supportagent.metrics.measures import labels, report
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has, require

RUNS = ALERTS = 10


@login_required
@require_GET
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything about one agent whose team the reader sees; 404 for another."""
    user = person(request)
    require(user, Permission.VIEW_DASHBOARD)
    asked = filters.asked_for(user, request.GET, timezone.now(), agent=slug)
    agent = get_object_or_404(Agent.objects.select_related("team"), slug=slug, slug__in=asked.options["agent"])
    runs = Run.objects.visible_to(user).filter(agent=agent).select_related("ticket").order_by("-created_at", "-pk")
    alerts = CostAlert.objects.visible_to(user).filter(agent=agent).select_related("agent", "budget", "muted_by")
    is_blind = labels.is_blind(asked.scope)
    context = {
        "agent": agent,
        "asked": asked,
        "presets": filters.PRESETS.items(),
        "parts": dashboard.parts(report(asked.scope)),
        "as_of": interactions.as_of(asked.scope.moment),
        "versions": agent_page.versions(agent, asked.scope, is_blind=is_blind),
        "blind": labels.BLIND if is_blind else "",
        "evidence": [each for each in evidence.of(agent).values() if each.decided or each.answered],
        "meters": meters(user, slug),
        "spikes": as_shown(user, list(alerts.order_by("-first_at", "-pk")[:ALERTS])),
        "runs": runs[:RUNS] if has(user, Permission.VIEW_RUN) else None,
        "may_configure": user.is_staff and user.has_perm("agents.view_agent"),
    }
    return render(request, "metrics/agent.html", context, status=422 if asked.problems else 200)
