"""What people do around a conversation: sort it, ask an agent, end it, merge it. Each POST calls one verb."""

import re
from secrets import token_hex
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from agents import assisting
from agents.models import Run
from supportagent.rehearsal.exporting import export
from supportagent.staff.models import Team, User
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage, TicketError
from supportagent.tickets.models import Ticket, Triage
from supportagent.workspace.actions import act
from supportagent.workspace.numbers import TicketNumber
from supportagent.workspace.views import Refusal, show, visible

SORTED_AGAIN = "An agent sorted it again since you opened the page. Look at what it says now."


@login_required
@require_POST
def label_triage(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Say how the request should have been sorted, or that the agent was right: both are the truth from then on."""
    return act(
        request,
        number,
        "triage",
        lambda ticket, by: services.label_triage(triage=_triage(ticket, pk), by=by, **_sorting(request)),
    )


@login_required
@require_POST
def sort_and_return(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Sort what the agent was not sure of, and let the agents go on."""
    return act(
        request,
        number,
        "triage",
        lambda ticket, by: services.sort_and_return(
            triage=_triage(ticket, pk), by=by, brief=request.POST.get("body", ""), **_sorting(request)
        ),
    )


@login_required
@require_POST
def ask_agent(request: HttpRequest, number: str) -> HttpResponse:
    """Let an agent draft a reply or look something up, while one keeps the ticket."""
    return act(request, number, "ask", lambda ticket, by: _ask(ticket, by, request))


@login_required
@require_POST
def close(request: HttpRequest, number: str) -> HttpResponse:
    """End the ticket with who solved it."""
    outcome, resolved = request.POST.get("outcome", ""), request.POST.get("resolved", "1") != "0"
    return act(
        request,
        number,
        "close",
        lambda ticket, by: services.close(ticket=ticket, by=by, outcome=outcome, resolved=resolved),
    )


@login_required
@require_POST
def merge(request: HttpRequest, number: str) -> HttpResponse:
    """Go on in another ticket of the same customer."""
    into = request.POST.get("into", "")

    def verb(ticket: Ticket, by: User) -> Ticket:
        if not into:
            raise InvalidMessage("Choose the ticket that goes on.")
        if re.fullmatch(TicketNumber.regex, into) is None:
            raise Http404
        # 404 for one that this person does not see, as for one that is not there.
        return services.merge(ticket=ticket, into=visible(request, into), by=by)

    return act(request, number, "merge", verb)


@login_required
@require_POST
def export_scenario(request: HttpRequest, number: str) -> HttpResponse:
    """The finished conversation as a scenario file, to be kept. A POST, because the trail says who made it."""
    ticket = visible(request, number)
    try:
        text = export(ticket=ticket, by=request.user)  # type: ignore[arg-type]
    except TicketError as refused:
        return show(request, ticket, Refusal("scenario", str(refused), refused.status, ""))
    # The file's name is the scenario's: the number of a ticket is not for strangers.
    name = f"{ticket.category}_{token_hex(3)}.toml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type="application/toml; charset=utf-8", headers=headers)


def _ask(ticket: Ticket, by: User, request: HttpRequest) -> Run:
    asked_for = request.POST.get("asked_for", "")
    if asked_for not in Run.AskedFor.values:
        raise InvalidMessage("Say whether you want a draft or something looked up.")
    return assisting.ask_agent(ticket=ticket, by=by, asked_for=asked_for, question=request.POST.get("body", ""))


def _triage(ticket: Ticket, pk: int) -> Triage:
    """The triage that the page showed. Raises Conflict when there is a newer one."""
    found = get_object_or_404(Triage.objects.select_related("ticket", "team"), pk=pk, ticket=ticket)
    if ticket.triages.values_list("pk", flat=True).first() != pk:
        raise Conflict(SORTED_AGAIN)
    return found


def _sorting(request: HttpRequest) -> dict[str, Any]:
    """What the form says, for the verb to check; a team that is not there is for nobody."""
    said = request.POST
    key = said.get("team", "")
    known = key.isascii() and key.isdecimal() and len(key) < 10
    team = Team.objects.filter(pk=int(key)).first() if known else None
    if team is None:
        raise InvalidMessage("Choose the team that should have it.")
    sorting: dict[str, Any] = {name: said.get(name, "") for name in ("category", "priority", "language", "sentiment")}
    return sorting | {"team": team}
