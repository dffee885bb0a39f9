import argparse
import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.costs import reconciliation, usage_export
from agents.costs.reconciliation import Row
from supportagent.console.money import format_micros

WRONG_FILE = 2
COLUMNS = """\
columns of FILE (a CSV with a header, a JSON list of objects, or OpenAI's usage pages with buckets of results):
  date           a day, a moment with its offset, or seconds since 1970; days are those of UTC
                 (also: day, usage_date, start_time, start_time_iso, bucket_start_time, timestamp)
  model          the date of a snapshot is left aside: gpt-5-mini-2025-08-07 counts as gpt-5-mini
                 (also: model_id, snapshot_id)
  input_tokens   those that were cached included
                 (also: prompt_tokens, n_context_tokens_total)
  output_tokens  those that the model thought with included
                 (also: completion_tokens, n_generated_tokens_total)
  cached_tokens  optional
                 (also: input_cached_tokens, cached_input_tokens, n_cached_context_tokens_total)
  cost           optional, in US dollars; without it only tokens are compared
                 (also: cost_usd, amount_value, amount)

Several rows of one day and model are added up. Compared are all days from the first in the file to the last. An attempt
of the ledger belongs to the day on which it began. Each attempt is rounded up to a whole micro-unit; up to one
micro-unit per attempt more than billed is no difference. Attempts whose usage nobody counted were charged in full and
have no tokens; how many there are is said.

exit code: 0 all agree, 1 something differs by more than the tolerance, 2 the file cannot be read
"""


class Command(BaseCommand):
    help = "Compare the ledger with a provider's usage export, per day and model."

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            *args, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=COLUMNS, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the export, in UTF-8")
        parser.add_argument("--format", choices=["csv", "json"], default="", help="without it, as the file's name ends")
        parser.add_argument("--json", action="store_true", help="print the comparison as JSON")
        parser.add_argument(
            "--tolerance", default="0", metavar="PERCENT", help="of the provider's figure; more is a difference"
        )
        parser.add_argument(
            "--provider",
            action="append",
            default=[],
            help="alias whose attempts count, may be repeated; without it, all but those of the demo",
        )

    def handle(self, **options: Any) -> None:
        tolerance = _per_cent(options["tolerance"])
        try:
            used = usage_export.read(options["file"], options["format"])
        except usage_export.BadExport as problem:
            raise CommandError(f"{options['file']}: {problem}", returncode=WRONG_FILE) from None
        rows = reconciliation.compare(used, providers=options["provider"])
        differing = [row for row in rows if row.differing(tolerance)]
        if options["json"]:
            self.stdout.write(json.dumps({"differs": bool(differing), "rows": [_plain(r, tolerance) for r in rows]}))
        else:
            for row in rows:
                self.stdout.write("\n".join(_lines(row, tolerance)))
        if differing:
            raise CommandError(f"{len(differing)} of {len(rows)} days and models differ", returncode=1)
        if not options["json"]:
            self.stdout.write(f"{len(rows)} days and models agree")


def _per_cent(text: str) -> Decimal:
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and 0 <= value <= 100):
        raise CommandError("--tolerance is a number of per cent from 0 to 100", returncode=WRONG_FILE)
    return value


def _plain(row: Row, tolerance: Decimal) -> dict[str, Any]:
    figures = {
        kind: {"ledger": ours, "provider": theirs, "difference": None if theirs is None else ours - theirs}
        for kind, (ours, theirs) in row.pairs.items()
    }
    return {
        "day": row.day.isoformat(),
        "model": row.model,
        "attempts": row.booked.attempts,
        "uncounted_attempts": row.booked.uncounted,
        **figures,
        "differs": row.differing(tolerance),
    }


def _lines(row: Row, tolerance: Decimal) -> list[str]:
    model = row.model if row.model.isprintable() else ascii(row.model)
    model = model or "(written before the ledger kept models)"
    uncounted = f", {row.booked.uncounted} charged in full without a count" if row.booked.uncounted else ""
    lines = [f"{row.day} {model}: {row.booked.attempts} attempts{uncounted}"]
    differing = row.differing(tolerance)
    for kind, (ours, theirs) in row.pairs.items():
        if theirs is not None:
            mark = "  DIFFERS" if kind in differing else ""
            figures = f"ledger {_said(kind, ours)}, provider {_said(kind, theirs)}, {_said(kind, ours - theirs, '+')}"
            lines.append(f"  {kind.removesuffix('_micros').replace('_', ' '):14}{figures}{mark}")
    return lines


def _said(kind: str, figure: int, sign: str = "") -> str:
    if kind != "cost_micros":
        return f"{figure:{sign},}"
    return f"{figure:{sign},} micro-units" if sign else f"{format_micros(figure)} ({figure:,})"
