"""Named places at which a test makes a process die, stop or stumble.

Only a test build has them: elsewhere `reach` is an empty function and the environment is not read.
`FAILPOINT=after_intent:kill` ends the process with SIGKILL where it gets there, so that nothing is cleaned up;
`after_intent:stop:3` stops it (SIGSTOP) the third time it gets there; `after_intent:hang:1` keeps the thread, and
nothing else of the process, the first time. Several are separated by commas.
"""

import itertools
import os
import signal
import time

from django.conf import settings

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_HANGS_SECONDS = 60
_reached: dict[str, "itertools.count[int]"] = {}


def reach(name: str) -> None:
    """Say that this place is reached. Nothing happens in an installation."""


def _reach_in_tests(name: str) -> None:
    for point in os.environ.get("FAILPOINT", "").split(","):
        place, _, rest = point.partition(":")
        if place != name:
            continue
        action, _, wanted = rest.partition(":")
        # Threads share the counter; next() on it is atomic, so exactly one of them is the n-th.
        if not wanted or next(_reached.setdefault(point, itertools.count(1))) == int(wanted):
            _act(action)


def _act(action: str) -> None:
    if action == "exhaust":
        raise MemoryError("the failpoint used up the memory")
    if action == "hang":
        time.sleep(_HANGS_SECONDS)
        return
    os.kill(os.getpid(), _SIGNALS[action])


if settings.ENVIRONMENT == "test":
    reach = _reach_in_tests
