"""What a form would change: rows before and after, in one canonical text that two admins and a digest agree on."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from supportagent.changes.kinds import canonical, digest, kind_of

New = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Row:
    """One governed row: `before` is None for a new one, `after` for one that is deleted."""

    model: str
    id: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def differs(self) -> bool:
        return canonical(self.before) != canonical(self.after)

    @property
    def kind(self) -> str:
        return str(kind_of(self.model).model._meta.verbose_name)

    def loosens(self) -> list[str]:
        """In sentences, what is governed less afterwards."""
        if not self.differs:
            return []
        return [
            f"{self.kind} “{self.name}”: {sentence}"
            for sentence in kind_of(self.model).loosens(self.before, self.after)
        ]


@dataclass(frozen=True)
class Difference:
    """All governed rows that a form touches, those included that stay as they are: they are what it was made on."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row], new: New) -> "Difference":
        """New rows are numbered in the order in which they came: their ids differ each time the form is tried."""
        named = [
            Row(
                row.model,
                f"new {new[row.model, row.id]}" if (row.model, row.id) in new else row.id,
                row.name,
                _renumbered(row.before, new),
                _renumbered(row.after, new),
            )
            for row in rows
        ]
        return cls(tuple(sorted(named, key=lambda row: (row.model, row.id))))

    @classmethod
    def parse(cls, text: str) -> "Difference":
        return cls(tuple(Row(**row) for row in json.loads(text)))

    @property
    def text(self) -> str:
        return canonical([asdict(row) for row in self.rows])

    @property
    def base(self) -> str:
        """Digest of what the rows were before."""
        return digest([[row.model, row.id, row.before] for row in self.rows])

    def changed(self) -> Iterator[Row]:
        return (row for row in self.rows if row.differs)

    def loosens(self) -> list[str]:
        """Every sentence about every row. Read the database as it is after the change: some sentences look around."""
        return [sentence for row in self.rows for sentence in row.loosens()]


def _renumbered(value: Any, new: New) -> Any:
    if isinstance(value, dict):
        if set(value) == {"id", "model", "name"} and (value["model"], value["id"]) in new:
            return {**value, "id": f"new {new[value['model'], value['id']]}"}
        return {key: _renumbered(inner, new) for key, inner in value.items()}
    return [_renumbered(inner, new) for inner in value] if isinstance(value, list) else value
