"""SQL with placeholders among its parameters, made by Django's own compilers and run again with new values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import CharField, Expression, Field, Model, QuerySet, TextField
from django.db.models.functions import Now
from django.db.models.lookups import Lookup
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesListIterable, get_related_populators
from django.db.models.sql import InsertQuery, Query, UpdateQuery
from django.db.transaction import TransactionManagementError

_ANY_VALUE = object()
_PLAIN = frozenset({str, int, bool, UUID, dict, list, bytes, datetime, date})


class NotPreparable(TypeError):
    """The statement asks for more than is supported here; write it as plain ORM code."""


class Given(Expression):
    """Stands for an argument while a statement is compiled, and for the place of its value in the parameters."""

    def __init__(self, number: int, item: int | None = None) -> None:
        super().__init__()
        self.number, self.item = number, item
        self.forms: list[Callable[..., Any]] = []  # how its field gives a value to the database; copies share it

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def value(self, given: Sequence[Any], connection: Any) -> Any:
        value = given[self.number] if self.item is None else given[self.number][self.item]
        if self.forms:
            return self.forms[-1](value, connection=connection)
        if isinstance(value, str | int):
            return value
        raise NotPreparable(f"no field says in which form the database takes this {type(value).__name__}")


def _form_of(field: Any, convert: str) -> Callable[..., Any]:
    """How a field gives a value to the database: `get_db_prep_value` to compare with it, `get_db_prep_save` to store.

    Text goes as it is where the field is one of Django's own, which would hand it through six calls.
    """
    form: Callable[..., Any] = getattr(field, convert)
    kind = type(field)
    own = kind.get_prep_value in (CharField.get_prep_value, TextField.get_prep_value)
    if not own or kind.get_db_prep_value is not Field.get_db_prep_value:
        return form
    if kind.get_db_prep_save is not Field.get_db_prep_save:
        return form
    return lambda value, connection: value if type(value) is str else form(value, connection=connection)


def shape(value: Any) -> Any:
    """What of an argument changes the SQL."""
    if type(value) in _PLAIN:
        return _ANY_VALUE
    if type(value) is Now and value._constructor_args == ((), {}):  # type: ignore[attr-defined]
        return Now  # as good as any other, and the key of a dictionary at a tenth of the cost
    if value is None or hasattr(value, "resolve_expression"):
        return value
    return len(value) if isinstance(value, tuple) else _ANY_VALUE


def mark(value: Any, number: int) -> Any:
    """What stands in for an argument of that shape."""
    if value is None or hasattr(value, "resolve_expression"):
        return value
    return [Given(number, item) for item in range(len(value))] if isinstance(value, tuple) else Given(number)


def _bind(node: Any) -> None:
    """Tell each placeholder below a node which field it is compared with."""
    if isinstance(node, Lookup) and hasattr(node.lhs, "output_field"):
        field = getattr(node.lhs.output_field, "target_field", None) or node.lhs.output_field
        for place in getattr(node.rhs, "source_expressions", [node.rhs]):
            if isinstance(place, Given):
                place.forms.append(_form_of(field, "get_db_prep_value"))
    parts = [node.where, *node.annotations.values()] if isinstance(node, Query) else node.get_source_expressions()
    for part in parts:
        if part is not None:
            _bind(part)


class Statement:
    """A compiled query. Without SQL there is no row that could match."""

    def __init__(self, query: Any, connection: Any) -> None:
        _bind(query)
        self.locks = query.select_for_update and connection.features.has_select_for_update
        self.compiler = query.get_compiler(connection=connection)
        try:
            self.sql, self.parameters = self.compiler.as_sql()
        except EmptyResultSet:
            self.sql, self.parameters = "", ()

    def require_all_of(self, given: Sequence[Any]) -> None:
        """An argument that the SQL does not hold was looked at, or left aside: later values would be ignored."""
        used = {place.number for place in self.parameters if isinstance(place, Given)}
        for number, value in enumerate(given):
            if self.sql and number not in used and shape(value) not in (value, Now, 0):
                raise NotPreparable(f"argument {number} is not handed to the database")

    def execute(self, cursor: Any, given: Sequence[Any], connection: Any) -> None:
        if self.locks and connection.get_autocommit():
            raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
        cursor.execute(self.sql, self.values(given, connection))

    def values(self, given: Sequence[Any], connection: Any) -> list[Any]:
        """The parameters of the SQL, with the given arguments in their places."""
        return [p.value(given, connection) if isinstance(p, Given) else p for p in self.parameters]

    def fetch(self, given: Sequence[Any], converters: Mapping[int, Any], connection: Any) -> list[list[Any]]:
        with connection.cursor() as cursor:
            self.execute(cursor, given, connection)
            rows = [list(row) for row in cursor.fetchall()]
        for position, (functions, expression) in converters.items() if rows else ():
            for row in rows:
                for convert in functions:
                    row[position] = convert(row[position], expression, connection)
        return rows


class Select(Statement):
    """Rows as instances with their selected relations, or as `values_list` gives them."""

    def __init__(self, queryset: Any, connection: Any) -> None:
        self.kind = queryset._iterable_class
        if self.kind not in (ModelIterable, ValuesListIterable, FlatValuesListIterable):
            raise NotPreparable("rows are instances or come from values_list()")
        if queryset._prefetch_related_lookups or queryset._known_related_objects:
            raise NotPreparable("prefetching and related managers need the ORM")
        super().__init__(queryset.query, connection)
        select = self.compiler.select or []
        self.converters = self.compiler.get_converters([column[0] for column in select])
        if self.kind is ModelIterable and self.sql:
            info = self.compiler.klass_info
            self.model, places = info["model"], info["select_fields"]
            self.columns = slice(places[0], places[-1] + 1)
            self.names = [column[0].target.attname for column in select[self.columns]]
            populators: Any = get_related_populators  # the stubs know the next Django's signature
            self.relations = populators(info, select, connection.alias)

    def run(self, given: Sequence[Any], connection: Any) -> list[Any]:
        rows = self.fetch(given, self.converters, connection) if self.sql else []
        if self.kind is ModelIterable:
            return [self._instance(row, connection.alias) for row in rows]
        return [row[0] if self.kind is FlatValuesListIterable else tuple(row) for row in rows]

    def _instance(self, row: list[Any], alias: str) -> Model:
        instance: Model = self.model.from_db(alias, self.names, row[self.columns])
        for relation in self.relations:
            relation.populate(row, instance)
        for name, position in self.compiler.annotation_col_map.items():
            setattr(instance, name, row[position])
        return instance


class Update(Statement):
    """A change of the rows that a queryset names; running it returns how many there were."""

    def __init__(self, rows: QuerySet[Any, Any], values: Mapping[str, Any], connection: Any) -> None:
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(values)
        if query.is_sliced or query.related_updates or query.count_active_tables() > 1:
            raise NotPreparable("a prepared change touches the rows of one table, and all that match")
        for field, _, value in query.values:
            if isinstance(value, Given):
                value.forms.append(_form_of(field, "get_db_prep_save"))
        query.clear_select_clause()
        super().__init__(query, connection)

    def run(self, given: Sequence[Any], connection: Any) -> int:
        if not self.sql:
            return 0
        with connection.cursor() as cursor:
            self.execute(cursor, given, connection)
            return int(cursor.rowcount)


class Insert(Statement):
    """New rows of one model; running it returns the columns that the database filled in."""

    def __init__(self, model: type[Model], fields: Sequence[Any], given: Sequence[Any], connection: Any) -> None:
        marks = [value if hasattr(value, "as_sql") else Given(number) for number, value in enumerate(given)]
        for number, place in enumerate(marks):
            if isinstance(place, Given):
                place.forms.append(_form_of(fields[number % len(fields)], "get_db_prep_save"))
        names, width = [field.attname for field in fields], len(fields)
        rows = [dict(zip(names, marks[at : at + width], strict=True)) for at in range(0, len(marks), width)]
        query: Any = InsertQuery(model)
        query.insert_values(fields, [SimpleNamespace(**row) for row in rows], raw=True)
        compiler = query.get_compiler(connection=connection)
        returned = compiler.returning_fields = model._meta.db_returning_fields
        self.converters = compiler.get_converters([field.get_col(model._meta.db_table) for field in returned])
        [(self.sql, self.parameters)] = compiler.as_sql()
        self.locks, self.count, self.returns = False, len(rows), bool(returned)

    def run(self, given: Sequence[Any], connection: Any) -> list[list[Any]]:
        if self.returns:
            return self.fetch(given, self.converters, connection)
        with connection.cursor() as cursor:
            self.execute(cursor, given, connection)
        return [[]] * self.count
