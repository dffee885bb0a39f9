"""Web origins: which sites may embed a widget, and which requests come from our own frame."""

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.http import HttpRequest

_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?\Z")
MAX_ORIGINS = 50


def validate_origins(value: object) -> None:
    """A list of exact origins such as `https://shop.example`. No path and no wildcard: both would let in
    pages that nobody listed. Raises ValidationError naming the first that is wrong."""
    if not isinstance(value, list) or len(value) > MAX_ORIGINS:
        raise ValidationError(f"Give a list of at most {MAX_ORIGINS} origins.")
    for origin in value:
        if not isinstance(origin, str) or not _ORIGIN.match(origin):
            raise ValidationError(f"{str(origin)[:80]!r} is not an origin like https://shop.example")


def own_origin(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def is_foreign(request: HttpRequest, allowed: Iterable[str]) -> bool:
    """Whether the browser says that this request was made by a page that is neither ours nor allowed.

    Requests without an Origin header pass: browsers always send it where it matters (cross-origin and
    POST), and other clients can forge it anyway; the token is what authenticates.
    """
    origin = request.headers.get("Origin")
    return origin is not None and origin != own_origin(request) and origin not in set(allowed)
