"""What the way through the product adds to a tool call, beside a bare client; and what many tools add to a turn.

Over HTTP: one read and one write that goes by itself, against a payment server in a process of its own that answers at
once, by a client of the SDK that is kept, by one made for each call, and by a run. In process: a read of the store.

Of a run everything counts between two questions to the model: the reply is committed and paid, its call judged, its
intent committed, the call made (a write lists the tool again), its outcome and the audit stored, and the conversation
read again. What of that a turn costs in any case is told by a reply whose call is refused at once; what is left beside
it and beside the call is the gate's.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.test import override_settings
from mcp.client.client import Client

from agents.loop import execution, thinking
from agents.loop.runner import AgentRunner
from agents.models import Run, ToolCall
from agents.providers.scripted import Scripted
from approvals.models import ApprovalPolicy
from supportagent.tools.access import USE
from supportagent.tools.models import MCPServer, Tool, ToolGrant
from tests.bench.report import Row, spread
from tests.bench.story import Shop
from tests.mcp.bank import Bank
from tests.mcp.conftest import tool_row

TITLE = "The gateway, per call of an imported server (HTTP, a server in another process), and planning with many tools"
ROLE = "Billing specialist"
WARM_UP = 3


def run(shop: Shop, folder: Path, *, quick: bool) -> Iterator[Row]:
    """The ways of one call side by side, then what ours adds to the others; then a turn with 1 tool and with 50."""
    times = 15 if quick else 100
    script = {"DEFAULT_MODEL_PROVIDER": "scripted", "DEFAULT_MODEL": "scripted"}
    reached = {"INTERNAL_HOSTS": ["127.0.0.1"], "SCRIPTED_MODEL_FILE": str(folder / "script.json")}
    with Bank(folder, "bench-bank", modern=True) as bank, override_settings(**script, **reached):
        read, write = _reviewed(bank)
        refused, _ = _ours(shop, "store__nothing", {}, times, ToolCall.State.REFUSED)
        yield spread("a run whose call is refused at once", refused)
        for tool in (read, write):
            kind = "HTTP, a write" if tool.writes else "HTTP, a read"
            kept, fresh = asyncio.run(_bare(bank.url, tool, times))
            whole, call = _ours(shop, tool.qualified_name, _arguments(tool, 0), times)
            yield spread(f"{kind}: bare client, kept", kept)
            yield spread(f"{kind}: bare client, made for the call", fresh)
            yield from _added(kind, whole, call, refused)
            ours = statistics.median(whole) - statistics.median(refused)
            yield Row(
                f"{kind}: call and gate, over a bare client (medians)",
                (("ms, kept", ours - statistics.median(kept)), ("ms, made", ours - statistics.median(fresh))),
            )
        whole, call = _ours(shop, "store__get_customer", {}, times)
        yield from _added("in process, a read", whole, call, refused)
        yield from _planning(shop, times)


def _added(kind: str, whole: Sequence[float], call: Sequence[float], refused: Sequence[float]) -> Iterator[Row]:
    yield spread(f"{kind}: by a run, all of it", whole)
    yield spread(f"{kind}: by a run, the call alone", call)
    gate = [of_whole - of_call - statistics.median(refused) for of_whole, of_call in zip(whole, call, strict=True)]
    yield spread(f"{kind}: the gate around it", gate)


def _reviewed(bank: Bank) -> tuple[Tool, Tool]:
    """A read and a write of the bank, granted to the agent's role; a rule lets the write go by itself."""
    server = MCPServer.objects.create(name="bank", title="Bank", transport="http", url=bank.url)
    said = {"ownership": "nobody", "reversible": "yes", "enabled": True, "tool_class": "keyed", "timeout_seconds": 10}
    read = tool_row(server, "get_payment", **{**said, "tool_class": "read"})
    write = tool_row(server, "issue_refund", **said, bound_arguments={"idempotency_key": "call"}, impact="account")
    for tool in (read, write):
        tool.save()
        _grant(tool)
    ApprovalPolicy.objects.create(order=0, name="Bench gateway", tool=write, outcome=ApprovalPolicy.Outcome.ALLOW)
    return read, write


def _grant(tool: Tool) -> None:
    right = Permission.objects.get(content_type__app_label="tools", codename=USE)
    ToolGrant.objects.create(group=Group.objects.get(name=ROLE), permission=right, content_object=tool)


def _arguments(tool: Tool, number: int) -> dict[str, Any]:
    if not tool.writes:
        return {"payment_id": "PAY-0001"}
    return {"payment_id": "PAY-0001", "amount_minor": 1, "currency": "EUR", "idempotency_key": f"bare-{number}"}


async def _bare(url: str, tool: Tool, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each call with a client that is kept, and with one for each call."""
    kept, fresh = [], []
    async with Client(url) as connected:
        for number in range(times + WARM_UP):
            began = time.perf_counter()
            await connected.call_tool(tool.name, _arguments(tool, number))
            kept.append((time.perf_counter() - began) * 1e3)
    for number in range(times + WARM_UP):
        began = time.perf_counter()
        async with Client(url) as connected:
            await connected.call_tool(tool.name, _arguments(tool, times + WARM_UP + number))
        fresh.append((time.perf_counter() - began) * 1e3)
    return kept[WARM_UP:], fresh[WARM_UP:]


def _ours(
    shop: Shop, name: str, arguments: dict[str, Any], times: int, ends: str = ToolCall.State.SUCCEEDED
) -> tuple[list[float], list[float]]:
    """Milliseconds between two questions to the model with this call between them, and of the call alone."""
    asked = {**arguments, "stated_reason": "to see what it costs"}
    asked.pop("idempotency_key", None)  # the host's
    shop.world.script([{"calls": [{"name": name, "arguments": asked}]}, {"text": "Done."}])
    whole, alone = [], []
    for _ in range(times + WARM_UP):
        with _timed(thinking, "think") as thought, _timed(execution, "call_tool") as called:
            _advance(shop)
        if len(thought) != 2 or ToolCall.objects.latest("created_at").state != ends:
            raise RuntimeError(f"a call of {name} went astray: {ToolCall.objects.latest('created_at').code}")
        whole.append((thought[1][0] - thought[0][1]) * 1e3)
        alone.append(sum(end - begin for begin, end in called) * 1e3)
    return whole[WARM_UP:], alone[WARM_UP:]


def _advance(shop: Shop) -> None:
    """One message of a new customer, worked on to its end."""
    [customer] = shop.customers(1)
    ticket = shop.world.write("What was paid?", customer=customer)
    AgentRunner(Run.objects.get(ticket=ticket).pk).advance()


def _planning(shop: Shop, times: int) -> Iterator[Row]:
    """From when a run is taken until the model is asked, with its rights read: 1 granted tool, then 50 of 5 servers.

    No server is there: nothing answers at these addresses.
    """
    grants = list(ToolGrant.objects.filter(group__name=ROLE, permission__codename=USE))
    ToolGrant.objects.filter(group__name=ROLE, permission__codename=USE).delete()
    shop.world.script([{"text": "Done."}])
    tools = list(_many_tools())
    medians = []
    for count in (1, 50):
        for tool in tools[len(medians) and 1 : count]:
            _grant(tool)
        taken = []
        for _ in range(times + WARM_UP):
            with _timed(AgentRunner, "advance") as advanced, _timed(Scripted, "complete") as completed:
                _advance(shop)
            taken.append((completed[0][0] - advanced[0][0]) * 1e3)
        medians.append(statistics.median(taken[WARM_UP:]))
        yield spread(f"taken -> model asked, {count} imported tool{'s' * (count > 1)}", taken[WARM_UP:])
    yield Row("added by 49 tools (ms, of medians)", (("ms", medians[1] - medians[0]),))
    ToolGrant.objects.bulk_create(grants)


def _many_tools() -> Iterator[Tool]:
    """Ten tools on each of five servers."""
    for number in range(5):
        name = f"far{number}"
        server = MCPServer.objects.create(name=name, title=name, transport="http", url="http://127.0.0.1:9/mcp")
        for one in range(10):
            tool = tool_row(server, "get_payment", ownership="nobody", enabled=True, tool_class="read")
            tool.name, tool.qualified_name = f"read_{one}", f"{name}__read_{one}"
            tool.save()
            yield tool


@contextmanager
def _timed(owner: Any, name: str) -> Iterator[list[tuple[float, float]]]:
    """When each call of a function began and ended, in seconds."""
    function: Callable[..., Any] = getattr(owner, name)
    found: list[tuple[float, float]] = []

    def timed(*args: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*args, **named)
        finally:
            found.append((began, time.perf_counter()))

    setattr(owner, name, timed)
    try:
        yield found
    finally:
        setattr(owner, name, function)
