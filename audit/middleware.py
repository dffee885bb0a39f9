"""Puts the person who is logged in, and an id of the request, beside everything that a request records."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from audit.context import Actor, acting, request_id

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9-]{8,64}")


@sync_and_async_middleware
def audit_context(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Place it after AuthenticationMiddleware. The user is loaded only if something is recorded."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponse:
            with _context(request) as identity:
                response: HttpResponse = await get_response(request)
            response[HEADER] = identity
            return response

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponse:
        with _context(request) as identity:
            response: HttpResponse = get_response(request)
        response[HEADER] = identity
        return response

    return synchronous


@contextmanager
def _context(request: HttpRequest) -> Iterator[str]:
    given = request.headers.get(HEADER, "")
    identity = given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex
    token = request_id.set(identity)
    try:
        with acting(lambda: Actor.of(request.user)):
            yield identity
    finally:
        request_id.reset(token)
