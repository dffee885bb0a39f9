"""The gate before every form of the admin: what loosens the rules is tried, taken back, and proposed instead."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.messages.storage import default_storage
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html

from audit import log as audit_log
from audit.context import Actor
from supportagent.changes import forms, services
from supportagent.changes.access import may_see
from supportagent.changes.difference import Difference
from supportagent.changes.models import ProposedChange
from supportagent.changes.pages import shown
from supportagent.changes.watching import Watch, watching
from supportagent.staff.logged_in import person
from supportagent.staff.permissions import Permission, has

View = Callable[[], HttpResponseBase]
NO_SECRETS = "A password cannot wait for a second admin. Set it in a form of its own, then propose the rest."


def admit(request: HttpRequest, view: View) -> HttpResponseBase:
    """Let the form do its work, and look at what it did: what only tightens stays, what loosens becomes a proposal.

    The form runs in a savepoint. Its view, its checks and its messages are the admin's own, so no page can forget
    to ask: inlines, actions on a list, object permissions, dialogs and reverts come through here alike.
    """
    if not settings.SECOND_ADMIN or isinstance(request, forms.TriedAgain):
        return view()
    session = request.session.session_key
    try:
        with services.in_turn():
            with transaction.atomic():
                with watching() as watch:
                    response = view()
                    difference = watch.difference()
                loosens = difference.loosens()
                if loosens:
                    transaction.set_rollback(True)
                else:
                    _judge_passwords(request, watch)
            if not loosens:
                return response
            _take_back(request, session)
            return _propose(request, difference, loosens)
    except Exception:
        _take_back(request, session)
        raise


def _take_back(request: HttpRequest, session: str | None) -> None:
    """What the view did to the request itself: it said that it saved, and a password form changes the session's key."""
    request._messages = default_storage(request)  # type: ignore[attr-defined]
    if request.session.session_key != session:
        request.session = type(request.session)(session)


def _propose(request: HttpRequest, difference: Difference, loosens: list[str]) -> HttpResponseBase:
    """Keep the change for a second admin, or ask for the reason first."""
    try:
        form = forms.kept(request.POST)
    except forms.Secret:
        raise PermissionDenied(NO_SECRETS) from None
    reason = forms.reason_in(request.POST)
    if not reason:
        return _ask_why(request, difference, loosens)
    change = services.propose(
        path=request.get_full_path(),
        form=form,
        difference=difference,
        loosens=loosens,
        reason=reason,
        by=person(request),
    )
    address = reverse("admin:changes_proposedchange_change", args=[change.pk])
    messages.warning(request, _waits(change, address if may_see(person(request)) else ""))
    return _go(request, address if may_see(person(request)) else reverse("admin:index"))


def _ask_why(request: HttpRequest, difference: Difference, loosens: list[str]) -> HttpResponse:
    """The form once more, hidden, with one question: pages that add or delete have no field for a reason."""
    fields = [(name, value) for name, values in request.POST.lists() for value in values if name not in forms.NOT_KEPT]
    context = {
        "title": "This loosens the rules",
        "fields": fields,
        "loosens": loosens,
        "rows": [shown(row) for row in difference.changed()],
        "reason_name": forms.REASON,
        "reason_length": forms.REASON_LENGTH,
        "missing": forms.REASON in request.POST,
    }
    return render(request, "changes/why.html", {**admin.site.each_context(request), **context})


def _waits(change: ProposedChange, address: str) -> str:
    words = f"{change.title} waits for a second admin; nothing of it is in force."
    if not address:
        return words
    return format_html('{} <a href="{}" class="underline">See {}</a>', words, address, change.reference)


def _go(request: HttpRequest, address: str) -> HttpResponse:
    if "HX-Request" in request.headers:
        # A dialog is sent by htmx, which loads the whole page that this header names.
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _judge_passwords(request: HttpRequest, watch: Watch) -> None:
    """Whoever knows a colleague's password can be the second admin himself. One's own is one's own affair."""
    for user in watch.new_passwords():
        if user.pk == request.user.pk:
            continue
        decides = (Permission.DECIDE_CHANGE, Permission.DECIDE_APPROVALREQUEST)
        if user.is_superuser or any(has(user, right) for right in decides):
            raise PermissionDenied(
                f"{user.display_name} decides, so nobody else sets that password in the admin. "
                f"Whoever runs the installation can: manage.py changepassword {user.username}"
            )
        audit_log.record("changes.password.set", target=("user", str(user.pk)), actor=Actor.of(request.user))
