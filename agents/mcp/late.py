"""Answers that come after the caller was told that the outcome is unknown."""

import logging
from collections.abc import Callable
from importlib import import_module

from django.db import close_old_connections, connections

from agents.mcp.background import background
from supportagent.grants.server import Outcome

logger = logging.getLogger(__name__)


def note_late(key: str, outcome: Outcome) -> None:
    """Hand a late answer to whoever keeps unknown outcomes."""
    import_module("agents.outcomes").note_late(key, outcome)


hook: list[Callable[[str, Outcome], None]] = [note_late]
"""What is told about a late answer: the key of the call, and what its server says."""


def deliver(key: str, read: Callable[[], Outcome | None]) -> None:
    """Call the hook from a helper thread, with what `read` makes of the answer; None says nothing certain."""
    background.loop.run_in_executor(None, _deliver, key, read)


def _deliver(key: str, read: Callable[[], Outcome | None]) -> None:
    try:
        close_old_connections()
        outcome = read()
        if outcome is not None:
            logger.info("call %s was answered late", key)
            hook[0](key, outcome)
    except Exception:
        # The call stays unknown, and a person looks at it: nothing is lost but the convenience.
        logger.exception("the late answer to call %s could not be noted", key)
    finally:
        connections.close_all()  # a helper thread serves many calls and must not hold one open
