"""Who may open what: every route and every admin action, by every role, with two teams.

The tables below are the specification. A route, a model in the admin or an action without a row fails a test.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import get_resolver
from django.urls.resolvers import URLResolver
from django.utils import timezone
from django.views.defaults import permission_denied
from guardian.admin import GuardedModelAdminMixin
from guardian.shortcuts import assign_perm

from agents.models import (
    Agent,
    CostAlert,
    HandOff,
    HumanBaseline,
    HumanRate,
    InfrastructureCost,
    KillSwitch,
    Price,
    Run,
    ToolCall,
    VelocityCap,
)
from approvals import services as approvals
from approvals.models import ApprovalQuestion, ApprovalRequest, WebhookEndpoint
from approvals.notifications.announcing import announce
from supportagent import routing, urls
from supportagent.changes.models import ProposedChange
from supportagent.console import navigation
from supportagent.engineering.models import EngineeringIssue, ServiceLog
from supportagent.knowledge.models import Article, Gap
from supportagent.quality.models import SampledItem, Stratum
from supportagent.staff.models import Team, User
from supportagent.staff.roles import ROLES
from supportagent.staff.tokens import issue_token
from supportagent.store.models import Cancellation
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Rating, Skill, Triage, WorkPeriod
from supportagent.tools.models import MCPServer
from supportagent.widget.models import WidgetApp, WidgetSession
from tests.store.shop import make_order
from tests.world import HELD, World, build_world, team

pytestmark = pytest.mark.django_db

NOBODY, ROOT, OTHER, ANONYMOUS = "no role", "superuser", "supervisor of another team", "anonymous"
FRONT, REP, ORDERS, BILLING, TECH, SUPERVISOR, FINANCE, OPS, AUDITOR = (
    "Front desk",
    "Support rep",
    "Orders specialist",
    "Billing specialist",
    "Technical specialist",
    "Supervisor",
    "Finance lead",
    "Ops admin",
    "Auditor",
)
PEOPLE = (*ROLES, NOBODY, ROOT, OTHER, ANONYMOUS)
WORKERS = {REP, ORDERS, BILLING, TECH, SUPERVISOR}
DESK = {*WORKERS, FRONT}
READERS = {FRONT, REP, ORDERS, BILLING}  # their roles are granted store__get_order
TICKETS = {*DESK, FINANCE, AUDITOR, ROOT, OTHER}
RUNS = {SUPERVISOR, OPS, AUDITOR, ROOT, OTHER}
OUTCOMES = {*RUNS, FINANCE}
APPROVALS = {SUPERVISOR, FINANCE, AUDITOR, ROOT, OTHER}
PERSONAL = {*DESK, FINANCE, ROOT, OTHER}
STAFF = frozenset(PEOPLE) - {NOBODY, ANONYMOUS}
LOG_IN = 302


@dataclass(frozen=True)
class Row:
    """What each person gets from one route: `given` by person, everybody else `others`."""

    method: str
    path: str
    given: dict[str, int]
    others: int = 403
    anonymous: int = LOG_IN
    data: tuple[tuple[str, str], ...] = ()
    first: str = ""

    def expected(self, person: str) -> int:
        return self.anonymous if person == ANONYMOUS else self.given.get(person, self.others)


def opens(path: str, people: set[str], *, elsewhere: bool = False, **changes: Any) -> Row:
    """A page for these people; `elsewhere`: it shows something of a team that OTHER does not see."""
    given = dict.fromkeys(people, 200) | ({OTHER: 404} if elsewhere else {})
    return Row("GET", path, given, **changes)


def acts(path: str, answer: dict[str, int], *, first: str = "", **data: str) -> Row:
    """An act on something of another team than OTHER's; `first` is what has to be done before it."""
    return Row("POST", path, {**answer, OTHER: 404}, data=tuple(data.items()), first=first)


def everybody(people: set[str], status: int) -> dict[str, int]:
    return dict.fromkeys(people, status)


# 422 and 409 say that the person was let through, and that the act itself is not possible.
TAKE_OVER = "console/tickets/{ticket}/take-over/"
SORTED = {"category": "payment", "priority": "high", "language": "en", "sentiment": "calm", "team": "{team}"}
UNSEEN = everybody({NOBODY, OPS}, 403)
ROUTES: dict[str, Row] = {
    "console/": Row("GET", "console/", everybody({SUPERVISOR, FINANCE, OPS, ROOT, OTHER}, 200) | {NOBODY: 403}, 302),
    "console/approvals/": opens("console/approvals/", APPROVALS),
    "console/approvals/<int:pk>/": opens("console/approvals/{request}/", APPROVALS, elsewhere=True),
    "console/approvals/<int:pk>/approve/": acts(
        "console/approvals/{request}/approve/", {SUPERVISOR: 409, FINANCE: 409}
    ),
    "console/approvals/<int:pk>/reject/": acts(
        "console/approvals/{request}/reject/", {SUPERVISOR: 409, FINANCE: 409}, reason_code="policy"
    ),
    "console/approvals/<int:pk>/edit/": acts("console/approvals/{request}/edit/", {SUPERVISOR: 409, FINANCE: 409}),
    "console/approvals/<int:pk>/undo/": acts("console/approvals/{request}/undo/", {SUPERVISOR: 409, FINANCE: 409}),
    "console/approvals/<int:pk>/ask/": acts("console/approvals/{request}/ask/", {SUPERVISOR: 422, FINANCE: 422}),
    "console/approvals/<int:pk>/questions/<int:question>/answer/": acts(
        "console/approvals/{request}/questions/{question}/answer/", {SUPERVISOR: 422, FINANCE: 422, ROOT: 422}
    ),
    "console/approvals/<int:pk>/assign/": acts("console/approvals/{request}/assign/", {SUPERVISOR: 302, FINANCE: 302}),
    "console/approvals/together/": opens("console/approvals/together/?pick={request}", APPROVALS),
    "console/agents/": opens("console/agents/", RUNS),
    "console/runs/": opens("console/runs/", RUNS),
    "console/runs/<uuid:run_id>/": opens("console/runs/{run}/", RUNS, elsewhere=True),
    "console/runs/<uuid:run_id>/calls/<uuid:call_id>/": opens(
        "console/runs/{run}/calls/{call}/", RUNS & PERSONAL, elsewhere=True
    ),
    "console/agents/<slug:slug>/": opens("console/agents/concierge/", {SUPERVISOR, FINANCE, OPS, ROOT}, elsewhere=True),
    "console/figures/<slug:section>/<slug:table>.csv": opens(
        "console/figures/approvals/figures.csv", {SUPERVISOR, FINANCE, OPS, ROOT, OTHER}
    ),
    "console/costs/": opens("console/costs/", {SUPERVISOR, FINANCE, OPS, ROOT, OTHER}),
    "console/costs/costs.csv": opens("console/costs/costs.csv", {SUPERVISOR, FINANCE, OPS, ROOT, OTHER}),
    "console/costs/alerts/": opens("console/costs/alerts/", {SUPERVISOR, FINANCE, OPS, ROOT, OTHER}),
    # Finance sees the page, and answers for no agent. 422: nothing was filled in.
    "console/costs/alerts/<int:pk>/acknowledge/": acts(
        "console/costs/alerts/{alert}/acknowledge/", everybody({SUPERVISOR, OPS, ROOT}, 302)
    ),
    "console/costs/alerts/<int:pk>/mute/": acts(
        "console/costs/alerts/{alert}/mute/", everybody({SUPERVISOR, OPS, ROOT}, 422)
    ),
    "console/outcomes/": opens("console/outcomes/", OUTCOMES),
    "console/outcomes/<uuid:call_id>/": opens("console/outcomes/{unknown}/", OUTCOMES, elsewhere=True),
    "console/outcomes/<uuid:call_id>/settle/": acts(
        "console/outcomes/{unknown}/settle/", {SUPERVISOR: 422, FINANCE: 422}
    ),
    "console/tickets/": opens("console/tickets/", TICKETS),
    "console/tickets/<ticket_number:number>/": opens("console/tickets/{ticket}/", TICKETS, elsewhere=True),
    "console/tickets/<ticket_number:number>/take-over/": acts(TAKE_OVER, everybody({*WORKERS, ROOT}, 302)),
    "console/tickets/<ticket_number:number>/hand-back/": acts(
        "console/tickets/{ticket}/hand-back/", everybody({*WORKERS, ROOT}, 302), first=TAKE_OVER, body="Hello"
    ),
    "console/tickets/<ticket_number:number>/reply/": acts(
        "console/tickets/{ticket}/reply/", everybody({*WORKERS, ROOT}, 302), first=TAKE_OVER, body="Hello"
    ),
    "console/tickets/<ticket_number:number>/note/": acts(
        "console/tickets/{ticket}/note/", everybody({*DESK, ROOT}, 302), body="Hello"
    ),
    "console/tickets/<ticket_number:number>/state/": acts(
        "console/tickets/{ticket}/state/", everybody({*DESK, FINANCE, AUDITOR, ROOT}, 422) | UNSEEN
    ),
    # 404: the tool is not granted to the role; a superuser has none by that alone.
    "console/tickets/<ticket_number:number>/call/": acts(
        "console/tickets/{ticket}/call/",
        everybody(READERS, 302) | everybody({*DESK, FINANCE, AUDITOR, ROOT} - READERS, 404) | UNSEEN,
        tool="store__get_order",
        reason="see the order",
        **{"arg.order_id": "ORD-1042"},
    ),
    "console/tickets/<ticket_number:number>/drafts/": acts(
        "console/tickets/{ticket}/drafts/", everybody({*DESK, ROOT}, 302), body="Hello"
    ),
    "console/tickets/<ticket_number:number>/drafts/<int:pk>/send/": acts(
        "console/tickets/{ticket}/drafts/{draft}/send/", everybody({*WORKERS, ROOT}, 302), first=TAKE_OVER, body="Hello"
    ),
    "console/tickets/<ticket_number:number>/drafts/<int:pk>/discard/": acts(
        "console/tickets/{ticket}/drafts/{draft}/discard/", everybody({*DESK, ROOT}, 302)
    ),
    "console/start/": opens("console/start/", {OPS, ROOT}),
    # 302: the test was made, and the first tools are granted already. 422: nothing was filled in.
    "console/start/provider/": Row("POST", "console/start/provider/", everybody({OPS, ROOT}, 302)),
    "console/start/agent/": Row("POST", "console/start/agent/", everybody({OPS, ROOT}, 422)),
    "console/start/tools/": Row("POST", "console/start/tools/", everybody({OPS, ROOT}, 302)),
    "console/start/budget/": Row("POST", "console/start/budget/", everybody({OPS, ROOT}, 422)),
    # Everybody says of himself whether he is there.
    "console/presence/": Row("POST", "console/presence/", {}, others=302, data=(("away", "1"),)),
    "console/tickets/<ticket_number:number>/drafts/<int:pk>/approve/": acts(
        "console/tickets/{ticket}/drafts/{draft}/approve/", everybody({*DESK, ROOT}, 409)
    ),
    "console/tickets/<ticket_number:number>/triage/<int:pk>/label/": acts(
        "console/tickets/{ticket}/triage/{triage}/label/", everybody({*DESK, ROOT}, 302), **SORTED
    ),
    # 409: the agents have the ticket already.
    "console/tickets/<ticket_number:number>/triage/<int:pk>/return/": acts(
        "console/tickets/{ticket}/triage/{triage}/return/", everybody({*WORKERS, ROOT}, 409), **SORTED
    ),
    # 409: the one agent of this house is paused.
    "console/tickets/<ticket_number:number>/ask/": acts(
        "console/tickets/{ticket}/ask/", everybody({*WORKERS, ROOT}, 409), first=TAKE_OVER, asked_for="draft"
    ),
    "console/tickets/<ticket_number:number>/close/": acts(
        "console/tickets/{ticket}/close/", everybody({*DESK, ROOT}, 302), outcome="by_person"
    ),
    # 409: it is not finished. A scenario holds what a run, a conversation and the dashboard show.
    "console/tickets/<ticket_number:number>/scenario/": acts(
        "console/tickets/{ticket}/scenario/", everybody({SUPERVISOR, ROOT}, 409)
    ),
    # 422: nothing was chosen. Who may merge is asked once there is a ticket to merge into.
    "console/tickets/<ticket_number:number>/merge/": acts(
        "console/tickets/{ticket}/merge/", everybody({*DESK, FINANCE, AUDITOR, ROOT}, 422) | UNSEEN
    ),
    "console/ratings/": opens("console/ratings/", TICKETS),
    # 422: nothing was filled in.
    "console/ratings/<int:pk>/care/": acts("console/ratings/{rating}/care/", everybody({*DESK, ROOT}, 422), shown="0"),
    "console/knowledge/gaps/": opens("console/knowledge/gaps/", {*DESK, ROOT, OTHER}),
    # 422: nothing was said. The knowledge base belongs to no team.
    "console/knowledge/gaps/<int:pk>/settle/": Row(
        "POST", "console/knowledge/gaps/{gap}/settle/", everybody({SUPERVISOR, ROOT, OTHER}, 422)
    ),
    "console/labels/": opens("console/labels/", {SUPERVISOR, ROOT, OTHER}),
    "console/labels/results/": opens("console/labels/results/", {SUPERVISOR, FINANCE, OPS, ROOT, OTHER}),
    "console/labels/<int:pk>/": opens("console/labels/{item}/", {SUPERVISOR, ROOT, OTHER}, elsewhere=True),
    # 422: nothing was said.
    "console/labels/<int:pk>/label/": acts("console/labels/{item}/label/", everybody({SUPERVISOR, ROOT}, 422)),
    "console/labels/<int:pk>/skip/": acts("console/labels/{item}/skip/", everybody({SUPERVISOR, ROOT}, 302)),
    # Everybody asks why about himself; tests/explain says who asks about whom.
    "console/explain/": opens("console/explain/", set(PEOPLE)),
    "admin/": opens("admin/", set(PEOPLE) - {NOBODY}, others=LOG_IN),
    "admin/search/": opens("admin/search/", set(PEOPLE) - {NOBODY}, others=LOG_IN),
    "admin/jsi18n/": opens("admin/jsi18n/", set(PEOPLE) - {NOBODY}, others=LOG_IN),
    "admin/password_change/": opens("admin/password_change/", set(PEOPLE) - {NOBODY}, others=LOG_IN),
    "admin/password_change/done/": opens("admin/password_change/done/", set(PEOPLE) - {NOBODY}, others=LOG_IN),
    "admin/autocomplete/": opens(
        "admin/autocomplete/?app_label=staff&model_name=teamusergrant&field_name=user", {OPS, ROOT}
    ),
    "admin/r/<path:content_type_id>/<path:object_id>/": opens("admin/r/0/0/", set(), others=404),
    "admin/(?P<url>.*)$": opens("admin/nowhere/", set(), others=404),
    "admin/staff/user/<id>/password/": opens("admin/staff/user/{user}/password/", {OPS, ROOT}),
    "admin/approvals/approvalpolicy/bench/": opens("admin/approvals/approvalpolicy/bench/", {OPS, ROOT}),
    "admin/approvals/approvalpolicy/coverage/": opens("admin/approvals/approvalpolicy/coverage/", {OPS, ROOT}),
    "admin/knowledge/article/import/": opens("admin/knowledge/article/import/", {ROOT}),
    # 409: the person was let through, and showed no digest.
    "admin/changes/proposedchange/<int:pk>/put-in-force/": Row(
        "POST", "admin/changes/proposedchange/{change}/put-in-force/", everybody({OPS, ROOT}, 409)
    ),
    "admin/changes/proposedchange/<int:pk>/decline/": Row(
        "POST", "admin/changes/proposedchange/{change}/decline/", everybody({OPS, ROOT}, 409)
    ),
    "admin/changes/proposedchange/<int:pk>/withdraw/": Row(
        "POST", "admin/changes/proposedchange/{change}/withdraw/", {}
    ),
    # The dialogs of an agent: the form, which nothing is sent with.
    "admin/agents/agent/<path:object_id>/pause/": opens(
        "admin/agents/agent/{agent}/pause/", {SUPERVISOR, OPS, ROOT, OTHER}
    ),
    "admin/tools/mcpserver/<int:pk>/test/": Row(
        "POST", "admin/tools/mcpserver/{server}/test/", everybody({OPS, ROOT}, 422)
    ),
    "admin/tools/mcpserver/<int:pk>/import/": Row(
        "POST", "admin/tools/mcpserver/{server}/import/", everybody({OPS, ROOT}, 422)
    ),
    "admin/tools/mcpserver/<int:pk>/close/": Row(
        "POST", "admin/tools/mcpserver/{server}/close/", everybody({OPS, ROOT}, 302)
    ),
    "admin/agents/agent/<path:object_id>/resume/": opens(
        "admin/agents/agent/{agent}/resume/", {SUPERVISOR, OPS, ROOT, OTHER}
    ),
}
# Staff without the admin's flag are sent from each of its pages to the log-in; NOBODY is one of them.
NOT_STAFF = {NOBODY, ANONYMOUS}
# The same answer for everybody, logged in or not: probes, the widget, the shop; /metrics knows a token only.
PUBLIC = {
    "healthz": "healthz",
    "readyz": "readyz",
    "metrics": "metrics",
    "widget/v1.js": "widget/v1.js",
    "widget/frame/<slug:app_id>/": "widget/frame/shop/",
    "widget/api/session": "widget/api/session",
    "widget/api/messages": "widget/api/messages",
    "widget/api/contact": "widget/api/contact",
    "widget/api/rating": "widget/api/rating",
    "widget/api/rating/skip": "widget/api/rating/skip",
    "demo/": "demo/",
}
# Answered before Django, to whoever brings a token, and to nobody for being logged in: tests/mcp/served.
MOUNTED = {"/mcp": 401, "/.well-known/oauth-protected-resource/mcp": 200}
LOGGING_IN = {"admin/login/", "admin/logout/"}  # tests/console/test_separate_zones.py and test_browse.py

# Kinds of pages that the admin makes for each model: by the end of their route.
OF_A_MODEL = {
    "": "list",
    "add/": "add",
    "<path:object_id>/change/": "change",
    "<path:object_id>/delete/": "delete",
    "<path:object_id>/history/": "history",
    "<path:object_id>/": "short",
    "^([^/]+)/history/([^/]+)/$": "version",
    "<object_pk>/permissions/": "rights",
    "<object_pk>/permissions/user-manage/<user_id>/": "rights of a person",
    "<object_pk>/permissions/group-manage/<group_id>/": "rights of a role",
}


@dataclass(frozen=True)
class Access:
    """Who sees a model in the admin, and who changes it; a `ledger` has neither changes nor history.

    `of_team`: OTHER sees the list, and in it nothing of this team. `own_only`: these see the list, and in it their own.
    """

    view: frozenset[str]
    change: frozenset[str] = frozenset()
    add: frozenset[str] = frozenset()
    delete: frozenset[str] = frozenset()
    ledger: bool = False
    of_team: bool = False
    own_only: frozenset[str] = frozenset()


def ledger(view: set[str], *, of_team: bool = False) -> Access:
    return Access(frozenset(view), ledger=True, of_team=of_team)


def managed(*people: str, add: bool = True, delete: bool = True, seen_by: tuple[str, ...] = ()) -> Access:
    who = frozenset(people)
    return Access(
        view=who | set(seen_by), change=who, add=who if add else frozenset(), delete=who if delete else frozenset()
    )


ADMIN: dict[str, Access] = {
    "agents.agent": managed(OPS, ROOT, seen_by=(SUPERVISOR, OTHER)),
    "agents.killswitch": managed(OPS, ROOT, add=False, delete=False, seen_by=(SUPERVISOR, OTHER)),
    "agents.budget": managed(OPS, ROOT),
    "agents.humanbaseline": managed(OPS, ROOT),
    "agents.humanrate": managed(OPS, ROOT),
    "agents.infrastructurecost": managed(OPS, ROOT),
    "agents.price": managed(OPS, ROOT),
    "agents.velocitycap": managed(OPS, ROOT),
    "agents.tally": ledger({AUDITOR, ROOT}),
    "agents.run": ledger(RUNS, of_team=True),
    "agents.handoff": ledger(RUNS, of_team=True),
    "agents.runevent": ledger(RUNS, of_team=True),
    "agents.modelcall": ledger(RUNS, of_team=True),
    "agents.toolcall": ledger(RUNS, of_team=True),
    "agents.spend": ledger(RUNS, of_team=True),
    "agents.effectsubject": ledger({AUDITOR, ROOT}),
    "approvals.approvalpolicy": managed(OPS, ROOT),
    "approvals.approvalrequest": ledger(APPROVALS, of_team=True),
    "approvals.approvaldecision": ledger(APPROVALS, of_team=True),
    "approvals.approvalquestion": ledger(APPROVALS, of_team=True),
    "approvals.rulebook": ledger({ROOT}),
    "approvals.delivery": ledger({OPS, ROOT}),
    "approvals.webhookendpoint": managed(OPS, ROOT),
    "audit.auditentry": ledger({AUDITOR, ROOT}),
    "changes.proposedchange": ledger({OPS, SUPERVISOR, AUDITOR, ROOT, OTHER}),
    "auth.group": Access(view=frozenset({OPS, ROOT}), add=frozenset({ROOT})),
    "axes.accessattempt": Access(view=frozenset({ROOT}), delete=frozenset({ROOT})),
    "axes.accessfailurelog": ledger({ROOT}),
    "axes.accesslog": ledger({ROOT}),
    "engineering.engineeringissue": ledger({ROOT}),
    "engineering.servicelog": ledger({TECH, ROOT}),
    "grants.receipt": ledger({AUDITOR, ROOT}),
    "knowledge.article": managed(ROOT, seen_by=tuple(DESK | {OTHER})),
    "staff.accesstoken": Access(view=STAFF, add=STAFF, ledger=True, own_only=STAFF - {OPS, ROOT}),
    "staff.team": managed(OPS, ROOT, seen_by=(AUDITOR,)),
    "staff.user": managed(OPS, ROOT),
    "store.account": ledger({*DESK, FINANCE, ROOT, OTHER} - {TECH}),
    "store.cancellation": ledger({ROOT}),
    "store.order": ledger({*DESK, FINANCE, ROOT, OTHER} - {TECH}),
    "store.payment": ledger({BILLING, FINANCE, ROOT}),
    "store.product": managed(ROOT),
    "store.refund": ledger({ROOT}),
    "tickets.customer": ledger(PERSONAL, of_team=True),
    "tickets.draft": ledger(TICKETS, of_team=True),
    "tickets.handover": ledger(TICKETS, of_team=True),
    "tickets.message": ledger(TICKETS, of_team=True),
    "tickets.rating": ledger(TICKETS, of_team=True),
    "tickets.skill": managed(OPS, ROOT),
    "tickets.teamnotice": ledger(TICKETS, of_team=True),
    "tickets.triage": ledger(TICKETS, of_team=True),
    "tickets.triagelabel": ledger(TICKETS, of_team=True),
    "tickets.workperiod": ledger(TICKETS, of_team=True),
    "tickets.ticket": Access(view=frozenset(TICKETS), change=frozenset({*DESK, ROOT, OTHER}), of_team=True),
    "tools.mcpserver": managed(OPS, ROOT, delete=False),
    "tools.tool": managed(OPS, ROOT, add=False, delete=False),
    "widget.widgetapp": managed(ROOT),
    "widget.widgetsession": ledger({ROOT}),
}
ACTIONS: dict[tuple[str, str], set[str]] = {
    **{(label, "delete_selected"): set(access.delete) for label, access in ADMIN.items() if access.delete},
    ("auth.group", "delete_selected"): {ROOT},
    ("auth.group", "copy_as_new_role"): {ROOT},
    ("axes.accessattempt", "cleanup_expired_attempts"): set(PEOPLE) - {ANONYMOUS},
    ("approvals.delivery", "send_again"): {OPS, ROOT},
    ("staff.accesstoken", "revoke"): set(STAFF),
    ("widget.widgetapp", "issue_signing_key"): {ROOT},
    ("widget.widgetapp", "retire_older_keys"): {ROOT},
}
del ACTIONS["agents.budget", "delete_selected"]  # one at a time, and never while calls are in flight


@dataclass
class House:
    """The world of this module: who is logged in where, and what the routes are filled with."""

    people: dict[str, User | AnonymousUser]
    clients: dict[str, Client]
    names: dict[str, object]
    objects: dict[str, Model]


@pytest.fixture(scope="module")
def house(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("permissions")
    monkeypatch = pytest.MonkeyPatch()
    logging.disable(logging.WARNING)  # a thousand refusals
    # Every page draws the menu, which asks the database for each list and each counter. It is not tested here.
    plain = {key: replace(item, badge=None) for key, item in navigation._items.items() if "admin:" not in key}
    monkeypatch.setattr(navigation, "_items", plain)
    monkeypatch.setattr(urls, "handler403", _refuse_in_words_once(), raising=False)
    with django_db_blocker.unblock(), override_settings(), transaction.atomic():
        yield _furnish(build_world(django_settings, folder))
        transaction.set_rollback(True)
    monkeypatch.undo()
    logging.disable(logging.NOTSET)


def _refuse_in_words_once() -> Callable[[HttpRequest, Exception], HttpResponse]:
    """Draw the page of a refusal for each person once: it is the same every time, and drawing it takes the longest."""
    told: set[object] = set()

    def refuse(request: HttpRequest, exception: Exception) -> HttpResponse:
        if request.user.pk in told:
            return HttpResponse(status=403)
        told.add(request.user.pk)
        return permission_denied(request, exception)

    return refuse


def _furnish(world: World) -> House:
    done = world.held_refund()
    world.approve(done)
    run = world.advance(done.ticket)
    make_order(world.order.account, "ORD-1044")
    again = {"order_id": "ORD-1044", "amount_minor": 8400, "currency": "EUR", "stated_reason": "arrived broken"}
    world.script([{"calls": [{"name": "store__issue_refund", "arguments": again}]}, {"text": HELD}])
    ticket = world.write("And ORD-1044, please")
    world.advance(ticket)
    pending = ApprovalRequest.objects.pending().get()
    draft = tickets.save_draft(ticket=ticket, body="Dear Ana", actor=world.rosa)
    _leave_traces(world, ticket)
    refund = run.tool_calls.get(name="store__issue_refund")
    unknown = ToolCall.objects.create(
        run=run, turn=90, index=0, name=refund.name, tool=refund.tool, state="OUTCOME_UNKNOWN", sent_at=timezone.now()
    )
    people = _people()
    names = {
        "unknown": unknown.pk,
        "request": pending.pk,
        "question": approvals.ask(request=pending, by=world.ana, question="Is there a photo?").pk,
        "run": run.pk,
        "call": run.tool_calls.first().pk,
        "ticket": ticket.number,
        "draft": draft.pk,
        "triage": _triage(world, ticket).pk,
        "team": ticket.team_id,
        "agent": world.agent.pk,
        "server": MCPServer.objects.get(name="store").pk,
        "user": world.rosa.pk,
        "change": _proposed_change(world).pk,
        "alert": _alert(world).pk,
        "rating": Rating.objects.get().pk,
        "gap": Gap.objects.create(query="gift wrapping", wording="gift wrapp", found=0, matched=0, call_key="x.1").pk,
        "item": _sampled(run).pk,
    }
    clients = {name: Client(raise_request_exception=False) for name in PEOPLE}
    for name, person in people.items():
        if name != ANONYMOUS:
            clients[name].force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return House(people, clients, names, _one_of_each(world))


def _triage(world: World, ticket: Any) -> Triage:
    return tickets.triage(
        ticket=ticket,
        category="return_refund",
        priority="high",
        language="en",
        sentiment="calm",
        team=ticket.team,
        reason="Wants money back",
        confidence=90,
        threshold=60,
        actor=world.agent.service_user,
    )


def _alert(world: World) -> CostAlert:
    """One that is open, about the agent of this house."""
    now = timezone.now()
    figures = {"rule": "cap", "minutes": 60, "spent": 9_000_000, "usual": 5_000_000, "weeks": 0}
    return CostAlert.objects.create(
        kind="spike", key="spike:agent", agent=world.agent, first_at=now, last_at=now, figures=figures
    )


def _sampled(run: Run) -> SampledItem:
    """A run that people are to judge."""
    stratum = Stratum.objects.create(
        week=timezone.now().date(), kind="run", agent=run.agent, mode="approved", category="other", population=1
    )
    return SampledItem.objects.create(stratum=stratum, run=run, finished_at=timezone.now(), wanted=1)


def _proposed_change(world: World) -> ProposedChange:
    """A pause that the demo's admin wants to end."""
    world.agent.status = Agent.Status.PAUSED
    world.agent.save()
    client = Client()
    client.force_login(world.admin, backend="django.contrib.auth.backends.ModelBackend")
    client.post(f"/admin/agents/agent/{world.agent.pk}/resume/", {"_form_submitted": "on", "reason": "Well again"})
    return ProposedChange.objects.get()


def _leave_traces(world: World, ticket: Any) -> None:
    """A row in every list that the refund alone leaves empty."""
    other = world.write("Where is it?", customer=type(world.customer).objects.get(reference="CUS-1002"))
    assert other.team == ticket.team
    tickets.hand_over(ticket=other, reason_code="other", summary="Stuck", actor=world.rosa)
    sorting = {"category": "other", "priority": "low", "language": "en", "sentiment": "calm", "team": ticket.team}
    triage = tickets.triage(
        ticket=ticket, **sorting, reason="Asks", confidence=80, threshold=60, actor=world.agent.service_user
    )
    tickets.label_triage(triage=triage, by=world.rosa, **sorting)
    WorkPeriod.objects.create(ticket=ticket, user=world.rosa, started_at=timezone.now(), seen_at=timezone.now())
    tickets.notify_team(team=ticket.team, ticket=ticket, message="Look", actor=world.rosa)
    tickets.close(ticket=other, by=world.rosa, outcome="by_person")
    tickets.rate(ticket=other, customer=other.customer, score=2)
    usual = {"ticket": ticket, "agent": world.agent, "state": "COMPLETED", "assurance": "verified"}
    first, second = (Run.objects.create(**usual) for _ in range(2))
    HandOff.objects.create(from_run=first, to_run=second, reason="money", summary="s", brief={}, after_seq=1)
    Skill.objects.create(user=world.rosa, category="payment")
    asked = ApprovalRequest.objects.pending().get()
    ApprovalQuestion.objects.create(request=asked, asked_by=world.ana, question="Is it broken?")
    now = timezone.now()
    Article.objects.create(slug="returns", title="Returns", body="30 days")
    ServiceLog.objects.create(at=now, service="app", level="info", message="Started")
    EngineeringIssue.objects.create(title="Crash", summary="It crashes", severity="low", filed_at=now)
    Cancellation.objects.create(order=world.order, cancelled_at=now, cancelled_by_type="user", cancelled_by_id="1")
    app = WidgetApp.objects.create(app_id="shop", name="Shop", team=ticket.team, allowed_origins=[])
    WidgetSession.objects.create(
        app=app, customer=world.customer, token_hash="x", assurance="verified", expires_at=now + timedelta(hours=1)
    )
    issue_token(user=world.rosa, by=world.rosa, name="Editor", scope="tools:read", lifetime=timedelta(days=1))
    endpoint = WebhookEndpoint.objects.create(name="CRM", url="https://crm.example/hooks", secret="WEBHOOK_SECRET_CRM")
    endpoint.teams.add(ticket.team)
    announce()
    VelocityCap.objects.create(scope="customer", max_count=1000)
    Price.objects.create(provider="openai_chat", model="our-own-model", input_micros=1, output_micros=1)
    InfrastructureCost.objects.create(month="2026-11-01", amount_micros=1)
    HumanRate.objects.create(hourly_micros=30_000_000)
    HumanBaseline.objects.create(category="payment", minutes=5)
    AccessAttempt.objects.create(username="eve", ip_address="127.0.0.1", failures_since_start=1)
    AccessFailureLog.objects.create(username="eve", ip_address="127.0.0.1")
    AccessLog.objects.create(username="ana", ip_address="127.0.0.1")


def _people() -> dict[str, User | AnonymousUser]:
    people: dict[str, User | AnonymousUser] = {ANONYMOUS: AnonymousUser()}
    for name in (*ROLES, OTHER):
        people[name] = _person(name, "Supervisor" if name == OTHER else name, "partners" if name == OTHER else "orders")
    people[NOBODY] = User.objects.create_user("nobody")
    people[ROOT] = User.objects.create_superuser("root")
    return people


def _person(name: str, role: str, slug: str) -> User:
    person = User.objects.create_user(f"the-{name.lower()}".replace(" ", "-"), is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    if role != AUDITOR:
        assign_perm("staff.view_team", person, team(slug))
    if role in (SUPERVISOR, FINANCE):
        assign_perm("staff.decide_for_team", person, team(slug))
    return person


def _one_of_each(world: World) -> dict[str, Model]:
    chosen = {
        "staff.user": world.rosa,
        "staff.team": Team.objects.get(slug="orders"),
        "agents.killswitch": KillSwitch.objects.get(),
        "tickets.customer": world.customer,
        "auth.group": Group.objects.get(name=REP),
    }
    return {
        label: chosen.get(label) or model._default_manager.first()
        for model in admin.site._registry
        if (label := model._meta.label_lower)
    }


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for each in resolver.url_patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each, path)
        else:
            yield path


MODEL_PAGE = re.compile(r"admin/(?P<app>\w+)/(?P<model>\w+)/(?P<rest>.*)")


def test_every_route_has_a_row() -> None:
    missing = []
    for route in sorted(set(routes(get_resolver())) - ROUTES.keys() - PUBLIC.keys() - LOGGING_IN):
        page = MODEL_PAGE.fullmatch(route)
        known = page and f"{page['app']}.{page['model']}" in ADMIN and page["rest"] in OF_A_MODEL
        if not known and not route.startswith("admin/^(?P<app_label>"):
            missing.append(route)
    assert missing == []


def test_every_model_of_the_admin_and_no_other_has_a_row() -> None:
    assert {model._meta.label_lower for model in admin.site._registry} == ADMIN.keys()


@pytest.mark.parametrize("person", PEOPLE)
def test_a_page_of_the_console_opens_for_whom_it_is(house: House, person: str) -> None:
    wrong = []
    for route, row in ROUTES.items():
        expected = LOG_IN if route.startswith("admin/") and person in NOT_STAFF else row.expected(person)
        got = _try(house, person, row)
        if got != expected:
            wrong.append((row.method, row.path, f"expected {expected}, got {got}"))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("route", PUBLIC)
def test_a_public_address_answers_everybody_alike(house: House, route: str) -> None:
    answers = {_ask(house, person, "GET", "/" + PUBLIC[route]) for person in PEOPLE}
    assert len(answers) == 1
    assert answers <= {200, 401, 404, 405, 503}


def test_every_mounted_address_has_a_row() -> None:
    assert routing.MOUNTED.keys() == MOUNTED.keys()


@pytest.mark.parametrize("person", PEOPLE)
def test_an_address_outside_django_knows_tokens_and_no_logged_in_person(house: House, person: str) -> None:
    cookies = "; ".join(f"{name}={each.value}" for name, each in house.clients[person].cookies.items())
    assert ("sessionid=" in cookies) == (person != ANONYMOUS)
    for path, expected in MOUNTED.items():
        method = "POST" if path == "/mcp" else "GET"
        assert _ask_outside_django(method, path, {"host": "testserver", "cookie": cookies}) == expected


@pytest.mark.parametrize(
    "person",
    # Drawing every page takes seconds: `make test` asks for whom the admin is made, and for those who have no business.
    [one if one in (OPS, NOBODY, ANONYMOUS) else pytest.param(one, marks=pytest.mark.slow) for one in PEOPLE],
)
def test_a_page_of_the_admin_opens_for_whom_it_is(house: House, person: str) -> None:
    wrong = []
    for label, access in ADMIN.items():
        for method, path, expected in _pages(house, label, access, person):
            if (got := _ask(house, person, method, path)) != (LOG_IN if person in NOT_STAFF else expected):
                wrong.append((method, path, f"expected {expected}, got {got}"))
    assert not wrong, "\n".join(map(str, wrong))


def _pages(house: House, label: str, access: Access, person: str) -> Iterator[tuple[str, str, int]]:
    """Method, path and status of each page of one model, for a person of the admin."""
    base = f"/admin/{label.replace('.', '/')}/"
    pk = house.objects[label].pk
    elsewhere = (access.of_team and person == OTHER) or person in access.own_only
    # The admin says "does not exist" by going to its start page.
    shown = LOG_IN if elsewhere else 200

    def status(people: frozenset[str], allowed: int = 200) -> int:
        return allowed if person in people else 403

    only_page = label == "agents.killswitch"
    yield "GET", base, status(access.view, 302 if only_page else 200)
    yield "GET", f"{base}{pk}/", 302
    yield "GET", f"{base}{pk}/change/", status(access.view, shown)
    yield "POST", f"{base}{pk}/change/", status(access.change, shown)
    yield "GET", f"{base}add/", status(access.add)
    yield "POST", f"{base}add/", status(access.add)
    yield "GET", f"{base}{pk}/delete/", status(access.delete)
    if access.ledger:
        yield "GET", f"{base}{pk}/history/", 403
        return
    yield "GET", f"{base}{pk}/history/", status(access.view, shown)
    if not isinstance(admin.site.get_model_admin(type(house.objects[label])), GuardedModelAdminMixin):
        return
    granting = frozenset({ROOT})
    yield "GET", f"{base}{pk}/permissions/", status(granting)
    yield "GET", f"{base}{pk}/permissions/user-manage/{house.names['user']}/", status(granting)
    yield "GET", f"{base}{pk}/permissions/group-manage/{Group.objects.get(name=REP).pk}/", status(granting)
    version = getattr(house.objects[label], "history", None)
    if version is not None and version.exists():
        yield "GET", f"{base}{pk}/history/{version.first().pk}/", status(access.view)


@pytest.mark.parametrize("person", [person for person in PEOPLE if person != ANONYMOUS])
def test_an_action_is_offered_to_whom_it_is_for(house: House, person: str) -> None:
    request = RequestFactory().get("/admin/")
    request.user = house.people[person]
    offered = {
        (model._meta.label_lower, name)
        for model, model_admin in admin.site._registry.items()
        for name in model_admin.get_actions(request)
    }
    expected = {action for action, people in ACTIONS.items() if person in people}
    assert offered == expected


def _try(house: House, person: str, row: Row) -> int:
    with transaction.atomic():
        if row.first:
            house.clients[person].post("/" + row.first.format(**house.names))
        data = {name: value.format(**house.names) for name, value in row.data}
        got = _ask(house, person, row.method, "/" + row.path.format(**house.names), data)
        transaction.set_rollback(True)
    return got


def _ask_outside_django(method: str, path: str, headers: dict[str, str]) -> int:
    async def exchange() -> int:
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "scheme": "http", "headers": lines}
        communicator = ApplicationCommunicator(routing.Pages(None), scope)
        await communicator.send_input({"type": "http.request", "body": b"{}"})
        return int((await communicator.receive_output(10))["status"])

    return asyncio.run(exchange())


def _ask(house: House, person: str, method: str, path: str, data: dict[str, str] | None = None) -> int:
    """The status that this person gets; whatever it did is undone."""
    client = house.clients[person]
    with transaction.atomic():
        answer = client.get(path) if method == "GET" else client.post(path, data or {})
        transaction.set_rollback(True)
    return int(answer.status_code)
