"""What a provider says was used, as read from the export that an admin downloaded there.

The file comes from outside: whatever is wrong with it is said in one line that names the place.
"""

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

LARGEST_FILE = 64 * 1024 * 1024
MICROS = 1_000_000
NAMES: dict[str, tuple[str, ...]] = {
    "date": ("date", "day", "usage_date", "start_time_iso", "start_time", "bucket_start_time", "timestamp"),
    "model": ("model", "model_id", "snapshot_id"),
    "input_tokens": ("input_tokens", "prompt_tokens", "n_context_tokens_total"),
    "output_tokens": ("output_tokens", "completion_tokens", "n_generated_tokens_total"),
    "cached_tokens": ("cached_tokens", "input_cached_tokens", "cached_input_tokens", "n_cached_context_tokens_total"),
    "cost": ("cost", "cost_usd", "amount_value", "amount"),
}
OPTIONAL = ("cached_tokens", "cost")
_WHOLE = re.compile(r"([0-9]{1,15})(?:\.0+)?", re.ASCII)
_UNIX = re.compile(r"[0-9]{9,11}(?:\.0+)?", re.ASCII)
_MONEY = re.compile(r"\$?([0-9]{1,12}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?)", re.ASCII)
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)


class BadExport(Exception):
    """The file cannot be read as a usage export; the message says why and where."""


@dataclass
class Used:
    """Tokens and money of one day and model. Cached tokens and money are None where the export does not state them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int | None = None
    cost: Decimal | None = None  # micro-units, not rounded yet


Key = tuple[dt.date, str]


def family(model: str) -> str:
    """The model without the date of its snapshot: agents ask for `gpt-5-mini`, bills name `gpt-5-mini-2025-08-07`."""
    return _DATED.sub("", model)


def read(path: Path, kind: str = "") -> dict[Key, Used]:
    """What was used per day (UTC) and model. `kind` is csv or json, or empty: as the file's name ends.

    Raises BadExport.
    """
    text = _text(path)
    rows = _json_rows(text) if (kind or path.suffix.lower().lstrip(".")) == "json" else _csv_rows(text)
    used: dict[Key, Used] = {}
    for place, row in rows:
        _add(used, place, row)
    if not used:
        raise BadExport("the file holds no rows")
    return used


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise BadExport("there is no such file")
        if path.stat().st_size > LARGEST_FILE:
            raise BadExport(f"the file is larger than {LARGEST_FILE // 1024 // 1024} MiB; export fewer days at a time")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadExport(f"the file is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except (OSError, ValueError) as error:
        raise BadExport(f"the file cannot be read: {error}") from None


def _csv_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _require(set(header))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield f"line {reader.line_num}", dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise BadExport(f"line {reader.line_num}: this is no CSV ({error})") from None


def _require(names: set[str]) -> None:
    missing = [name for name, known in NAMES.items() if name not in OPTIONAL and not names & set(known)]
    if missing:
        raise BadExport(f"columns are missing: {', '.join(missing)}")


def _json_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A list of rows, or pages of buckets with their results, as OpenAI's usage API answers."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise BadExport("this is no JSON") from None
    rows = found.get("data") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise BadExport("the JSON is neither a list of rows nor an object with a list as `data`")
    for number, row in enumerate(rows, 1):
        place = f"row {number}"
        if not isinstance(row, dict):
            raise BadExport(f"{place} is no object")
        results = row.get("results", [row])
        if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
            raise BadExport(f"{place}: `results` is no list of objects")
        for each in results:
            yield place, {**{name: row[name] for name in NAMES["date"] if name in row}, **each}


def _add(used: dict[Key, Used], place: str, row: dict[str, Any]) -> None:
    values = {name: _value(row, known) for name, known in NAMES.items()}
    for name, value in values.items():
        if value == "" and name not in OPTIONAL:
            raise BadExport(f"{place}: {name} is missing")
    total = used.setdefault((_day(place, values["date"]), family(values["model"])), Used())
    total.input_tokens += _count(place, "input_tokens", values["input_tokens"])
    total.output_tokens += _count(place, "output_tokens", values["output_tokens"])
    if values["cached_tokens"]:
        total.cached_tokens = (total.cached_tokens or 0) + _count(place, "cached_tokens", values["cached_tokens"])
    if values["cost"]:
        total.cost = (total.cost or Decimal(0)) + _micros(place, values["cost"])


def _value(row: dict[str, Any], known: tuple[str, ...]) -> str:
    """The first of the names that the row has a value for, as text."""
    for name in known:
        value = row.get(name)
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _day(place: str, text: str) -> dt.date:
    try:
        if _UNIX.fullmatch(text):
            return dt.datetime.fromtimestamp(int(Decimal(text)), dt.UTC).date()
        moment = dt.datetime.fromisoformat(text)
        return (moment.astimezone(dt.UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError, OSError):
        raise BadExport(f"{place}: {_short(text)} is no date; write it like 2026-01-31") from None


def _count(place: str, name: str, text: str) -> int:
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise BadExport(f"{place}: {name} is no whole number: {_short(text)}")
    return int(found[1])


def _micros(place: str, text: str) -> Decimal:
    found = _MONEY.fullmatch(text)
    try:
        if found is None:
            raise InvalidOperation
        micros = Decimal(found[1]) * MICROS
    except InvalidOperation:
        raise BadExport(f"{place}: cost is no amount in US dollars: {_short(text)}") from None
    if micros > 10**18:
        raise BadExport(f"{place}: cost is larger than anybody pays: {_short(text)}")
    return micros


def _short(text: str) -> str:
    return ascii(text[:40])
