"""One JSON-RPC message as an outside client sent it: parsed strictly, before the SDK parses it in its own way.

Ordinary JSON tooling keeps the last of two equal keys and turns NaN and 1e400 into numbers. What could be read in two
ways is refused here, so that nobody reads it in another.
"""

import json
import re
from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR, UNSUPPORTED_PROTOCOL_VERSION

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
# Both eras of the protocol. Older clients send no version with a request, so they could not be told from broken ones.
VERSIONS = ("2026-07-28", "2025-11-25", "2025-06-18")
_SURROGATE = re.compile("[\ud800-\udfff]")


class BadMessage(Exception):
    """Not a message that is served: answered with HTTP 400 and this JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message} | ({} if data is None else {"data": data})


def read(body: bytes, version: str | None) -> dict[str, Any]:
    """The request or notification in a body, in a version of the protocol that is served. Raises BadMessage."""
    message = _parse(body)
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise BadMessage(INVALID_REQUEST, "The body must be one JSON-RPC request or notification")
    if "result" in message or "error" in message:
        raise BadMessage(INVALID_REQUEST, "A response is not accepted: this server asks its clients nothing")
    if "id" in message and message["method"].startswith("notifications/"):
        raise BadMessage(INVALID_REQUEST, "A notification has no id")
    _check_version(message, version)
    return message


def _parse(body: bytes) -> Any:
    try:
        message = json.loads(
            body.decode(), object_pairs_hook=_unique_pairs, parse_constant=_no_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _Refused) else "Parse error"
        raise BadMessage(PARSE_ERROR, reason) from error
    _check_values(message)
    return message


def _check_values(message: Any) -> None:
    """Depth and characters, without recursion: the value was written by somebody else."""
    waiting = [(message, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BadMessage(PARSE_ERROR, f"Nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, str) and ("\0" in value or _SURROGATE.search(value)):
            raise BadMessage(PARSE_ERROR, "Text contains characters that are not allowed")


def _check_version(message: dict[str, Any], version: str | None) -> None:
    """A header says the version; only the handshake, which settles it, says it in the body."""
    if message["method"] == "initialize" and version is None:
        params = message.get("params")
        version = params.get("protocolVersion") if isinstance(params, dict) else None
    if version not in VERSIONS:
        asked = version[:40] if isinstance(version, str) else ""
        raise BadMessage(
            UNSUPPORTED_PROTOCOL_VERSION,
            "Unsupported protocol version",
            {"supported": list(VERSIONS), "requested": asked},
        )


class _Refused(ValueError):
    """A reason that may be told."""


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Refused("A key is given twice")
    return result


def _no_number(_text: str) -> Any:
    raise _Refused("A number must be finite")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _Refused("A number must be finite")
    return number
