"""Race for the last micro-unit: `make budget-race`, or `python -m tests.race` on the database of DATABASE_URL.

Many processes make model calls under shared caps, through the product's own `think`: it prices, reserves, asks, retries
and accounts. The server (`tests.race.provider`) cuts streams and refuses at random and keeps its own sum of what it
billed; workers are killed at random and others take their place; a reaper forfeits what the dead had reserved. Then:

- the server billed under no cap more than the cap (overshoot), and at no moment was more held than the cap;
- no reservation is left open, and every counter is the sum of its reservations (leak);
- every denial is explained by the counters that judged it, and whoever gave a budget up did so with nothing in flight
  and with less left in the end than one call may cost (false stop).

RACE_PROCESSES, RACE_SECONDS (the longest it takes calls), RACE_CALLS (by a ticket's cap) and RACE_SEED size it.
"""

import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench.__main__ import installation
from tests.bench.processes import served
from tests.broker import Broker
from tests.race.provider import INPUT_PRICE, OUTPUT_PRICE

TICKETS = 3  # of each process, one after another
SHARED_BY = 4  # processes whose tickets are of one customer
AGENTS = 2
MAX_OUTPUT = 120
EXPIRY_SECONDS = 5  # of a reservation: longer than a call takes here
KILL_EVERY = 0.5  # seconds, on average


@dataclass(frozen=True)
class Size:
    """How large a race is."""

    processes: int = int(os.environ.get("RACE_PROCESSES", "64"))
    seconds: float = float(os.environ.get("RACE_SECONDS", "110"))
    calls: int = int(os.environ.get("RACE_CALLS", "12"))
    seed: int = int(os.environ.get("RACE_SEED", "1"))


@dataclass(frozen=True)
class Finding:
    """One line of the table: what was found, and whether it may be."""

    what: str
    value: object
    wrong: bool = False


def main() -> int:
    size = Size()
    with tempfile.TemporaryDirectory(prefix="race-") as name:
        folder, broker = Path(name), Broker(Path(name))
        try:
            with installation(broker, folder) as database, served("tests.race.provider", str(size.seed)) as address:
                began = time.monotonic()
                findings = race(size, folder, address)
                took = time.monotonic() - began
        finally:
            broker.kill()
    print(f"{size.processes} processes, {database}, {os.cpu_count()} cores, Python {platform.python_version()}")  # noqa: T201
    for finding in findings:
        print(f"  {finding.what:<58}{finding.value!s:>12}{'  WRONG' if finding.wrong else ''}")  # noqa: T201
    print(f"  {'seconds':<58}{took:>12.0f}", flush=True)  # noqa: T201
    return int(any(finding.wrong for finding in findings))


def race(size: Size, folder: Path, address: str) -> list[Finding]:
    """Write the installation, let everybody run, and look at what became of the money."""
    from django.conf import settings
    from django.db import connection

    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = address, "none"
    runs, most = _write(size)
    connection.close()
    field = Field(size, folder, runs)
    sampled = field.run()
    return _judge(field, most, sampled, address)


def _request(ids: list[int]) -> Any:
    from agents.providers.base import ModelRequest, Said

    said = Said("customer", "Please tell me about my order, it was to be here yesterday. " * 3)
    told = f"You are an agent of the shop. budgets:{json.dumps(ids)}"
    return ModelRequest("race", told, (said,), (), MAX_OUTPUT, True, time.monotonic() + 20)


def _write(size: Size) -> tuple[list[list[Any]], int]:
    """Agents, tickets, runs and caps that are reached at different times; the runs of each process, and the most that
    a call may reserve."""
    from agents.costs import budgets, prices
    from agents.models import Agent, Budget, Run
    from audit import log as audit_log
    from audit.context import Actor, acting
    from supportagent.demo.agents_seed import service_account
    from supportagent.demo.governance_seed import seed_governance
    from supportagent.demo.seed_data.write_people import write_people
    from supportagent.staff.models import Team
    from supportagent.tickets.models import Customer, Ticket

    price = prices.price_for(provider="race", model="race", override=(INPUT_PRICE, OUTPUT_PRICE))
    bound = prices.input_bound(_request([10**5] * 7))
    most = prices.worst_case(input_tokens=bound, max_output_tokens=MAX_OUTPUT, price=price)
    ticket_cap = most * size.calls
    by_agent = ticket_cap * TICKETS * size.processes // AGENTS
    scope, period = Budget.Scope, Budget.Period
    with acting(Actor.system("race")), audit_log.transaction():
        write_people()
        seed_governance()
        Budget.objects.all().delete()  # the race has its own
        team = Team.objects.get(slug="orders")
        agents = []
        for number in range(AGENTS):
            slug = f"racer-{number}"
            agents.append(
                Agent.objects.create(
                    slug=slug,
                    name=slug,
                    status=Agent.Status.LIVE,
                    goal="-",
                    success_criteria="-",
                    instructions="-",
                    service_user=service_account(slug, slug, ()),
                    team=team,
                    session_cap_micros=ticket_cap,
                    input_price_micros=INPUT_PRICE,
                    output_price_micros=OUTPUT_PRICE,
                )
            )
            # One agent's day ends before its month, the other's month before its day.
            day, month = (75, 90) if number else (90, 80)
            for span, share in ((period.DAY, day), (period.MONTH, month)):
                Budget.objects.create(scope=scope.AGENT, subject=slug, period=span, cap=by_agent * share // 100)
        Budget.objects.create(scope=scope.ORGANISATION, period=period.MONTH, cap=by_agent * AGENTS * 76 // 100)
        Budget.objects.create(scope=scope.ANONYMOUS, period=period.DAY, cap=by_agent * AGENTS // 10)
        for number in range(-(-size.processes // SHARED_BY)):
            customer = Customer.objects.create(reference=f"CUS-{number}", name=f"Customer {number}")
            cap = ticket_cap * TICKETS * SHARED_BY * 85 // 100
            Budget.objects.create(scope=scope.CUSTOMER, subject=customer.reference, period=period.DAY, cap=cap)
        runs: list[list[Any]] = []
        for process in range(size.processes):
            customer = Customer.objects.get(reference=f"CUS-{process // SHARED_BY}")
            known = Ticket.Assurance.ANONYMOUS if process % SHARED_BY == 0 else Ticket.Assurance.VERIFIED
            agent = agents[process % AGENTS]
            mine = []
            for number in range(TICKETS):
                ticket = Ticket.objects.create(
                    number=f"R-{process}-{number}", customer=customer, team=team, subject="race", assurance=known
                )
                ids = budgets.ids_for(agent=agent, ticket=ticket)
                mine.append(Run.objects.create(ticket=ticket, agent=agent, assurance=known, budget_ids=ids).pk)
            runs.append(mine)
    return runs, most


class Field:
    """The processes of a race, started and killed by this one, which has paid for the imports."""

    def __init__(self, size: Size, folder: Path, runs: list[list[Any]]) -> None:
        self.size, self.folder, self.runs = size, folder, runs
        self.dice = random.Random(size.seed)
        self.killed = self.crashed = 0
        self.slots: dict[int, int] = {}  # process id -> which runs it works on

    def run(self) -> int:
        """Let it run to the end of the money or of the time; the most that was ever held above a cap."""
        self._import()
        reaper = self._fork("reaper", _reap)
        watcher = self._fork("watcher", lambda say: _watch(say))
        for slot in range(self.size.processes):
            self._start(slot)
        deadline = time.monotonic() + self.size.seconds
        next_kill = time.monotonic() + 2
        while self.slots and time.monotonic() < deadline:
            self._bury(start_again=True)
            if time.monotonic() >= next_kill and self.slots:
                next_kill = time.monotonic() + self.dice.uniform(0, 2 * KILL_EVERY)
                os.kill(self.dice.choice(list(self.slots)), signal.SIGKILL)
            time.sleep(0.02)
        for pid in self.slots:
            os.kill(pid, signal.SIGKILL)
        while self.slots:
            self._bury(start_again=False)
            time.sleep(0.02)
        time.sleep(EXPIRY_SECONDS + 2)  # what they held expires, and the reaper comes by
        for pid in (reaper, watcher):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        return max((line["over"] for line in self.said("watcher")), default=0)

    def said(self, *kinds: str) -> list[dict[str, Any]]:
        """What the processes wrote down."""
        files = [self.folder / f"{kind}.said" for kind in kinds]
        texts = [file.read_text() for file in files if file.exists()]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def _import(self) -> None:
        import agents.loop.thinking
        import agents.providers.openai_chat  # noqa: F401 - before the first fork, not in every one

    def _start(self, slot: int) -> None:
        pid = self._fork("workers", lambda say: _work(self.runs[slot], say, self.folder / f"given-up-{slot}"))
        self.slots[pid] = slot

    def _bury(self, *, start_again: bool) -> None:
        for pid, slot in list(self.slots.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self.slots[pid]
            self.killed += os.WIFSIGNALED(status)
            self.crashed += not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) != 0
            if status and start_again:
                self._start(slot)

    def _fork(self, kind: str, work: Callable[[Callable[..., None]], None]) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
            errors = os.open(self.folder / "errors.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(errors, 2)
            book = os.open(self.folder / f"{kind}.said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            work(lambda **line: os.write(book, json.dumps(line).encode() + b"\n"))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _work(runs: list[Any], say: Callable[..., None], given_up: Path) -> None:
    """Ask under one ticket after another, until a cap of each is used up. A successor does not ask again for those."""
    from agents.costs import budgets
    from agents.lease import claim, step
    from agents.loop import thinking
    from agents.models import Run
    from agents.providers.openai_chat import OpenAIChat

    _expire_soon()
    thinking.BACKOFF_SECONDS = 0.03
    provider = OpenAIChat()
    over = given_up.read_text().split() if given_up.exists() else []
    for key in (key for key in runs if str(key) not in over):
        Run.objects.filter(pk=key).update(state=Run.State.QUEUED)
        held = claim(key)
        assert held is not None
        while True:
            try:
                thought = thinking.think(held, held.run.its_agent, provider, _request(held.run.budget_ids))
                with step(held):
                    budgets.settle(thought.spend, charged=thought.cost)
                say(kind="call")
            except thinking.ModelFailed:
                say(kind="failed")
            except budgets.BudgetDenied as denied:
                use = denied.use
                assert use is not None
                final = use.reserved == 0
                say(kind="denied", spent=use.spent, reserved=use.reserved, cap=use.cap, final=final, why=str(denied))
                if final:
                    break
                time.sleep(0.1)  # others hold what is left; they may give some of it back
        with given_up.open("a") as file:
            file.write(f"{key}\n")


def _expire_soon() -> None:
    from django.db.models.functions import Now

    from agents.costs import holding

    holding.RESERVATION_SECONDS = EXPIRY_SECONDS
    holding.EXPIRES_AT = Now() + timedelta(seconds=EXPIRY_SECONDS)


def _reap(say: Callable[..., None]) -> None:
    from django.db import OperationalError

    from agents.costs import budgets

    while True:
        try:
            say(forfeited=budgets.forfeit_expired())
        except OperationalError:
            traceback.print_exc()
        time.sleep(0.5)


def _watch(say: Callable[..., None]) -> None:
    """Look at every cap again and again."""
    from agents.models import Budget

    while True:
        rows = Budget.objects.values_list("reserved", "spent", "cap")
        say(over=max(reserved + spent - cap for reserved, spent, cap in rows))
        time.sleep(0.2)


def _judge(field: Field, most: int, sampled: int, address: str) -> list[Finding]:
    from django.db.models import Sum

    from agents.costs import budgets
    from agents.models import Budget, Run, Spend

    with urllib.request.urlopen(f"{address}/billed", timeout=10) as answer:
        told = json.load(answer)
    billed = {int(key): amount for key, amount in told["billed"].items()}
    rows = list(Budget.objects.all())
    sums: dict[int, int] = {}
    for ids, charged in Spend.objects.values_list("budget_ids", "charged"):
        for key in ids:
            sums[key] = sums.get(key, 0) + charged
    overshoot = max(billed.get(row.pk, 0) - row.cap for row in rows)
    uncounted = max(billed.get(row.pk, 0) - row.spent for row in rows)
    lines = field.said("workers")
    denials = [line for line in lines if line["kind"] == "denied"]
    unexplained = [line for line in denials if line["spent"] + line["reserved"] + most <= line["cap"]]
    by_name = {str(row): row for row in rows}
    final = [line for line in denials if line["final"]]
    given_up = {line["why"].partition(":")[0] for line in final}
    false_stops = [line for line in final if by_name[line["why"].partition(":")[0]].left >= most]
    states = {state: Spend.objects.filter(state=state).count() for state in Spend.State.values}
    open_ones, drifts = states[Spend.State.RESERVED], len(budgets.drifts())
    miscounted = [row for row in rows if row.reserved or row.spent != sums.get(row.pk, 0)]
    charged = dict(Spend.objects.order_by().values_list("run").annotate(Sum("charged")))
    misjudged = [run for run, cost in Run.objects.values_list("pk", "cost_micros") if cost != charged.get(run, 0)]
    organisation = next(row for row in rows if row.scope == Budget.Scope.ORGANISATION)
    errors = field.folder / "errors.log"
    if field.crashed and errors.exists():
        print(errors.read_text()[-3000:], file=sys.stderr)  # noqa: T201
    return [
        Finding("attempts reserved", sum(states.values()), wrong=sum(states.values()) < field.size.processes),
        Finding("settled, released, forfeited", "/".join(str(states[s]) for s in ("settled", "released", "forfeited"))),
        *(Finding(f"the server: {mode}", count) for mode, count in sorted(told["modes"].items())),
        Finding("workers killed", field.killed, wrong=not field.killed),
        Finding("workers that crashed by themselves", field.crashed),
        Finding("caps; of them given up by somebody", f"{len(rows)}; {len(given_up)}"),
        Finding("the organisation's cap, micro-units", organisation.cap),
        Finding("  spent / billed by the server", f"{organisation.spent}/{billed.get(organisation.pk, 0)}"),
        Finding("most billed above a cap, micro-units", max(overshoot, 0), wrong=overshoot > 0),
        Finding("most held above a cap at any moment", max(sampled, 0), wrong=sampled > 0),
        Finding("most billed beyond what was counted", max(uncounted, 0), wrong=uncounted > 0),
        Finding("reservations left open; drifts", f"{open_ones}; {drifts}", wrong=bool(open_ones or drifts)),
        Finding("counters that are not the sum of their rows", len(miscounted), wrong=bool(miscounted)),
        Finding("runs whose cost is not the sum of their rows", len(misjudged), wrong=bool(misjudged)),
        Finding("denials; final", f"{len(denials)}; {len(final)}", wrong=not denials),
        Finding("denials that the counters do not explain", len(unexplained), wrong=bool(unexplained)),
        Finding("given up while money was left", len(false_stops), wrong=bool(false_stops)),
    ]


if __name__ == "__main__":
    sys.exit(main())
