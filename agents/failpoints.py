"""Named places in the loop at which a test makes a worker process die.

Only a test build has them: elsewhere `reach` is an empty function and the environment is not read.
`FAILPOINT=after_intent:kill` ends the process with SIGKILL where it gets there, so that nothing is cleaned up.
"""

import os
import signal

from django.conf import settings


def reach(name: str) -> None:
    """Say that this place is reached. Nothing happens in an installation."""


def _reach_in_tests(name: str) -> None:
    if os.environ.get("FAILPOINT") == f"{name}:kill":
        os.kill(os.getpid(), signal.SIGKILL)


if settings.ENVIRONMENT == "test":
    reach = _reach_in_tests
