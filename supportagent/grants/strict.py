"""Arguments as they were sent: strict parsing, strict validation, one canonical digest.

Ordinary JSON tooling turns "100", 100.0 and True into 100 and drops what it does not know. Money moves on these
arguments, so nothing is coerced, nothing is ignored, and a float is never an amount.
"""

import functools
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1  # what every JSON implementation can hold exactly


class InvalidArguments(ValueError):
    """The arguments cannot be accepted as sent; the message may be shown to the model."""


def parse(text: str) -> dict[str, Any]:
    """Parse a JSON object, refusing what could be read in two ways.

    Raises InvalidArguments for duplicate keys, floats, NaN, huge integers, deep nesting, lone surrogates, NUL,
    anything that is not an object, and more than 64 KiB.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InvalidArguments(f"arguments are larger than {MAX_BYTES} bytes")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_pairs,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except InvalidArguments:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidArguments("arguments are not valid JSON") from error
    if not isinstance(value, dict):
        raise InvalidArguments("arguments must be a JSON object")
    return {key: _checked(item, depth=1) for key, item in value.items()}


def validate(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check arguments against a JSON Schema without coercion: 100.0 and true are not integers.

    Raises InvalidArguments naming the first offending field.
    """
    error = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(dict(arguments)))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "arguments"
        raise InvalidArguments(f"{where}: {error.message[:300]}")


def digest(arguments: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical form of the arguments exactly as sent, wrong types included."""
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidArguments("an argument is given twice")
    return result


def _no_float(text: str) -> Any:
    raise InvalidArguments(f"{text[:20]} is not an integer; amounts are whole minor units")


def _checked(value: Any, *, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise InvalidArguments("arguments are nested too deeply")
    if isinstance(value, str):
        if any(0xD800 <= ord(char) <= 0xDFFF or char == "\0" for char in value):
            raise InvalidArguments("text contains characters that are not allowed")
        return unicodedata.normalize("NFC", value)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise InvalidArguments("a number is too large")
    if isinstance(value, list):
        return [_checked(item, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _checked(item, depth=depth + 1) for key, item in value.items()}
    return value


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """In JSON Schema `$` is the end of the text; Python's also matches before a last line break."""
    if isinstance(value, str) and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _is_integer(_checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_StrictValidator = extend(
    Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


@functools.lru_cache(maxsize=512)
def _validator(schema: str) -> Draft202012Validator:
    return _StrictValidator(json.loads(schema))
