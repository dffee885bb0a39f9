"""The answer to "may this happen?" with its reason, as every gate of the product gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """Yes or no, and why, in words that name the role, grant, rule or switch. True in a condition when allowed."""

    allowed: bool
    because: str

    def __bool__(self) -> bool:
        return self.allowed


def allowed(because: str) -> Explanation:
    return Explanation(True, because)


def refused(because: str) -> Explanation:
    return Explanation(False, because)


def nobody_of(roles: Iterable[str]) -> str:
    """Who could have held a right and does not: `neither the role Support rep nor the account itself`."""
    names = list(roles)
    if not names:
        return "no role and not the account itself"
    return f"neither the {'role' if len(names) == 1 else 'roles'} {' or '.join(names)} nor the account itself"
