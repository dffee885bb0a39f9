"""Where something stands in the answer of a tool: names with dots, down through objects.

A list on the way is gone through entry by entry: `orders.items.price` is the price of every item of every order.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

MAX_PARTS = 12
_PART = re.compile(r"[^.\x00-\x1f\x7f]{1,80}")


class Nowhere(LookupError):
    """The answer has nothing at the path, or not in every entry of a list."""


def problem(path: Any) -> str:
    """What is wrong with a path as somebody wrote it, "" when nothing is."""
    parts = path.split(".") if isinstance(path, str) else []
    if not 0 < len(parts) <= MAX_PARTS or not all(_PART.fullmatch(part) for part in parts):
        return f"{path!r} is no path: write names with dots, for example order.customer.id."
    return ""


def values(data: Any, path: str) -> list[Any]:
    """Everything that stands at the path, at least one. Raises Nowhere when an entry on the way lacks it."""
    found = list(_values(data, path.split(".")))
    if not found:
        raise Nowhere(path)
    return found


def value(data: Any, path: str) -> Any:
    """What stands at the path: the one value, or the list of all where a list was gone through. Raises Nowhere."""
    found = values(data, path)
    return found[0] if len(found) == 1 and not _crosses_list(data, path.split(".")) else found


def without(data: Any, paths: list[str]) -> Any:
    """A copy in which nothing stands at these paths any more."""
    for path in paths:
        data = _without(data, path.split("."))
    return data


def covers(path: str, other: str) -> bool:
    """Whether whoever cuts `path` out cuts `other` out with it."""
    return other == path or other.startswith(f"{path}.")


def _values(data: Any, parts: list[str]) -> Iterator[Any]:
    if isinstance(data, list) and parts:
        for item in data:
            yield from _values(item, parts)
    elif not parts:
        yield data
    elif isinstance(data, Mapping) and parts[0] in data:
        yield from _values(data[parts[0]], parts[1:])
    else:
        raise Nowhere(parts[0])


def _crosses_list(data: Any, parts: list[str]) -> bool:
    for part in parts:
        if isinstance(data, list):
            return True
        data = data[part]
    return False


def _without(data: Any, parts: list[str]) -> Any:
    if isinstance(data, list):
        return [_without(item, parts) for item in data]
    if not isinstance(data, Mapping) or parts[0] not in data:
        return data
    if len(parts) == 1:
        return {name: inner for name, inner in data.items() if name != parts[0]}
    return {name: _without(inner, parts[1:]) if name == parts[0] else inner for name, inner in data.items()}
