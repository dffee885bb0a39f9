"""Answers of foreign servers: read strictly, bounded, and turned into plain data. Nothing here is believed or followed.

Whatever is larger, deeper or otherwise not what JSON-RPC says is no answer at all: BadAnswer.
"""

import json
import unicodedata
from collections.abc import AsyncIterable, Iterator
from typing import Any

import mcp_types as types
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from supportagent.grants.server import RESULT_LIMIT
from supportagent.grants.strict import MAX_INTEGER
from supportagent.tickets.text import storable

MAX_DEPTH = 32
# A result may stand in an answer twice, as data and as text.
ANSWER_LIMIT = 2 * RESULT_LIMIT + 16 * 1024
# Of everything that comes before an answer: progress events, log lines.
NOISE_LIMIT = 8 * 1024 * 1024
ERROR_TEXT_LIMIT = 500
HIDDEN = "[hidden]"


class BadAnswer(Exception):
    """What arrived is no answer; the text says why and repeats nothing of it."""


def parse(body: bytes) -> Any:
    """JSON in UTF-8, without duplicate keys, NaN or more than MAX_DEPTH levels. Raises BadAnswer."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except BadAnswer:
        raise
    except (ValueError, RecursionError):
        raise BadAnswer("the answer is not JSON") from None
    _check_depth(value)
    return value


def reply_to(message: Any, identity: Any, *, null_is_ours: bool = False) -> dict[str, Any]:
    """The JSON-RPC reply to the request of this id. Raises BadAnswer for everything else."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise BadAnswer("the answer is not JSON-RPC")
    given = message.get("id")
    if (type(given), given) != (type(identity), identity) and not (null_is_ours and given is None):
        raise BadAnswer("the answer belongs to another request")
    if ("result" in message) == ("error" in message):
        raise BadAnswer("the answer holds neither a result nor an error, or both")
    if not isinstance(message.get("result", message.get("error")), dict):
        raise BadAnswer("the answer's result is not an object")
    return {"jsonrpc": "2.0", "id": identity, **{k: message[k] for k in ("result", "error") if k in message}}


async def collect(chunks: AsyncIterable[bytes], *, limit: int) -> bytes:
    """All of a body; raises BadAnswer as soon as there is more than `limit`."""
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BadAnswer(f"the answer is larger than {limit // 1024} KB")
        parts.append(chunk)
    return b"".join(parts)


async def from_event_stream(chunks: AsyncIterable[bytes], identity: Any, *, limit: int) -> dict[str, Any]:
    """The reply inside an event stream. Progress, log lines and the server's own requests are dropped.

    Raises BadAnswer when the stream ends without one, when it is too large, or when one belongs to another request.
    """
    size, rest = 0, b""
    async for chunk in chunks:
        size += len(chunk)
        if size > limit + NOISE_LIMIT:
            raise BadAnswer("the server sent too much beside an answer")
        *events, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in events:
            if len(event) > limit:
                raise BadAnswer(f"the answer is larger than {limit // 1024} KB")
            if (message := _reply_in(event)) is not None:
                return reply_to(message, identity)
        if len(rest) > limit:
            raise BadAnswer(f"the answer is larger than {limit // 1024} KB")
    raise BadAnswer("the stream ended before an answer")


def _reply_in(event: bytes) -> Any:
    """The message of an event, when it is a reply; None for all others, most of which are not even parsed."""
    if b'"result"' not in event and b'"error"' not in event:
        return None
    lines = event.split(b"\n")
    data = b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
    message = parse(data) if data else None
    return None if isinstance(message, dict) and "method" in message else message


def data_of(result: types.CallToolResult, *, secret: str) -> dict[str, Any]:
    """What a model or a person may see of a result. Raises BadAnswer when it is too large."""
    content = list(_content(result.content))
    texts = [text for is_text, text in content if is_text]
    others = [text for is_text, text in content if not is_text]
    structured = result.structured_content
    if isinstance(structured, dict):
        data = dict(structured)
    elif structured is not None:
        data = {"result": structured}
    else:
        data = _of_text(texts)
    if others:
        data.setdefault("not_shown", others)
    plain: dict[str, Any] = clean(data, secret=secret)
    if len(json.dumps(plain)) > RESULT_LIMIT:
        raise BadAnswer("the result is larger than 256 KB")
    return plain


def _of_text(texts: list[str]) -> dict[str, Any]:
    """Many servers write their data as JSON into one text; everything else stays words."""
    if len(texts) == 1 and texts[0].lstrip()[:1] in ("{", "["):
        try:
            found = parse(texts[0].encode("utf-8", "surrogatepass"))
        except BadAnswer:
            found = None
        if found is not None:
            return dict(found) if isinstance(found, dict) else {"result": found}
    return {"text": "\n".join(texts)}


def error_text(result: types.CallToolResult, *, secret: str) -> str:
    """What a server says about its own failure: words, bounded."""
    words = " ".join(text for is_text, text in _content(result.content) if is_text)
    return shorten(words, secret=secret)


def shorten(text: str, *, secret: str) -> str:
    """One bounded line of a foreign text, without our token."""
    return " ".join(str(clean(text, secret=secret)).split())[:ERROR_TEXT_LIMIT]


def clean(value: Any, *, secret: str) -> Any:
    """A copy that a database can hold and a digest can be made of: NFC, no NUL, our token hidden.

    A number with a fraction, or too large to be exact everywhere, becomes text: no money is computed from it.
    """
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", storable(value))
        return text.replace(secret, HIDDEN) if secret else text
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > MAX_INTEGER):
        return str(value)
    if isinstance(value, list):
        return [clean(item, secret=secret) for item in value]
    if isinstance(value, dict):
        return {clean(key, secret=secret): clean(item, secret=secret) for key, item in value.items()}
    return value


def keeps(data: Any, schema: dict[str, Any]) -> bool:
    """Whether structured content keeps the schema that its tool declares. A schema that cannot be used keeps none."""
    try:
        return Draft202012Validator(schema, registry=Registry()).is_valid(data)
    except (SchemaError, Unresolvable, RecursionError, TypeError, ValueError):
        return False


def _content(blocks: list[Any]) -> Iterator[tuple[bool, str]]:
    """Each block as (is text, text). Nothing is fetched, opened or decoded."""
    for block in blocks:
        if isinstance(block, types.TextContent):
            yield True, block.text
        elif isinstance(block, types.ImageContent | types.AudioContent):
            yield False, f"{block.type} ({block.mime_type}, {len(block.data)} characters of base64)"
        elif isinstance(block, types.ResourceLink):
            yield False, f"link, not opened: {block.uri} ({block.name})"
        elif isinstance(block.resource, types.TextResourceContents):
            yield True, block.resource.text
        else:
            yield False, f"file, not opened: {block.resource.uri}"


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise BadAnswer(f"the answer is nested more than {MAX_DEPTH} levels deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadAnswer("the answer names one field twice")
    return result


def _no_constant(_text: str) -> Any:
    raise BadAnswer("the answer holds a number that is none")
