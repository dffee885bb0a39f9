"""The form of the admin as it was sent: kept, shown again, and sent once more by the second admin's click."""

import json
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.messages.storage.base import BaseStorage
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, QueryDict
from django.urls import resolve
from simple_history.models import HistoricalRecords

from audit.context import Actor, acting
from supportagent.changes.difference import Difference
from supportagent.changes.kinds import canonical
from supportagent.changes.models import ProposedChange
from supportagent.changes.watching import watching
from supportagent.staff.models import User

REASON = "reason_for_second_admin"
REASONS = (REASON, "change_reason", "reason")
REASON_LENGTH = 300
NOT_KEPT = frozenset({"csrfmiddlewaretoken", REASON})


class Secret(ValueError):
    """The form holds a password, which is not kept until a second admin comes."""


def kept(data: QueryDict) -> str:
    """The fields that were sent, as canonical JSON. Raises Secret."""
    fields = {name: values for name, values in data.lists() if name not in NOT_KEPT}
    if any("password" in name and any(values) for name, values in fields.items()):
        raise Secret
    return canonical(fields)


def reason_in(data: QueryDict) -> str:
    """Why, as the form says it itself or as it was asked for; empty when nobody said."""
    return next((text for name in REASONS if (text := data.get(name, "").strip())), "")[:REASON_LENGTH]


def try_again(change: ProposedChange) -> Difference:
    """Send the form once more as its proposer, and say what it changed. The caller holds a transaction.

    It passes the same checks of the admin and of the form as the first time, with the rights that the proposer has
    now. What history, grants and log-in records note is therefore the proposer's; the entry of the second admin
    follows in the same transaction.
    """
    request = _request_of(change)
    view, args, kwargs = resolve(urlsplit(change.path).path)
    earlier = getattr(HistoricalRecords.context, "request", None)
    HistoricalRecords.context.request = request
    try:
        with acting(Actor.of(change.proposed_by)), watching() as watch:
            view(request, *args, **kwargs)
            return watch.difference()
    finally:
        HistoricalRecords.context.request = earlier


class TriedAgain(HttpRequest):
    """A form that was proposed and is now put in force: the gate lets it through."""


def _request_of(change: ProposedChange) -> HttpRequest:
    address, public = urlsplit(change.path), urlsplit(settings.PUBLIC_URL)
    request: Any = TriedAgain()
    request.method = "POST"
    request.path = request.path_info = address.path
    request.META = {
        "REQUEST_METHOD": "POST",
        "SERVER_NAME": public.hostname or "localhost",
        "SERVER_PORT": str(public.port or 80),
        "QUERY_STRING": address.query,
    }
    request.GET = QueryDict(address.query)
    request.POST = QueryDict(mutable=True)
    for name, values in json.loads(change.form).items():
        request.POST.setlist(name, values)
    request.user = User.objects.get(pk=change.proposed_by_id)
    request.session = SessionBase()
    request._messages = _Unsaid(request)
    request._dont_enforce_csrf_checks = True  # the token was checked when the form was sent the first time
    request.resolver_match = resolve(address.path)
    return request


class _Unsaid(BaseStorage):
    """Messages to nobody: the proposer does not look at this request."""

    def _get(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        return [], True

    def _store(self, messages: Any, response: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return []
