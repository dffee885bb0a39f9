"""Who hears that a person's page is open. The app that knows people puts itself here; the sockets only report."""

from collections.abc import Callable
from typing import Any

Listener = Callable[[Any], None]

_listener: Listener | None = None


def install(listener: Listener) -> None:
    """Let `listener` hear of every person whose page is open, about once a minute and socket."""
    global _listener
    _listener = listener


def report(user: Any) -> None:
    if _listener is not None:
        _listener(user)
