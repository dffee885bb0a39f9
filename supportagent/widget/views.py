"""The public endpoints of the chat: loader, frame and a small JSON interface for the frame alone.

They take no cookie, only the session token in the Authorization header, so there is nothing to forge across
sites and they are exempt from the CSRF check.
"""

import logging
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from csp.constants import HEADER
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition, require_GET, require_http_methods

from agents import failpoints
from supportagent.throttle import Limit, throttle
from supportagent.tickets.errors import TicketError
from supportagent.tickets.services import leave_contact, rate, receive_message, skip_rating
from supportagent.tickets.services.rating import COMMENT_LIMIT
from supportagent.tickets.services.waiting import CONTACT_LEFT
from supportagent.tickets.text import MESSAGE_LIMIT
from supportagent.widget import conversation, origins, sessions
from supportagent.widget.errors import Refused, unauthenticated
from supportagent.widget.models import WidgetApp, WidgetSession
from supportagent.widget.payloads import read_json
from supportagent.widget.throttle import (
    MESSAGES_PER_ADDRESS,
    MESSAGES_PER_SESSION,
    READS_PER_SESSION,
    SESSIONS_PER_ADDRESS,
)

logger = logging.getLogger(__name__)

LOADER = Path(__file__).parent / "static" / "widget" / "loader.js"
LOADER_SECONDS = 300
MAX_SEQ = 2**31 - 1
CLIENT_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

View = Callable[..., HttpResponse]


def api(view: View) -> View:
    """JSON in, JSON out: refusals become `{"error": {"code", "message"}}` with their status."""

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Refused as refusal:
            response = _error(refusal.status, refusal.code, refusal.message, **refusal.extra)
        except TicketError as error:
            response = _error(error.status, error.code, str(error))
        response["Cache-Control"] = "no-store"
        return response

    return wrapper


@require_GET
@gzip_page
@condition(last_modified_func=None, etag_func=lambda request: f'"{LOADER.stat().st_mtime_ns:x}"')
@cache_control(public=True, max_age=LOADER_SECONDS)
def loader(request: HttpRequest) -> HttpResponse:
    """The one script that a shop embeds: stable address, short cache, loadable from every origin."""
    response = HttpResponse(LOADER.read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_GET
@xframe_options_exempt
def frame(request: HttpRequest, app_id: str) -> HttpResponse:
    """The chat itself, which only the app's own pages may show: `frame-ancestors` decides, not X-Frame-Options."""
    app = WidgetApp.objects.filter(app_id=app_id, active=True).first()
    if app is None:
        raise Http404("no such widget")
    response = render(
        request,
        "widget/frame.html",
        {
            "app": app,
            "configuration": _frame_configuration(app),
            "message_limit": MESSAGE_LIMIT,
            "comment_limit": COMMENT_LIMIT,
        },
    )
    response[HEADER] = frame_policy(request, app)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-cache"
    return response


def frame_policy(request: HttpRequest, app: WidgetApp) -> str:
    socket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    ancestors = " ".join(["'self'", *app.allowed_origins])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self' {socket}; form-action 'none'; base-uri 'none'; frame-ancestors {ancestors}"
    )


def _frame_configuration(app: WidgetApp) -> dict[str, Any]:
    return {
        "app_id": app.app_id,
        "name": app.name,
        "greeting": app.greeting,
        "expectation": app.expectation,
        "suggestions": app.suggestions[:4],
        "accent": app.accent,
        "origins": app.allowed_origins,
    }


@api
@require_http_methods(["POST", "DELETE"])
def session(request: HttpRequest) -> HttpResponse:
    if request.method == "DELETE":
        sessions.end_session(_authenticated(request))
        return JsonResponse({"ended": True})
    fields = read_json(request, required={"app_id": str}, optional={"user_jwt": str, "token": str})
    app = WidgetApp.objects.filter(app_id=fields["app_id"], active=True).first()
    if app is None:
        raise Refused(404, "unknown_app", "There is no such widget.")
    _refuse_foreign_origin(request, app)
    _count(SESSIONS_PER_ADDRESS, _address(request))
    opened = sessions.open_session(app=app, user_jwt=fields.get("user_jwt", ""), token=fields.get("token", ""))
    return JsonResponse(
        {
            "token": opened.token,
            "identity": opened.identity,
            "identity_error": opened.refusal,
            "visitor_id": opened.session.customer.reference,
            "expires_at": opened.session.expires_at.isoformat(),
        }
    )


@api
@require_http_methods(["GET", "POST"])
def messages(request: HttpRequest) -> HttpResponse:
    current = _authenticated(request)
    return _read(request, current) if request.method == "GET" else _send(request, current)


def _read(request: HttpRequest, current: WidgetSession) -> HttpResponse:
    _count(READS_PER_SESSION, str(current.pk))
    seq = _sequence(request.GET.get("after", "0"))
    newest = conversation.current_ticket(current)
    number = request.GET.get("conversation", "")
    ticket = conversation.ticket_of(current, number) if number else newest
    if ticket is None:
        return JsonResponse({"current": "", **conversation.NOTHING_YET})
    return JsonResponse({"current": (newest or ticket).number, **conversation.conversation_after(ticket, seq)})


def _send(request: HttpRequest, current: WidgetSession) -> HttpResponse:
    _count(MESSAGES_PER_SESSION, str(current.pk))
    _count(MESSAGES_PER_ADDRESS, _address(request))
    fields = read_json(request, required={"client_message_id": str, "body": str}, optional={})
    if not CLIENT_MESSAGE_ID.match(fields["client_message_id"]):
        raise Refused(400, "invalid_fields", "client_message_id has 1 to 64 letters, digits, - or _.")
    message, created = receive_message(
        customer=current.customer,
        body=fields["body"],
        client_message_id=fields["client_message_id"],
        assurance=current.assurance,
        team=current.app.team,
    )
    failpoints.reach("message_stored")
    answer = {"conversation": message.ticket.number, "message": conversation.as_json(message)}
    return JsonResponse(answer, status=201 if created else 200)


@api
@require_http_methods(["POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Where the customer wants to be answered while nobody is there. The address itself is not given back."""
    current = _authenticated(request)
    _count(MESSAGES_PER_SESSION, str(current.pk))
    _count(MESSAGES_PER_ADDRESS, _address(request))
    fields = read_json(request, required={"conversation": str, "email": str}, optional={})
    ticket = conversation.ticket_of(current, fields["conversation"])
    leave_contact(ticket=ticket, email=fields["email"])
    return JsonResponse({"contact": CONTACT_LEFT})


@api
@require_http_methods(["POST"])
def rating(request: HttpRequest) -> HttpResponse:
    """What the customer thought of a conversation that has ended, 1 to 5 with a comment if they like."""
    current = _authenticated(request)
    _count(MESSAGES_PER_SESSION, str(current.pk))
    _count(MESSAGES_PER_ADDRESS, _address(request))
    fields = read_json(request, required={"conversation": str, "score": int}, optional={"comment": str})
    ticket = conversation.ticket_of(current, fields["conversation"])
    rate(ticket=ticket, customer=current.customer, score=fields["score"], comment=fields.get("comment", ""))
    return JsonResponse({"rating": conversation.rating_of(ticket)})


@api
@require_http_methods(["POST"])
def skip(request: HttpRequest) -> HttpResponse:
    """The customer does not want to say what they thought: nobody asks them again."""
    current = _authenticated(request)
    _count(MESSAGES_PER_SESSION, str(current.pk))
    _count(MESSAGES_PER_ADDRESS, _address(request))
    fields = read_json(request, required={"conversation": str}, optional={})
    ticket = conversation.ticket_of(current, fields["conversation"])
    skip_rating(ticket=ticket, customer=current.customer)
    return JsonResponse({"rating": conversation.rating_of(ticket)})


def _authenticated(request: HttpRequest) -> WidgetSession:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated()
    found = sessions.authenticate(app_id=request.headers.get("X-Widget-App", ""), token=token)
    _refuse_foreign_origin(request, found.app)
    return found


def _refuse_foreign_origin(request: HttpRequest, app: WidgetApp) -> None:
    if origins.is_foreign(request, app.allowed_origins):
        logger.warning("widget request from a foreign origin refused: app=%s", app.app_id)
        raise Refused(403, "foreign_origin", "This site may not use this chat.")


def _count(limit: Limit, identity: str) -> None:
    verdict = throttle.hit(limit, identity)
    if verdict.allowed:
        return
    if verdict.is_first_refusal:
        logger.warning("widget rate limit reached: %s", limit.name)
    raise Refused(
        429,
        "slow_down",
        "You are writing faster than we can read. Please wait a moment.",
        notice=verdict.is_first_refusal,
        retry_after=verdict.retry_after,
    )


def _address(request: HttpRequest) -> str:
    # Behind a proxy the ASGI server puts the client's address here; X-Forwarded-For itself is anybody's claim.
    return str(request.META.get("REMOTE_ADDR", ""))


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) > MAX_SEQ:
        raise Refused(400, "invalid_fields", "after is the number of the last message you have.")
    return int(text)


def _error(status: int, code: str, message: str, **extra: Any) -> JsonResponse:
    response = JsonResponse({"error": {"code": code, "message": message, **extra}}, status=status)
    if "retry_after" in extra:
        response["Retry-After"] = str(extra["retry_after"])
    return response
