"""Run a program that dies with the process that started it: `python launch.py PARENT_PID PROGRAM ARGUMENT...`

A supervisor that is killed outright cannot stop its children, so the kernel does it (Linux). This is a
program of its own because the alternative, code between fork and exec, can deadlock in a threaded parent.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew about us
        sys.exit("The process that started this one is gone.")
    os.execv(program[0], program)  # noqa: S606 - the arguments come from the supervisor


if __name__ == "__main__":
    main()
