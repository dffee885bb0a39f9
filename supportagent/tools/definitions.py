"""What a foreign server says about a tool, judged before it is kept. None of it is trusted, all of it is bounded."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from supportagent.tools.schema import REASON

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}")
QUALIFIED_LIMIT = 64  # what the APIs of models accept
DESCRIPTION_LIMIT = 4_000
SCHEMA_LIMIT = 64 * 1024
MAX_DEPTH = 16
MAX_ARGUMENTS = 64
PATTERN_LIMIT = 200
# A repetition of something that repeats: such a pattern can take for ever on a short text.
_NESTED = re.compile(r"\([^()]*[*+}][^()]*\)(?:[*+]|\{\d*,)")
# They point elsewhere, or move what the others point to.
_ELSEWHERE = ("$id", "$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$anchor")


def qualified(server: str, tool: str) -> str:
    """The name by which models call it."""
    return f"{server}__{tool}"


def hardened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as we apply it: an argument that it does not name is never sent."""
    return {**schema, "additionalProperties": False}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What two definitions say differently, as lines with + and -; nothing in it is invisible."""
    lines = difflib.unified_diff(_lines(before), _lines(after), "as reviewed", "as offered now", lineterm="")
    return "\n".join(lines)


def visible(text: str) -> str:
    """The text with every character written out that a reader would not see, or that turns the others around."""
    return "".join(f"[U+{ord(letter):04X}]" if _is_hidden(letter) else letter for letter in text)


def problems(definition: Mapping[str, Any], *, server: str) -> list[str]:
    """Why a declaration is not imported, one sentence each; empty when it can be."""
    return [*_words(definition, server), *_schema(definition["inputSchema"]), *_output(definition["outputSchema"])]


def _words(definition: Mapping[str, Any], server: str) -> Iterator[str]:
    name = definition["name"]
    if not NAME.fullmatch(name):
        yield "its name is not made of up to 60 letters, digits, hyphens and underscores"
    elif "__" in name:
        yield "its name holds a double underscore, which separates servers from tools"
    elif len(qualified(server, name)) > QUALIFIED_LIMIT:
        yield f"its name, with that of the server, is longer than {QUALIFIED_LIMIT} characters"
    if len(definition["description"]) > DESCRIPTION_LIMIT or len(definition["title"]) > DESCRIPTION_LIMIT:
        yield f"its description is longer than {DESCRIPTION_LIMIT} characters"
    hidden = sorted({f"U+{ord(letter):04X}" for letter in _letters(definition) if _is_hidden(letter)})
    if hidden:
        yield f"it holds characters that nobody sees: {', '.join(hidden[:5])}"


def _schema(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield "its arguments are not an object"
        return
    arguments = schema.get("properties", {})
    if not isinstance(arguments, dict) or len(arguments) > MAX_ARGUMENTS:
        yield f"it has more than {MAX_ARGUMENTS} arguments"
        return
    for name in arguments:
        if not ARGUMENT.fullmatch(name):
            yield "an argument has a name that is none"
        if name == REASON:
            yield f"it has an argument {REASON}, which is ours"
    yield from _usable(schema)


def _output(schema: Any) -> Iterator[str]:
    if schema:
        yield from _usable(schema)


def _usable(schema: Any) -> Iterator[str]:
    """Whether a schema can be applied here: small, complete in itself, and quick."""
    if len(json.dumps(schema)) > SCHEMA_LIMIT:
        yield f"a schema is larger than {SCHEMA_LIMIT // 1024} KB"
        return
    try:
        pairs = list(_pairs(schema, depth=0))
        Draft202012Validator.check_schema(schema)
    except RecursionError:
        yield f"a schema is nested more than {MAX_DEPTH} levels deep"
        return
    except SchemaError:
        yield "a schema is not JSON Schema"
        return
    for key, value in pairs:
        if key in _ELSEWHERE or (key == "$ref" and not str(value).startswith("#")):
            yield f"a schema points elsewhere ({key})"
        patterns = [value] if key == "pattern" else value if key == "patternProperties" else ()
        for pattern in patterns if isinstance(patterns, list | dict) else ():
            yield from _pattern(pattern)


def _pattern(pattern: Any) -> Iterator[str]:
    if not isinstance(pattern, str):
        return  # an argument that happens to be called so
    if len(pattern) > PATTERN_LIMIT or _NESTED.search(pattern):
        yield "a pattern is too long, or repeats what repeats: it could be made to run for ever"
        return
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        yield "a pattern is not a regular expression"


def _pairs(value: Any, *, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        yield from value.items()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _pairs(inner, depth=depth + 1)


def _letters(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from key
            yield from _letters(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _letters(inner)


def _is_hidden(letter: str) -> bool:
    """Format, private and unassigned characters, controls beside line breaks and tabs, and variation selectors."""
    if letter in "\n\r\t":
        return False
    return unicodedata.category(letter) in ("Cc", "Cf", "Cn", "Co", "Cs") or "\ufe00" <= letter <= "\ufe0f"


def _lines(definition: Mapping[str, Any]) -> list[str]:
    return json.dumps(definition, indent=2, sort_keys=True, ensure_ascii=True).splitlines()
