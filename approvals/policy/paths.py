"""Where a condition looks: a small, exact part of JSON-path. No expressions, no patterns, nothing is evaluated.

    assurance                          how sure we are who writes
    arguments.amount_minor             a named value; facts.order.status goes deeper
    arguments.lines[0].sku             one element, counted from 0
    arguments.lines[*].sku             holds when any element satisfies the condition; of no elements none does
    arguments.lines[all].sku           holds when there is an element and each satisfies the condition
    sums.customer.amount_minor         of the day: customer, subject or agent; count or amount_minor
    provenance.address                 where the value of that argument was seen

A name is everything up to the next dot or bracket, exactly as it is written. What a path does not find is unknown,
which is never the same as "does not hold".
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROOTS = ("arguments", "facts", "assurance", "sums", "provenance")
SUMMED = ("customer", "subject", "agent")
MEASURES = ("count", "amount_minor")
EXAMPLES = (
    "assurance, arguments.<name>, facts.<name>, sums.<customer|subject|agent>.<count|amount_minor> "
    "and provenance.<argument>"
)
ANY, ALL = "*", "all"
_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]{1,6}|\*|all)\]")
_MISSING = object()


class PathError(ValueError):
    """A path that cannot be read, in words."""


@dataclass(frozen=True)
class Each:
    """Every element of a list."""


@dataclass(frozen=True)
class Path:
    """A path that was read: a root, the steps from there, and which elements have to satisfy the condition."""

    text: str
    root: str
    steps: tuple[str | int | Each, ...]
    quantifier: str = ""

    def find(self, value: Any) -> "list[Any] | None":
        """The values at this path below the value of the root; None when one is missing or a step does not fit."""
        found = [value]
        for step in self.steps:
            if isinstance(step, Each):
                if not all(isinstance(each, list | tuple) for each in found):
                    return None
                found = [element for each in found for element in each]
                continue
            found = [_below(each, step) for each in found]
            if any(each is _MISSING for each in found):
                return None
        return found


def _below(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list | tuple) and step < len(value) else _MISSING
    return value.get(step, _MISSING) if isinstance(value, Mapping) else _MISSING


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """Read a path; raises PathError, which says what is wrong with it."""
    root = re.match(r"[a-z]*", text).group()  # type: ignore[union-attr]  # it matches the empty text too
    if root not in ROOTS:
        raise PathError(f"the path {text!r} is none of {EXAMPLES}")
    steps, quantifiers = _steps(text, len(root))
    if len(quantifiers) > 1:
        raise PathError(f"the path {text!r} mixes [*] and [all]")
    _check_shape(text, root, steps)
    return Path(text, root, steps, next(iter(quantifiers), ""))


def _steps(text: str, position: int) -> tuple[tuple[str | int | Each, ...], set[str]]:
    steps: list[str | int | Each] = []
    quantifiers: set[str] = set()
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise PathError(f"the path {text!r} is none of {EXAMPLES}: it cannot be read from {text[position:]!r} on")
        name, index = step.groups()
        if index in (ANY, ALL):
            quantifiers.add(index)
        steps.append(name if name is not None else Each() if index in (ANY, ALL) else int(index))
        position = step.end()
    return tuple(steps), quantifiers


def _check_shape(text: str, root: str, steps: tuple[str | int | Each, ...]) -> None:
    if root == "assurance":
        fits = not steps
    elif root == "sums":
        fits = len(steps) == 2 and steps[0] in SUMMED and steps[1] in MEASURES
    elif root == "provenance":
        fits = len(steps) == 1 and isinstance(steps[0], str)
    else:
        fits = bool(steps) and isinstance(steps[0], str)
    if not fits:
        raise PathError(f"the path {text!r} is none of {EXAMPLES}")
