"""Who is acting, and for which request: carried beside the call, so that verbs need not hand it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


class NoActor(LookupError):
    """Something was to be recorded and nobody said who did it. Pass `actor=` or enter `acting()`."""


@dataclass(frozen=True)
class Actor:
    """Who did it: a type and an id, never a name, so that the log holds no personal data."""

    type: str
    id: str

    @classmethod
    def of(cls, user: Any) -> Actor:
        """A person who logged in, or the service account of an agent. Raises NoActor for an unsaved user."""
        if user.pk is None:
            raise NoActor("an anonymous or unsaved user cannot act")
        return cls("agent" if getattr(user, "kind", "") == "service" else "user", str(user.pk))

    @classmethod
    def system(cls, name: str) -> Actor:
        """A part of the product that acts by itself, such as the reaper."""
        return cls("system", name)

    @classmethod
    def customer(cls, reference: str) -> Actor:
        """A customer or visitor, by reference."""
        return cls("customer", reference)


# A callable is asked only when something is recorded, so that a request which records nothing loads no user.
_actor: ContextVar[Actor | Callable[[], Actor] | None] = ContextVar("audit_actor", default=None)
request_id: ContextVar[str] = ContextVar("audit_request_id", default="")


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Everything recorded inside was done by this actor, unless the entry names another."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    """The actor of the innermost `acting()`. Raises NoActor where there is none."""
    actor = _actor.get()
    if actor is None:
        raise NoActor("nobody is acting here: pass actor= or enter audit.context.acting()")
    return actor if isinstance(actor, Actor) else actor()
