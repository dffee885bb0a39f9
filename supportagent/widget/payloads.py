"""Request bodies of the public endpoints: capped before they are parsed, and parsed strictly."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from supportagent.grants.strict import InvalidArguments, parse
from supportagent.widget.errors import Refused

MAX_BODY_BYTES = 64 * 1024


def read_json(request: HttpRequest, *, required: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    """The body as an object with exactly these fields, no coercion.

    Raises Refused: 415 for another content type, 413 above 64 KiB, 400 for anything that is not strict JSON
    (duplicate keys, NaN, deep nesting, lone surrogates) or has missing, unknown or wrongly typed fields.
    """
    if request.content_type != "application/json":
        raise Refused(415, "unsupported_media_type", "Send application/json.")
    try:
        body = parse(_capped_body(request).decode("utf-8"))
    except (InvalidArguments, UnicodeDecodeError) as error:
        raise Refused(400, "invalid_json", "The request is not valid JSON.") from error
    allowed = {**required, **optional}
    if not required.keys() <= body.keys() <= allowed.keys():
        raise Refused(400, "invalid_fields", f"The fields are {', '.join(sorted(allowed))}.")
    for name, value in body.items():
        if type(value) is not allowed[name]:
            raise Refused(400, "invalid_fields", f"{name} must be a {allowed[name].__name__}.")
    return body


def _capped_body(request: HttpRequest) -> bytes:
    declared = request.headers.get("Content-Length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
        raise too_large()
    body: bytes = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    return body


def too_large() -> Refused:
    return Refused(413, "too_large", "This message is too long to send.", limit_bytes=MAX_BODY_BYTES)
