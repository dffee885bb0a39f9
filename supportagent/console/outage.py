"""What a visitor reads when a request breaks: a database that is away is a matter of moments, not an error of ours.

As the 500 handler this also covers what breaks in a middleware, where the session and the user are read.
"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

RETRY_AFTER_SECONDS = 5
JSON_PATHS = ("/widget/api/",)
AWAY = "We cannot take this at the moment. Please try again in a few seconds; it is taken once, however often you try."


def broken(request: HttpRequest) -> HttpResponse:
    """503 with Retry-After when the database did not answer, so that nothing was accepted; else 500."""
    if not isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _broken_json() if request.path.startswith(JSON_PATHS) else server_error(request)
    if request.path.startswith(JSON_PATHS):
        response: HttpResponse = _json("unavailable", AWAY, 503)
    else:
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def _broken_json() -> JsonResponse:
    return _json("server_error", "Something went wrong. The error has been recorded.", 500)


def _json(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
