"""Tables as CSV files."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse

# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet(name: str, rows: Iterable[list[Any]]) -> StreamingHttpResponse:
    """The rows as a download of that name, written as they come; no text of them is taken for a formula."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(_written(rows), content_type="text/csv; charset=utf-8", headers=headers)


class _Echo:
    """What `csv` writes into, given back line by line."""

    def write(self, line: str) -> str:
        return line


def _written(rows: Iterable[list[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([_plain(cell) for cell in row])


def _plain(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
