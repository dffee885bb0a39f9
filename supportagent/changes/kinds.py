"""What is governed: the models whose rows are compared before and after a form, and what is read of a row."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.db import models
from django.utils.duration import duration_iso_string

Values = Mapping[str, Any]
# Plain sentences that say what is governed less: empty when the change only tightens.
Loosens = Callable[[Values | None, Values | None], list[str]]


@dataclass(frozen=True)
class Kind:
    """A governed model. `omitted` fields move by themselves, or are nothing that governs."""

    model: type[models.Model]
    loosens: Loosens
    omitted: frozenset[str]

    @property
    def label(self) -> str:
        return self.model._meta.label_lower

    def fields(self) -> list[models.Field]:
        own: list[models.Field] = [*self.model._meta.concrete_fields, *self.model._meta.many_to_many]
        return [field for field in own if field.name not in self.omitted and not field.primary_key]

    def read(self, pk: Any) -> dict[str, Any] | None:
        """The row as it is in the database now, as JSON can hold it; None where there is none."""
        row = self.model._base_manager.filter(pk=pk).first()
        return None if row is None else {field.name: _plain(row, field) for field in self.fields()}

    def name_of(self, pk: Any) -> str:
        row = self.model._base_manager.filter(pk=pk).first()
        return "" if row is None else str(row)


_kinds: dict[type[models.Model], Kind] = {}


def govern(model: type[models.Model], loosens: Loosens, *, omitted: tuple[str, ...] = ()) -> None:
    """Judge every change of `model` in the admin by `loosens`."""
    _kinds[model] = Kind(model, loosens, frozenset(omitted))


def kinds() -> dict[type[models.Model], Kind]:
    return _kinds


def kind_of(label: str) -> Kind:
    """Raises LookupError for a model that is not governed."""
    for kind in _kinds.values():
        if kind.label == label:
            return kind
    raise LookupError(f"{label} is not governed")


def reference(row: models.Model) -> dict[str, Any]:
    """A row that another one names: by id for the comparison, by name for people."""
    return {"id": str(row.pk), "model": row._meta.label_lower, "name": str(row)}


def _plain(row: models.Model, field: models.Field) -> Any:
    if field.many_to_many:
        related = getattr(row, field.name).order_by("pk")
        if field.related_model is Permission:
            related = related.select_related("content_type")
        return [reference(each) for each in related]
    if field.is_relation:
        other = getattr(row, field.name)
        return None if other is None else reference(other)
    return _json(getattr(row, field.name))


def _json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return duration_iso_string(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def canonical(value: Any) -> str:
    """One text per value. Not `audit.chain.canonical`: the schema of an imported tool may hold fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
