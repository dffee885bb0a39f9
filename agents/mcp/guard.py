"""Run a program that does not outlive us: `python guard.py LIFELINE PROGRAM ARGUMENT...`

The worker holds the other end of the pipe LIFELINE. When that is closed, however the worker ended, or when the program
itself ends, the whole process group is killed, with whatever the program started. This is a program of its own because
code between fork and exec can deadlock in a threaded parent, and because a killed worker cleans up nothing.
"""

import os
import select
import signal
import sys

POLL_SECONDS = 0.2


def main() -> None:
    lifeline, program = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(lifeline, False)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the program is asked to end; we stay to see that it does
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            os.execvp(program[0], program)  # noqa: S606 - an argument list; no shell reads it
        except OSError:
            os._exit(127)
    for standard in (0, 1, 2):  # they are the program's: when it ends, that must show
        os.close(standard)
    _wait(lifeline, pid)
    os.killpg(0, signal.SIGKILL)


def _wait(lifeline: int, pid: int) -> None:
    """Until the worker or the program has ended."""
    try:
        select.select([lifeline, os.pidfd_open(pid)], [], [])
    except (AttributeError, OSError):  # not Linux
        while not select.select([lifeline], [], [], POLL_SECONDS)[0] and os.waitpid(pid, os.WNOHANG) == (0, 0):
            pass


if __name__ == "__main__":
    main()
