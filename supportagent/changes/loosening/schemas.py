"""Whether argument rules became stricter: proved for the keywords that people write, and doubted for all others."""

from collections.abc import Mapping
from typing import Any

from supportagent.changes.loosening.words import same

LOWER_IS_STRICTER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
HIGHER_IS_STRICTER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
KEPT = ("type", "pattern", "const", "format")
LISTS = ("enum", "required")
# Keywords that hold each for itself: one more of them, or a stricter one, can only refuse more.
KNOWN = {*LOWER_IS_STRICTER, *HIGHER_IS_STRICTER, *KEPT, *LISTS, "properties"}


def narrows(before: Any, after: Any) -> bool:
    """True only if everything that `after` accepts was accepted by `before`. In doubt, False."""
    if same(before, after) or before == {}:
        return True
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return False
    if not set(before) | set(after) <= KNOWN:
        return False
    return set(before) <= set(after) and all(_keyword(name, before[name], after[name]) for name in before)


def _keyword(name: str, before: Any, after: Any) -> bool:
    if same(before, after):
        return True
    if name in KEPT:
        return False
    if name == "properties":
        return (
            isinstance(before, Mapping)
            and isinstance(after, Mapping)
            and set(before) <= set(after)
            and all(narrows(before[each], after[each]) for each in before)
        )
    if name in LISTS:
        return _lists(name, before, after)
    if not _number(before) or not _number(after):
        return False
    return bool(after <= before) if name in LOWER_IS_STRICTER else bool(after >= before)


def _lists(name: str, before: Any, after: Any) -> bool:
    if not isinstance(before, list) or not isinstance(after, list):
        return False
    fewer, more = (after, before) if name == "enum" else (before, after)
    return all(any(same(one, other) for other in more) for one in fewer)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
