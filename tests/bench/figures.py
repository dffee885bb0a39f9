"""How fast the dashboard answers over the records of 90 days.

The rows are written set-wise: tickets with one run each, ten tool calls and ten model calls to a run, a conversation to
each ticket as the rollup would leave it, and a decided request to every third. The page is asked for through Django's
test client, with everything from the session to the finished HTML.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.costs import conversations, interactions
from agents.models import HumanBaseline, HumanRate, Interaction, ModelCall, Run, ToolCall
from approvals.models import ApprovalRequest
from supportagent.metrics.filters import PRESETS
from supportagent.tickets.models import Ticket
from tests.bench.copies import analyse, copy, new_key, seconds_ago
from tests.bench.report import Row, spread
from tests.bench.story import Shop, model

TITLE = "Figures: the dashboard over the records of 90 days"
TICKETS, CALLS, DAYS = 100_000, 10, 90
FIRST = 3_000_000  # key of the first ticket


def run(shop: Shop, *, quick: bool) -> Iterator[Row]:
    """The page in its default view, in others, and for a reader of some teams."""
    tickets, times = (TICKETS // 10, 5) if quick else (TICKETS, 15)
    began = time.perf_counter()
    _fill(shop, tickets)
    seconds = time.perf_counter() - began
    yield Row(f"{tickets:,} tickets, {tickets * CALLS:,} tool calls and model calls", (("s", seconds),))
    admin, ana = Client(), Client()
    admin.force_login(shop.world.admin)
    ana.force_login(shop.world.ana)
    for days in ("28", *(each for each in PRESETS if each != "28")):
        yield _answers(admin, f"dashboard, {days} days", f"/console/?period={days}", times)
    yield _answers(ana, "dashboard, one team’s reader, 28 days", "/console/", times)
    slug = shop.world.agent.slug
    yield _answers(admin, "dashboard, one agent, 28 days", f"/console/?agent={slug}", times)
    yield _answers(admin, "dashboard, one tool, 28 days", "/console/?tool=store__issue_refund", times)
    yield _answers(admin, "an agent’s page, 28 days", f"/console/agents/{slug}/", times)


def slowest(client: Client, path: str, most: int = 12) -> list[str]:
    """The statements of a page that take longest, with their seconds: to see what to mend."""
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    ordered = sorted(queries, key=lambda each: -float(each["time"]))
    return [f"{each['time']} {each['sql'][:600]}" for each in ordered[:most]]


def _answers(client: Client, what: str, path: str, times: int) -> Row:
    took = []
    statements = 0
    for number in range(times + 1):
        began = time.perf_counter()
        if number == 0:  # the first one reads templates
            with CaptureQueriesContext(connection) as queries:
                answer: Any = client.get(path)
            statements = len(queries)
        else:
            answer = client.get(path)
            took.append((time.perf_counter() - began) * 1e3)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
    row = spread(what, took)
    return Row(row.what, (*row.figures, ("statements", statements)))


def _fill(shop: Shop, count: int) -> None:
    with model():
        [customer] = shop.customers(1)
        shop.whole(customer)
    first = Run.objects.of_agents().filter(state=Run.State.COMPLETED).latest("created_at")
    interactions.rebuild()
    HumanRate.objects.create(effective_from="2020-01-01T00:00:00Z", hourly_micros=30_000_000, decision_seconds=60)
    HumanBaseline.objects.create(minutes=6)
    apart = DAYS * 86400 / count
    at = seconds_ago(f"n * {apart}")
    categories = " ".join(f"WHEN {number} THEN '{each}'" for number, each in enumerate(Ticket.Category.values))
    category = f"CASE n %% {len(Ticket.Category.values)} {categories} END"
    ticket = {"id": f"{FIRST} + n", "number": "'FIG-' || n", "state": "'CLOSED'", "category": category}
    copy(Ticket, first.ticket_id, ticket | {"created_at": at, "updated_at": at}, count)
    past = {"id": new_key(), "ticket_id": f"{FIRST} + n", "turns": "n", "ended_because": "'figures'", "created_at": at}
    copy(Run, first.pk, past, count)
    join = "JOIN agents_run past ON past.ended_because = 'figures'"
    call = {
        "id": new_key(),
        "run_id": "past.id",
        "turn": "n",
        "state": "CASE (past.turns + n) %% 50 WHEN 0 THEN 'FAILED' ELSE 'SUCCEEDED' END",
        "sent_at": "past.created_at",
        "created_at": "past.created_at",
        "action_key": "''",
        "effect_key": "''",
        "subject": "''",
    }
    sent = ToolCall.objects.filter(run=first, tool__isnull=False).latest("turn")
    copy(ToolCall, sent.pk, call, CALLS, join)
    reply = {"id": f"{FIRST * 10} + past.turns * 10 + n", "run_id": "past.id", "turn": "n", "raw": "NULL", "text": "''"}
    copy(
        ModelCall,
        ModelCall.objects.filter(run=first).latest("turn").pk,
        reply | {"created_at": "past.created_at"},
        CALLS,
        join,
    )
    ended = {
        "ticket_id": f"{FIRST} + n",
        "category": category,
        "resolution": "CASE n %% 8 WHEN 0 THEN 'assisted' WHEN 1 THEN 'escalated' WHEN 2 THEN 'abandoned' "
        "WHEN 3 THEN 'by_person' ELSE 'unassisted' END",
        "opened_at": at,
        "ended_at": seconds_ago(f"n * {apart} - n %% 5000"),
        "first_answer_seconds": "n %% 600",
        "resolution_seconds": "n %% 5000",
        "human_seconds": "CASE n %% 8 WHEN 1 THEN 300 WHEN 3 THEN 600 ELSE 0 END",
        "decisions": "n %% 2",
        "model_micros": "1000 + n %% 9000",
        "model_calls": "10",
        "tool_calls": "10",
        "tools": f"'{conversations.named(sent.tool.qualified_name)}'",
        "score": "CASE n %% 4 WHEN 0 THEN 1 + n %% 5 ELSE NULL END",
        "agent_version": "one.agent_version",
        "final": "TRUE",
    }
    copy(Interaction, first.ticket_id, ended, count)
    decided = {
        "id": f"{FIRST} + n",
        "ticket_id": f"{FIRST} + n * 3",
        "call_id": new_key(),
        "state": "CASE n %% 6 WHEN 0 THEN 'REJECTED' WHEN 1 THEN 'EXPIRED' ELSE 'APPROVED' END",
        "created_at": seconds_ago(f"n * 3 * {apart} + n %% 900"),
        "decided_at": seconds_ago(f"n * 3 * {apart}"),
    }
    copy(ApprovalRequest, ApprovalRequest.objects.latest("pk").pk, decided, count // 3)
    analyse()
