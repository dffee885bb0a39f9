"""The agents with their hand-offs, and the run timeline: why did it do that?"""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from agents import chains, citations, graph, roster, timeline
from agents.models import Agent, Run, ToolCall
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has, require

PAGE_SIZE = 50


@login_required
@require_GET
def agents(request: HttpRequest) -> HttpResponse:
    """Every agent with what it is at, and who may hand a conversation to whom. Figures are over the runs one sees."""
    require(request.user, Permission.VIEW_RUN)
    user: User = request.user  # type: ignore[assignment]
    everybody = roster.everybody()
    routes = roster.routes(user, everybody)
    context = {
        "standings": roster.standings(user, everybody),
        "routes": routes,
        "drawing": graph.draw(everybody, routes),
        "may_see_figures": has(user, Permission.VIEW_DASHBOARD),
        "may_configure": user.is_staff and user.has_perm("agents.view_agent"),
        "may_add": user.is_staff and user.has_perm("agents.add_agent") and user.has_perm("staff.add_user"),
    }
    return render(request, "agents/agents.html", context)


@login_required
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Runs of the teams whose work this person sees, newest first."""
    require(request.user, Permission.VIEW_RUN)
    state = request.GET.get("state", "")
    found = Run.objects.visible_to(request.user).select_related("ticket__customer", "agent", "caller")
    if state in Run.State.values:
        found = found.filter(state=state)
    everybody = list(Agent.objects.order_by("name", "pk").only("slug", "name"))
    agent = next((each for each in everybody if each.slug == request.GET.get("agent")), None)
    if agent is not None:
        found = found.filter(agent=agent)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "state": state, "states": Run.State.choices, "agent": agent, "agents": everybody}
    return render(request, "agents/runs.html", context)


@login_required
@require_GET
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run's timeline, live while it works."""
    found = _visible(request, run_id)
    only = request.GET.get("show", "")
    version, since = timeline.version_in_force(found)
    personal_data = has(request.user, Permission.VIEW_PII)
    context = {
        "run": found,
        "sentence": timeline.sentence(found),
        "entries": timeline.entries_of(found, only=only, personal_data=personal_data),
        "only": only,
        "filters": timeline.FILTERS,
        "version": version,
        "version_since": since,
        "changed": timeline.changed_since(found),
        "personal_data": personal_data,
        "chains": chains.chains_of(found.ticket, personal_data=personal_data),
        "where": chains.where_now(found.ticket),
        "runs_shown": chains.RUNS_SHOWN,
        "articles": citations.found_by([found.pk]).get(found.pk, []),
    }
    return render(request, "agents/run.html", context)


@login_required
@require_GET
def call_in_full(request: HttpRequest, run_id: UUID, call_id: UUID) -> HttpResponse:
    """Arguments and result of one call, whole, as JSON: the page shows only their beginning."""
    found = _visible(request, run_id)
    require(request.user, Permission.VIEW_PII)
    call = ToolCall.objects.filter(run=found, pk=call_id).first()
    if call is None:
        raise Http404
    return JsonResponse(
        {
            "tool": call.name,
            "state": call.state,
            "arguments": call.arguments,
            "result": call.result,
            "evidence": call.evidence,
        },
        json_dumps_params={"indent": 2, "ensure_ascii": False},
    )


def _visible(request: HttpRequest, run_id: UUID) -> Run:
    require(request.user, Permission.VIEW_RUN)
    visible = Run.objects.visible_to(request.user).select_related("agent", "caller", "asked_by")
    visible = visible.select_related("ticket__customer", "ticket__team", "ticket__assignee")
    return get_object_or_404(visible, pk=run_id)
