"""The page of the first steps. What makes an agent work passes the gate of every change of the rules."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents import connection, starting
from agents.starting import StartError
from supportagent.console import gate
from supportagent.start import steps
from supportagent.start.forms import AgentForm, BudgetForm


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Where the installation stands."""
    return _show(request)


@login_required
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """Ask the model for a word."""
    _require(request)
    answer = connection.check_connection(by=request.user)  # type: ignore[arg-type]  # logged in
    if answer.problem:
        messages.error(request, f"The model did not answer. {answer.problem}")
    else:
        messages.success(request, f"The model answered in {answer.latency_ms} ms.")
    return _back()


@login_required
@require_POST
@gate.guarded
def make_agent(request: HttpRequest) -> HttpResponse:
    """Make the first agent."""
    _require(request)
    form = AgentForm(request.POST)
    if not form.is_valid():
        return _show(request, agent_form=form)
    try:
        agent = starting.make_first_agent(**form.cleaned_data, by=request.user)  # type: ignore[arg-type]
    except StartError as error:
        return _show(request, agent_form=_refused(form, error))
    messages.success(request, f"{agent} is there, in draft mode: a person sends what it writes.")
    return _back()


@login_required
@require_POST
@gate.guarded
def grant_tools(request: HttpRequest) -> HttpResponse:
    """Let the front desk's role use the first tools."""
    _require(request)
    try:
        granted = starting.grant_first_tools(by=request.user)  # type: ignore[arg-type]
    except StartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The role {starting.ROLE} may use {len(granted)} more tools.")
    return _back()


@login_required
@require_POST
@gate.guarded
def set_budget(request: HttpRequest) -> HttpResponse:
    """Cap what the agent may spend."""
    _require(request)
    form, agent = BudgetForm(request.POST), starting.first_agent()
    if agent is None:
        messages.error(request, "Make the agent first.")
        return _back()
    if not form.is_valid():
        return _show(request, budget_form=form)
    try:
        starting.set_first_budget(agent=agent, **form.cleaned_data, by=request.user)  # type: ignore[arg-type]
    except StartError as error:
        return _show(request, budget_form=_refused(form, error))
    messages.success(request, f"{agent} may spend money now, so it runs.")
    return _back()


def _require(request: HttpRequest) -> None:
    if not steps.may_take(request.user):
        raise PermissionDenied("Only who configures agents takes these steps.")


def _refused(form: Any, error: StartError) -> Any:
    form.add_error(None, str(error))
    return form


def _show(request: HttpRequest, *, agent_form: Form | None = None, budget_form: Form | None = None) -> HttpResponse:
    _require(request)
    context = {
        "steps": steps.look(),
        "agent_form": agent_form or AgentForm(),
        "budget_form": budget_form or BudgetForm(),
        "role": starting.ROLE,
        "loader": f"{settings.PUBLIC_URL}{reverse('widget:loader')}",
        "may_add_widget": request.user.has_perm("widget.add_widgetapp"),
    }
    return render(request, "start/page.html", context, status=422 if agent_form or budget_form else 200)


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("start:page"))
