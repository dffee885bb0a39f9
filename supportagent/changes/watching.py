"""Which governed rows a form touches, and what they were before: watched through the signals of their models.

A statement that writes to a governed table past those signals (`queryset.update()` in an action) cannot be judged, so
inside a form it is an error. Outside of forms, in commands and shells, nobody watches.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from supportagent.changes.difference import Difference, Row
from supportagent.changes.kinds import Kind, kinds
from supportagent.staff.models import User

WRITES = re.compile(r'\s*(?:INSERT (?:OR IGNORE )?INTO|UPDATE|DELETE FROM)\s+"(?P<table>\w+)"')
UID = "supportagent.changes"
Key = tuple[type[models.Model], Any]


class PastTheForms(RuntimeError):
    """A governed table was written to in a way that nobody can judge. Save or delete its rows one by one."""


@dataclass
class Watch:
    """What was touched since the watch began: each row with its name and values before its first change."""

    before: dict[Key, tuple[str, dict[str, Any] | None]] = field(default_factory=dict)
    created: list[Key] = field(default_factory=list)
    passwords: dict[Any, str] = field(default_factory=dict)
    signalled: int = 0  # writes that a signal has announced and not yet ended

    def touch(self, kind: Kind, pk: Any) -> None:
        if pk is None or (kind.model, pk) in self.before:
            return
        if (values := kind.read(pk)) is None:
            return
        self.before[kind.model, pk] = (kind.name_of(pk), values)
        if kind.model is User:
            self.passwords[pk] = User.objects.values_list("password", flat=True).get(pk=pk)

    def appeared(self, kind: Kind, pk: Any) -> None:
        key = (kind.model, pk)
        if key not in self.before:
            self.before[key] = ("", None)
            self.created.append(key)

    def difference(self) -> Difference:
        """Every touched row as it was and as it is now; what came and went is left out."""
        rows = []
        for (model, pk), (name, before) in self.before.items():
            kind = kinds()[model]
            after = kind.read(pk)
            if before is not None or after is not None:
                rows.append(Row(kind.label, str(pk), name or kind.name_of(pk), before, after))
        new = {(model._meta.label_lower, str(pk)): number for number, (model, pk) in enumerate(self.created, 1)}
        return Difference.of(rows, new)

    def new_passwords(self) -> list[User]:
        """The accounts, of those that were there before, that got another password one can log in with."""
        users = User.objects.filter(pk__in=self.passwords)
        return [user for user in users if user.password != self.passwords[user.pk] and user.has_usable_password()]


_watch: ContextVar[Watch | None] = ContextVar("changes_watch", default=None)


@contextmanager
def watching() -> Iterator[Watch]:
    """Everything governed that is changed inside, in this thread, is noted in the watch that is given."""
    watch = Watch()
    token = _watch.set(watch)
    try:
        with connection.execute_wrapper(_refuse_unannounced):
            yield watch
    finally:
        _watch.reset(token)


def listen() -> None:
    """Connect the receivers. Called once, before those of other apps, so that they see a row as it was."""
    for model in kinds():
        for signal, receiver in (
            (pre_save, _about_to_save),
            (post_save, _saved),
            (pre_delete, _about_to_delete),
            (post_delete, _deleted),
        ):
            signal.connect(receiver, sender=model, dispatch_uid=f"{UID}.{model._meta.label_lower}")
    for through in _links():
        m2m_changed.connect(_linked, sender=through, dispatch_uid=f"{UID}.{through._meta.label_lower}")


def _links() -> dict[type[models.Model], Kind]:
    """The tables between a governed row and what belongs to it: members of roles, permissions, approvers."""
    return {
        field.remote_field.through: kind  # type: ignore[union-attr]  # a field to many has both
        for kind in kinds().values()
        for field in kind.fields()
        if field.many_to_many
    }


def _about_to_save(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    if (watch := _watch.get()) is not None:
        watch.touch(kinds()[sender], instance.pk)
        watch.signalled += 1


def _saved(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    if (watch := _watch.get()) is not None:
        watch.appeared(kinds()[sender], instance.pk)
        watch.signalled -= 1


def _about_to_delete(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    if (watch := _watch.get()) is None:
        return
    watch.touch(kinds()[sender], instance.pk)
    # What names the row loses it without a signal of its own: a rule its approvers. (A person who loses a role loses
    # what it gave; what a role's grants limit goes with the grants, which have signals.)
    for through, kind in _links().items():
        if kind.model is User:
            continue
        own, other = _ends(through, kind.model)
        if other.related_model is sender:
            for pk in through._default_manager.filter(**{other.name: instance.pk}).values_list(own.attname, flat=True):
                watch.touch(kind, pk)
    watch.signalled += 1


def _deleted(**_: Any) -> None:
    if (watch := _watch.get()) is not None:
        watch.signalled -= 1


def _linked(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: Iterable[Any] | None,
    **_: Any,
) -> None:
    if (watch := _watch.get()) is None:
        return
    if action.startswith("post_"):
        watch.signalled -= 1
        return
    kind = _links()[sender]
    own, other = _ends(sender, kind.model)
    owners: Iterable[Any] = [instance.pk]
    if reverse and pk_set is not None:
        owners = pk_set
    elif reverse:
        owners = sender._default_manager.filter(**{other.name: instance.pk}).values_list(own.attname, flat=True)
    for pk in owners:
        watch.touch(kind, pk)
    watch.signalled += 1


def _ends(through: type[models.Model], owner: type[models.Model]) -> tuple[models.ForeignKey, models.ForeignKey]:
    """The two foreign keys of a table in between: to the governed row, and to what belongs to it."""
    keys = [field for field in through._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    own = next(key for key in keys if key.related_model is owner)
    return own, next(key for key in keys if key is not own)


@cache
def _tables() -> frozenset[str]:
    return frozenset(model._meta.db_table for model in (*kinds(), *_links()))


def _refuse_unannounced(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    watch, write = _watch.get(), WRITES.match(sql)
    if watch is not None and watch.signalled <= 0 and write and write["table"] in _tables():
        raise PastTheForms(f"{write['table']} was written to past the signals of its model, in a form of the admin")
    return execute(sql, params, many, context)
