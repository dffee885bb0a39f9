"""What the judging functions share: which fields changed, and how a value is said."""

from collections.abc import Collection
from typing import Any

from supportagent.changes.kinds import Values, canonical


def changed(before: Values, after: Values, *, harmless: Collection[str] = ()) -> list[str]:
    """The fields that differ, without those that govern nothing, in the order of the model."""
    return [name for name in after if name not in harmless and not same(before.get(name), after[name])]


def same(one: Any, other: Any) -> bool:
    """As JSON has it: Python takes true for 1."""
    return canonical(one) == canonical(other)


def others(fields: Collection[str], known: Collection[str]) -> list[str]:
    """A sentence for each changed field that nobody judged: in doubt, it loosens."""
    return [f"{name.replace('_', ' ')} is changed" for name in fields if name not in known]


def names(references: list[dict[str, Any]]) -> str:
    return ", ".join(str(each["name"]) for each in references)


def ids(references: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in references}


def added(before: Values | None, after: Values, name: str) -> list[dict[str, Any]]:
    """The references in a list of `after` that `before` does not have."""
    had = ids(before[name]) if before else set()
    return [each for each in after[name] if each["id"] not in had]


def raised(before: Values, after: Values, name: str) -> bool:
    """Whether an upper limit is higher afterwards; None is no limit at all."""
    old, new = before[name], after[name]
    return old is not None and (new is None or new > old)
