"""The closed vocabulary of what can be recorded. Every app lists its own in `<app>/audit_actions.py`."""

import re
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){2}")
BY_SUBJECT_KEY = (
    "The leaf holds ids only. Private details are encrypted with the key of the person; deleting that key, "
    "the salt and the ciphertext erases them, and the chain still verifies."
)


class UnknownAction(LookupError):
    """An action that no app registered. Add it to the app's `audit_actions.py`."""


@dataclass(frozen=True)
class Action:
    """`erasure` says how the personal data of such an entry is erased."""

    name: str
    description: str
    erasure: str


_registered: dict[str, Action] = {}


def register(name: str, description: str, *, erasure: str = BY_SUBJECT_KEY) -> None:
    """Add an action named `app.noun.past_verb`. Raises ImproperlyConfigured for a bad or changed one."""
    action = Action(name, description, erasure)
    if not NAME.fullmatch(name) or not description:
        raise ImproperlyConfigured(f"audit action {name!r} needs the form app.noun.past_verb and a description")
    if _registered.setdefault(name, action) != action:
        raise ImproperlyConfigured(f"audit action {name!r} is registered twice with different meanings")


def get(name: str) -> Action:
    """Raises UnknownAction."""
    try:
        return _registered[name]
    except KeyError:
        raise UnknownAction(f"audit action {name!r} is not registered") from None


def registered() -> list[Action]:
    """All actions, sorted by name."""
    return sorted(_registered.values(), key=lambda action: action.name)
