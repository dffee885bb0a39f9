"""What people do to a ticket: each POST calls one verb of tickets and says what came of it."""

from collections.abc import Callable
from uuid import uuid4

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents import direct
from agents.models import Agent
from supportagent.staff.models import User
from supportagent.tickets import services
from supportagent.tickets.errors import InvalidMessage, TicketError
from supportagent.tickets.models import Draft, Message, Ticket
from supportagent.tools.models import Tool
from supportagent.tools.schema import REASON, REASON_LIMIT
from supportagent.workspace.tool_form import Unreadable, field_of, values_from
from supportagent.workspace.tool_panel import refused_panel
from supportagent.workspace.views import Refusal, kept_query, show, visible

# What a person may move a ticket to by hand; the other states follow from what happens.
STATES = {Ticket.State.RESOLVED, Ticket.State.CLOSED, Ticket.State.OPEN}


@login_required
@require_POST
def take_over(request: HttpRequest, number: str) -> HttpResponse:
    """Claim the ticket; whoever comes second reads who was first."""
    return act(request, number, "take-over", lambda ticket, by: services.take_over(ticket=ticket, by=by))


@login_required
@require_POST
def hand_back(request: HttpRequest, number: str) -> HttpResponse:
    """Give the ticket back to the agents, with a brief."""
    brief = request.POST.get("body", "")
    return act(request, number, "brief", lambda ticket, by: services.hand_back(ticket=ticket, by=by, brief=brief))


@login_required
@require_POST
def reply(request: HttpRequest, number: str) -> HttpResponse:
    """Answer the customer in one's own name."""
    body = request.POST.get("body", "")
    return act(
        request,
        number,
        "reply",
        lambda ticket, by: services.post_reply(ticket=ticket, body=body, actor=by, kind=Message.Kind.PERSON),
    )


@login_required
@require_POST
def note(request: HttpRequest, number: str) -> HttpResponse:
    """Write something down that no customer sees."""
    body = request.POST.get("body", "")
    return act(request, number, "note", lambda ticket, by: services.add_note(ticket=ticket, body=body, actor=by))


@login_required
@require_POST
def save_draft(request: HttpRequest, number: str) -> HttpResponse:
    """Keep a reply beside the conversation, to be sent later or by a colleague."""
    body = request.POST.get("body", "")
    return act(request, number, "reply", lambda ticket, by: services.save_draft(ticket=ticket, body=body, actor=by))


@login_required
@require_POST
def send_draft(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Send a draft as it was edited."""
    body = request.POST.get("body", "")
    return act(
        request,
        number,
        f"draft-{pk}",
        lambda ticket, by: services.send_draft(draft=_draft(ticket, pk), by=by, body=body),
    )


@login_required
@require_POST
def approve_draft(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Let an agent's answer go out as it stands, in the agent's name."""
    return act(request, number, f"draft-{pk}", lambda ticket, by: _approve(_draft(ticket, pk), by))


@login_required
@require_POST
def discard_draft(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """Throw a draft away."""
    return act(
        request, number, f"draft-{pk}", lambda ticket, by: services.discard_draft(draft=_draft(ticket, pk), by=by)
    )


@login_required
@require_POST
def move(request: HttpRequest, number: str) -> HttpResponse:
    """Resolve, close or open the ticket again."""
    return act(request, number, "state", lambda ticket, by: _move(ticket, by, request.POST.get("state", "")))


@login_required
@require_POST
def call_tool(request: HttpRequest, number: str) -> HttpResponse:
    """Call a tool oneself, through the gate that agents pass. A slow answer is waited for by the page, not by this.

    The key of the form makes a second click, or a second try after a lost answer, the same call.
    """
    ticket, by = visible(request, number), request.user
    offered = direct.offered(ticket, by)  # type: ignore[arg-type]
    granted = offered.get(request.POST.get("tool", ""))
    if granted is None:
        raise Http404
    tool, entered, key = granted.tool, request.POST.dict(), request.POST.get("key", "")
    try:
        call = direct.call_tool(
            ticket=ticket,
            by=by,  # type: ignore[arg-type]
            tool=tool.qualified_name,
            arguments=values_from(tool, entered),
            reason=request.POST.get("reason", ""),
            key=key,
        )
    except direct.NotOffered as error:
        raise Http404 from error
    except direct.KeyReused:
        words = "This form was sent already, with something else in it. Look at what came of it, or send it again."
        problem, status, key = Unreadable("", words), 409, uuid4().hex
    except (direct.InvalidCall, Unreadable) as error:
        problem, status = _problem(tool, error), 422
    else:
        direct.wait_for(call)
        address = reverse("workspace:ticket", args=[number])
        return HttpResponseRedirect(f"{address}?{kept_query(request, call=str(call.pk))}#tools")
    panel = refused_panel(offered, tool, entered, key, problem)
    words = "Nothing was called: see the form below." if not panel.error else panel.error
    return show(request, ticket, Refusal("tool", words, status, ""), panel)


def _problem(tool: Tool, error: direct.InvalidCall | Unreadable) -> Unreadable:
    """What the gate or the form says is wrong, at the field of which it speaks."""
    if isinstance(error, Unreadable):
        return error
    words = str(error)
    if words.startswith(REASON):
        return Unreadable("reason", f"Say in one line of 3 to {REASON_LIMIT} characters why.")
    name = field_of(words, tool)
    return Unreadable(name, words.removeprefix(f"{name}: ") if name else words)


def _move(ticket: Ticket, by: User, state: str) -> Ticket:
    if state not in STATES:
        raise InvalidMessage("A ticket can be resolved, closed or opened again.")
    return services.set_state(ticket=ticket, state=state, actor=by)


def _draft(ticket: Ticket, pk: int) -> Draft:
    return get_object_or_404(Draft.objects.select_related("ticket__customer", "author"), pk=pk, ticket=ticket)


def _approve(draft: Draft, by: User) -> Message:
    name = Agent.objects.filter(service_user=draft.author_id).values_list("name", flat=True).first()
    return services.approve_draft(draft=draft, by=by, author_name=name or "")


def act(request: HttpRequest, number: str, form: str, verb: Callable[[Ticket, User], object]) -> HttpResponse:
    """Run the verb on a ticket that this person sees, and go back to its page.

    A refusal answers with the same page, the reason in it and what was entered not lost. PermissionDenied of a role is
    left to the 403 page. A verb may move the ticket out of sight: then the list is gone back to.
    """
    ticket = visible(request, number)
    try:
        verb(ticket, request.user)  # type: ignore[arg-type]
    except TicketError as refused:
        return show(
            request,
            visible(request, number),
            Refusal(form, str(refused), refused.status, request.POST.get("body", ""), request.POST.dict()),
        )
    if not Ticket.objects.visible_to(request.user).filter(pk=ticket.pk).exists():
        return HttpResponseRedirect(f"{reverse('workspace:tickets')}?{kept_query(request)}")
    address = reverse("workspace:ticket", args=[number])
    # The page's script forgets the text that it kept for this form.
    return HttpResponseRedirect(f"{address}?{kept_query(request, sent=form)}")
