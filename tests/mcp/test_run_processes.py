"""Imported servers that are processes of ours: bounded in what they say, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.mcp import pool
from agents.mcp.background import background
from agents.mcp.client import DefinitionChanged, NotExecuted, OutcomeUnknown
from agents.mcp.pool import pools
from supportagent.grants.server import Outcome
from supportagent.tools.models import Tool
from tests.mcp.bank import StdioBank
from tests.mcp.conftest import call, server_row, tool_row

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_processes_left() -> Iterator[None]:
    yield
    for process in list(pool.live):
        process.kill()
    background.loop.call_soon_threadsafe(pools.clear)


def refund(bank: StdioBank, name: str = "refund_payment", **fields: object) -> Tool:
    return tool_row(server_row(transport="stdio", command=bank.command), name, **fields)


def test_calls_share_a_process_that_answers_cleanly(stdio_bank: StdioBank) -> None:
    for number in range(3):
        assert call(refund(stdio_bank), key=f"call-{number}").ok
    assert len(stdio_bank.lines("start")) == 1
    assert len(stdio_bank.posts()) == len(stdio_bank.effects()) == 3


@pytest.mark.parametrize("mode", ["logs_on_stdout", "log_flood", "stderr_flood"])
def test_noise_beside_an_answer_is_dropped(stdio_bank: StdioBank, mode: str) -> None:
    stdio_bank.fault(mode)
    assert call(refund(stdio_bank)).ok
    assert len(stdio_bank.posts()) == 1


@pytest.mark.parametrize("mode", ["dies_after", "dies_before", "wrong_id", "oversize", "deep", "result_empty"])
def test_after_the_call_was_written_the_outcome_is_unknown(stdio_bank: StdioBank, mode: str) -> None:
    stdio_bank.fault(mode)
    with pytest.raises(OutcomeUnknown):
        call(refund(stdio_bank))
    assert len(stdio_bank.posts()) == 1
    assert len(stdio_bank.effects()) == int(mode != "dies_before")


def test_a_line_without_an_end_is_skipped_and_the_answer_after_it_heard(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("long_line")
    assert call(refund(stdio_bank)).ok


def test_a_process_that_died_is_started_again(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("dies_after", times=1)
    with pytest.raises(OutcomeUnknown):
        call(refund(stdio_bank), key="one")
    assert call(refund(stdio_bank), key="two").ok
    assert len(stdio_bank.lines("start")) == 2


def test_a_program_that_does_not_start_is_tried_again_after_a_pause_that_doubles(
    stdio_bank: StdioBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdio_bank.fault("start_fails")
    with pytest.raises(NotExecuted):
        call(refund(stdio_bank))
    with pytest.raises(NotExecuted, match="tried again in"):
        call(refund(stdio_bank))
    assert len(stdio_bank.lines("start")) == 1
    (waiting,) = pools.values()
    first = waiting.backoff
    waiting.not_before = 0
    with pytest.raises(NotExecuted):
        call(refund(stdio_bank))
    assert waiting.backoff == 2 * first
    waiting.not_before = 0
    stdio_bank.fault("ok")
    assert call(refund(stdio_bank)).ok
    stdio_bank.wait_for(lambda: waiting.backoff == 0)


def test_a_program_that_is_not_there_means_not_executed() -> None:
    with pytest.raises(NotExecuted, match="not installed"):
        call(tool_row(server_row(transport="stdio", command=["/nowhere/server"])))


def test_arguments_of_the_command_are_never_read_by_a_shell(stdio_bank: StdioBank, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    command = [*stdio_bank.command, "--host", f"$(touch {trap}); touch {trap}"]
    assert call(tool_row(server_row(transport="stdio", command=command))).ok
    assert not trap.exists()


def test_a_hanging_process_is_killed_at_the_deadline(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("hang")
    with pytest.raises(OutcomeUnknown):
        call(refund(stdio_bank, timeout_seconds=1))
    assert stdio_bank.alive(), "until the deadline it may still answer"
    stdio_bank.wait_for(lambda: not stdio_bank.alive())


def test_a_slow_process_may_answer_late(stdio_bank: StdioBank, late_answers: list[tuple[str, Outcome]]) -> None:
    stdio_bank.fault("slow", delay=1.5, times=1)
    with pytest.raises(OutcomeUnknown):
        call(refund(stdio_bank, timeout_seconds=1), key="call-7.1")
    (key, outcome) = stdio_bank.wait_for(lambda: late_answers)[0]
    assert (key, outcome.ok) == ("call-7.1", True)


def test_a_process_that_never_exits_goes_with_everything_it_started(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("never_exits")
    assert call(refund(stdio_bank)).ok
    assert len(stdio_bank.alive()) == 2
    (waiting,) = pools.values()
    (worker,) = waiting.idle
    background.loop.call_soon_threadsafe(lambda: worker.stop(gently=True))
    stdio_bank.wait_for(lambda: not stdio_bank.alive())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_worker_however_it_ends(stdio_bank: StdioBank, number: signal.Signals) -> None:
    stdio_bank.fault("never_exits")
    script = (
        "import django; django.setup()\n"
        "from agents.mcp import remote\n"  # without a database, which keeps the server's health
        "from tests.mcp.conftest import server_row, tool_row\n"
        f"tool = tool_row(server_row(transport='stdio', command={stdio_bank.command!r}), 'get_payment')\n"
        "print(remote.read(tool, {'payment_id': 'PAY-0001'}).ok, flush=True)\n"
        "import time; time.sleep(600)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline().strip() == b"True"
    assert len(stdio_bank.alive()) == 2
    worker.send_signal(number)
    worker.communicate()
    stdio_bank.wait_for(lambda: not stdio_bank.alive())


def test_calls_at_the_same_time_have_a_process_each_and_no_more_than_four(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("slow", delay=0.3)
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda key=f"call-{number}": outcomes.append(call(refund(stdio_bank), key=key)))
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == len(stdio_bank.effects()) == 6
    assert len(stdio_bank.lines("start")) <= pool.MAX_PROCESSES


@pytest.mark.django_db
def test_a_definition_that_changed_is_not_called(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("list_changed")
    with pytest.raises(DefinitionChanged):
        call(refund(stdio_bank))
    assert stdio_bank.posts() == []


def test_a_read_is_tried_again_in_a_new_process(stdio_bank: StdioBank) -> None:
    stdio_bank.fault("dies_before", times=1, tool="get_payment")
    assert call(refund(stdio_bank, "get_payment")).data["captured_minor"] == 8400
    assert len(stdio_bank.lines("start")) == 2


def test_a_forked_process_begins_with_a_loop_of_its_own(stdio_bank: StdioBank) -> None:
    assert call(refund(stdio_bank), key="parent").ok
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if call(refund(stdio_bank), key="child").ok else 1)
        except BaseException:
            os._exit(2)
    until = time.monotonic() + 20
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.05)
    if ended == (0, 0):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert ended[1] == 0
    assert [line["key"] for line in stdio_bank.effects()] == ["parent", "child"]
    assert call(refund(stdio_bank), key="again").ok
