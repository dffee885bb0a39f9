"""The supervisor with small programs in place of the product's, driven as a process of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

# Each program prints its process id first. `family` starts a child of its own; `stubborn` ignores SIGTERM.
SCRIPT = """
import sys
from supportagent.demo.processes import Program, Supervisor
say = "import os, time, sys; print('pid', os.getpid(), flush=True); "
bodies = {
    "sleeper": say + "time.sleep(60)",
    "crasher": say + "sys.exit(3)",
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + say + "time.sleep(60)",
    "family": "import subprocess; print('child', subprocess.Popen(['sleep', '60']).pid, flush=True); "
    + say + "time.sleep(60)",
    "silent": say + "os.close(1); os.close(2); time.sleep(60)",
}
supervisor = Supervisor(out=sys.stdout, grace=1.0)
with supervisor.stopped_by_signals():
    supervisor.start(*(Program(name, [sys.executable, "-c", bodies[name]]) for name in sys.argv[1:]))
    supervisor.run()
print("stopped", flush=True)
"""

Start = Callable[..., "subprocess.Popen[str]"]


def pids(process: "subprocess.Popen[str]", count: int) -> list[int]:
    """The first `count` process ids that the programs report."""
    found: list[int] = []
    assert process.stdout
    while len(found) < count:
        line = process.stdout.readline()
        assert line, "the supervisor ended early"
        _, _, said = line.partition("| ")
        if said.startswith(("pid ", "child ")):
            found.append(int(said.split()[1]))
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(*processes: int, within: float = 3.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in processes):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_leaves_no_process(started: Start, number: signal.Signals):
    supervisor = started("-c", SCRIPT, "sleeper", "family")
    children = pids(supervisor, 3)
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=5) == 0
    assert gone(*children)
    assert supervisor.stdout and "stopped\n" in supervisor.stdout.read()


def test_a_program_that_ignores_the_request_is_killed_after_the_grace(started: Start):
    supervisor = started("-c", SCRIPT, "stubborn")
    children = pids(supervisor, 1)
    supervisor.terminate()
    assert supervisor.wait(timeout=5) == 0
    assert gone(*children)
    assert supervisor.stdout and "did not stop within 1 s and was killed" in supervisor.stdout.read()


def test_killing_the_supervisor_outright_takes_its_programs_along(started: Start):
    supervisor = started("-c", SCRIPT, "sleeper", "stubborn")
    children = pids(supervisor, 2)
    supervisor.kill()
    assert gone(*children)


def test_a_crashed_program_is_started_again_more_and_more_slowly(started: Start):
    supervisor = started("-c", SCRIPT, "crasher")
    assert supervisor.stdout
    lines = []
    while len(lines) < 2:
        line = supervisor.stdout.readline()
        if "starting it again" in line:
            lines.append(line.partition("| ")[2].strip())
    assert lines == [
        "stopped with code 3; starting it again in 0.5 s",
        "stopped with code 3; starting it again in 1 s",
    ]


def test_a_killed_program_comes_back_as_another_process(started: Start):
    supervisor = started("-c", SCRIPT, "sleeper")
    (first,) = pids(supervisor, 1)
    os.kill(first, signal.SIGKILL)
    (second,) = pids(supervisor, 1)
    assert second != first
    assert alive(second)


def test_a_program_that_closes_its_output_does_not_keep_the_supervisor_busy(started: Start):
    supervisor = started("-c", SCRIPT, "silent")
    pids(supervisor, 1)
    time.sleep(0.3)
    before = _cpu(supervisor.pid)
    time.sleep(1.0)
    assert _cpu(supervisor.pid) - before < 0.3


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
