"""Articles from files that people wrote: Markdown with a head, or CSV. All of them, or none.

    ---
    slug: returns
    title: Returning an item
    tags: send back, refund
    ---
    You can return an item within 30 days.

The head has `slug` and `title`, and may have `tags`, `language` and `published` (yes or no). A CSV has columns of the
same names and `body`. Text is kept as it stands: HTML in it is shown as text.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from audit import log as audit_log
from supportagent.knowledge.models import Article

MAX_FILE_BYTES = 2 * 1024 * 1024
MAX_FILES = 500
MAX_ARTICLES = 2_000
MAX_BODY = 40_000  # characters: what a search returns of five articles stays within the limit of a tool's result
REQUIRED, OPTIONAL = ("slug", "title"), ("tags", "language", "published")
REASON = "Imported from files"

_YES_NO = {"yes": True, "true": True, "1": True, "": True, "no": False, "false": False, "0": False}
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class File:
    """A file as it came: its name decides how it is read."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Row:
    """One article as a file says it is, and where it stands: a file, or a line of one."""

    where: str
    fields: dict[str, str]


@dataclass
class Plan:
    """What an import would do. With a problem in it, it does nothing."""

    new: list[Article] = field(default_factory=list)
    changed: list[Article] = field(default_factory=list)
    same: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        return f"{len(self.new)} new, {len(self.changed)} changed, {self.same} as they were"


def plan_import(files: Sequence[File]) -> Plan:
    """Read and judge every article of the files, and say what would become of each. Changes nothing."""
    plan = Plan()
    if len(files) > MAX_FILES:
        plan.problems.append(f"There are {len(files)} files; at most {MAX_FILES} are read at once.")
        return plan
    rows = [row for file in files for row in _read(file, plan.problems)]
    if not rows and not plan.problems:
        plan.problems.append("There is no article in it: files end in .md or .csv.")
    if len(rows) > MAX_ARTICLES:
        plan.problems.append(f"There are {len(rows)} articles; at most {MAX_ARTICLES} are read at once.")
        return plan
    _refuse_twice(rows, plan.problems)
    slugs = [slug for row in rows if not _UNSTORABLE.search(slug := row.fields["slug"])]  # PostgreSQL looks up no NUL
    known = {article.slug: article for article in Article.objects.filter(slug__in=slugs)}
    for row in rows:
        _judge(row, known.get(row.fields["slug"]), plan)
    return plan


def import_articles(files: Sequence[File], *, dry_run: bool = False) -> Plan:
    """Write what `plan_import` says, in one transaction with the history of each article; nothing with a problem.

    Importing the same files again changes nothing. Who does it is whoever acts (`audit.context.acting`).
    """
    with audit_log.transaction():
        plan = plan_import(files)
        if plan.problems or dry_run:
            return plan
        try:
            for article in (*plan.new, *plan.changed):  # one by one: each gets its history row and its entry
                article._change_reason = REASON  # type: ignore[attr-defined]  # simple-history's way
                article.save(force_insert=article.pk is None)
        except IntegrityError as race:
            raise ImportRace(
                "Somebody wrote one of these articles just now. Nothing was imported: try again."
            ) from race
    return plan


class ImportRace(Exception):
    """Somebody else wrote meanwhile, and nothing was imported; the same import may succeed now."""


def _read(file: File, problems: list[str]) -> list[Row]:
    if len(file.content) > MAX_FILE_BYTES:
        problems.append(f"{file.name}: larger than {MAX_FILE_BYTES // 1024 // 1024} MB.")
        return []
    try:
        text = file.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        problems.append(f"{file.name}, line {line}: not UTF-8. Save it in that encoding.")
        return []
    ending = PurePath(file.name).suffix.lower()
    if ending == ".md":
        return _read_markdown(file.name, text, problems)
    if ending == ".csv":
        return _read_csv(file.name, text, problems)
    problems.append(f"{file.name}: only .md and .csv are read.")
    return []


def _read_markdown(name: str, text: str, problems: list[str]) -> list[Row]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if lines[0].rstrip() != "---" or end is None:
        problems.append(f"{name}: it must begin with a head between two lines of three dashes.")
        return []
    fields: dict[str, str] = {}
    for number, line in enumerate(lines[1:end], 2):
        key, colon, value = line.partition(":")
        key = key.strip().lower()
        if not line.strip():
            continue
        if not colon or key not in (*REQUIRED, *OPTIONAL):
            problems.append(f"{name}, line {number}: a line of the head is one of {_names()}, a colon and its value.")
        elif key in fields:
            problems.append(f"{name}, line {number}: {key} is given twice.")
        else:
            fields[key] = _unquoted(value)
    return _complete(name, fields | {"body": "\n".join(lines[end + 1 :])}, problems)


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return ", ".join(part.strip() for part in value[1:-1].split(",")) if value[:1] + value[-1:] == "[]" else value


def _read_csv(name: str, text: str, problems: list[str]) -> list[Row]:
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        header = [column.strip().lower() for column in next(table, [])]
        if not {*REQUIRED, "body"} <= set(header) <= {*REQUIRED, *OPTIONAL, "body"} or len(set(header)) < len(header):
            problems.append(f"{name}: the first line names the columns: {_names()} and body, each once.")
            return []
        begins = table.line_num + 1
        for cells in table:
            where, begins = f"{name}, line {begins}", table.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                problems.append(f"{where}: {len(cells)} cells for {len(header)} columns.")
            else:
                rows += _complete(where, dict(zip(header, cells, strict=True)), problems)
    except csv.Error as error:
        problems.append(f"{name}, line {table.line_num}: {error}.")
    return rows


def _complete(where: str, fields: dict[str, str], problems: list[str]) -> list[Row]:
    missing = [key for key in (*REQUIRED, "body") if not fields.get(key, "").strip()]
    if missing:
        problems.append(f"{where}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.")
        return []
    return [Row(where, {key: value.strip() for key, value in fields.items()})]


def _refuse_twice(rows: Iterable[Row], problems: list[str]) -> None:
    times = Counter(row.fields["slug"] for row in rows)
    for slug in sorted(slug for slug, count in times.items() if count > 1):
        places = "; ".join(row.where for row in rows if row.fields["slug"] == slug)
        problems.append(f"The slug {slug} stands in more than one place: {places}.")


def _judge(row: Row, known: Article | None, plan: Plan) -> None:
    said = row.fields
    published = _YES_NO.get(said.get("published", "").lower())
    problems = [] if published is not None else ["published: say yes or no."]
    if any(_UNSTORABLE.search(value) for value in said.values()):
        problems.append("it holds control characters.")
    if len(said["body"]) > MAX_BODY:
        problems.append(f"body: {len(said['body'])} characters; at most {MAX_BODY} are accepted.")
    article = known or Article(slug=said["slug"])
    # What a file does not name stays as it is.
    wanted: dict[str, Any] = {key: said[key] for key in ("title", "body", "tags", "language") if key in said}
    if "language" in wanted and not wanted["language"]:
        wanted["language"] = "en"
    if "published" in said:
        wanted["published"] = published if published is not None else True
    is_same = known is not None and all(getattr(known, name) == value for name, value in wanted.items())
    for name, value in wanted.items():
        setattr(article, name, value)
    if not problems:
        try:
            article.clean_fields()
        except ValidationError as error:
            problems += [f"{name}: {' '.join(words)}" for name, words in error.message_dict.items()]
    plan.problems += [f"{row.where}: {problem}" for problem in problems]
    if is_same:
        plan.same += 1
    else:
        (plan.new if known is None else plan.changed).append(article)


def _names() -> str:
    return ", ".join((*REQUIRED, *OPTIONAL))
