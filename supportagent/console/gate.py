"""What every form of the admin passes before it reaches its view. The app that judges changes puts itself here."""

import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

Gate = Callable[[HttpRequest, Callable[[], HttpResponseBase]], HttpResponseBase]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_gate: Gate | None = None


def install(gate: Gate) -> None:
    """Let `gate` answer every request of the admin that may change something; it calls the view or does not."""
    global _gate
    _gate = gate


def ungated(view: Any) -> Any:
    """Mark a view that changes nothing by itself, or judges its changes on its own: it is called directly."""
    view.is_ungated = True
    return view


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """The view behind the gate."""
    if getattr(view, "is_ungated", False):
        return view

    @functools.wraps(view)
    def behind_the_gate(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if _gate is None or request.method in SAFE_METHODS:
            return view(request, *args, **kwargs)
        return _gate(request, functools.partial(view, request, *args, **kwargs))

    return behind_the_gate
