"""Statements of the hot path: written once as ordinary ORM code, compiled once per process and database.

To build and compile a queryset costs Django 0.3 to 0.5 ms, several times what the database takes to answer it.

    @prepared
    def calls_in(run_id: UUID, states: tuple[str, ...]) -> QuerySet[ToolCall]:
        return ToolCall.objects.filter(run=run_id, state__in=states)

    for call in calls_in(run.pk, ("READY", "SENDING")): ...

The body runs once for every shape of arguments, with placeholders in their place, and must be a pure function of
them: what it looks up in settings or reads off the clock would stay for ever. A None, an expression (`Now()`) and the
length of a tuple belong to the shape; every other value is handed to the database anew, in the form of the field that
it is compared with or stored in, as the ORM would. Keys are given, not objects (`run=run.pk`);
several keys of a relation as `tool__pk__in`.

Refused when the statement is compiled: prefetching, `values()`, changes that need a join. One database only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, overload

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

from supportagent.prepared.statements import Insert, NotPreparable, Select, Update, mark, shape

__all__ = ["Change", "NotPreparable", "change", "first", "insert", "prepared", "save", "subquery"]

P = ParamSpec("P")
M = TypeVar("M", bound=Model)
Row = TypeVar("Row")


@dataclass(frozen=True)
class Change(Generic[M]):
    """An UPDATE that is not carried out yet."""

    rows: QuerySet[M, Any]
    values: dict[str, Any]


def change(rows: QuerySet[M, Any], **values: Any) -> Change[M]:
    """What `rows.update(**values)` does, to be returned by a prepared function; its call returns the row count."""
    return Change(rows, values)


@overload
def prepared(build: Callable[P, Change[Any]]) -> Callable[P, int]: ...
@overload
def prepared(build: Callable[P, QuerySet[Any, Row]]) -> Callable[P, list[Row]]: ...
def prepared(build: Callable[P, Any]) -> Callable[P, Any]:
    """Decorate a function that returns a QuerySet (calls then return its rows) or a `change` (their number)."""
    find = _compiled_once(build)

    @functools.wraps(build)
    def run(*args: P.args, **kwargs: P.kwargs) -> Any:
        statement, given, connection = find(args, kwargs)
        return statement.run(given, connection)

    return run


def subquery(build: Callable[P, QuerySet[Any, Any]]) -> Callable[P, RawSQL]:
    """Decorate a function that returns a QuerySet of one column: calls give it as a part of another statement, for
    `__in=`. The database looks when the other statement runs, as with any subquery.
    """
    find = _compiled_once(build)

    @functools.wraps(build)
    def part(*args: P.args, **kwargs: P.kwargs) -> RawSQL:
        statement, given, connection = find(args, kwargs)
        if not statement.sql:
            raise NotPreparable("no row could ever match")
        return RawSQL(statement.sql, statement.values(given, connection))  # noqa: S611 - Django's own compiler wrote it

    return part


def _compiled_once(build: Callable[..., Any]) -> Callable[..., tuple[Select | Update, tuple[Any, ...], Any]]:
    statements: dict[tuple[Any, ...], Select | Update] = {}

    def find(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Select | Update, tuple[Any, ...], Any]:
        given = (*args, *kwargs.values())
        connection = connections[DEFAULT_DB_ALIAS]  # looked up once: each look-up costs as much as a small row
        key = (connection.vendor, len(args), *kwargs, *map(shape, given))
        statement = statements.get(key)
        if statement is None:
            marks = [mark(value, number) for number, value in enumerate(given)]
            asked: Any = build(*marks[: len(args)], **dict(zip(kwargs, marks[len(args) :], strict=True)))
            if isinstance(asked, Change):
                statement = Update(asked.rows, asked.values, connection)
            else:
                statement = Select(asked, connection)
            statement.require_all_of(given)
            statements[key] = statement
        return statement, given, connection

    return find


def first(rows: Sequence[Row]) -> Row | None:
    """The first of the rows, None where there is none."""
    return rows[0] if rows else None


def insert(*rows: Model) -> None:
    """`bulk_create` of rows of one model: no signals, no history. Keys that the database makes are set on them."""
    model, with_key, connection = type(rows[0]), rows[0].pk is not None, connections[DEFAULT_DB_ALIAS]
    fields, returned = _columns(model, with_key), model._meta.db_returning_fields
    for row in rows:
        row._prepare_related_fields_for_save("bulk_create")  # type: ignore[attr-defined]
    given = [field.pre_save(row, add=True) for row in rows for field in fields]
    expressions = ((number, shape(value)) for number, value in enumerate(given) if hasattr(value, "as_sql"))
    key = (connection.vendor, model, with_key, len(rows), *expressions)
    statement = _inserts.get(key) or _inserts.setdefault(key, Insert(model, fields, given, connection))
    for row, made in zip(rows, statement.run(given, connection), strict=True):
        for field, value in zip(returned, made, strict=True):
            setattr(row, field.attname, value)
        row._state.adding, row._state.db = False, connection.alias


def save(row: Model, *fields: str) -> None:
    """`row.save(update_fields=fields)` for a row that is there and locked: no signals, no history."""
    values = {name: row._meta.get_field(name).pre_save(row, add=False) for name in fields}  # type: ignore[union-attr]
    _saving(type(row))(row.pk, **values)


_inserts: dict[tuple[Any, ...], Insert] = {}


@functools.cache
def _columns(model: type[Model], with_key: bool) -> list[Any]:
    return [field for field in model._meta.concrete_fields if with_key or field is not model._meta.auto_field]


@functools.cache
def _saving(model: type[M]) -> Callable[..., int]:
    def update(pk: Any, **values: Any) -> Change[M]:
        return change(model._base_manager.filter(pk=pk), **values)

    return prepared(update)
