"""`audit_export`: the audit log as JSON lines, streamed. The export is recorded before anything leaves."""

import os
from argparse import ArgumentTypeError
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import export, log
from audit.audit_actions import EXPORTED
from audit.context import Actor
from audit.details import DetailsAltered


def target(text: str) -> tuple[str, str]:
    """`type:id`, for example order:ORD-1042."""
    kind, separator, identity = text.partition(":")
    if not (kind and separator and identity):
        raise ArgumentTypeError(f"{text!r} is not of the form type:id, for example order:ORD-1042")
    return kind, identity


class Command(BaseCommand):
    help = "Export the audit log as JSON lines, each verifiable. Holds no personal data by default."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ticket", default="", help="only entries of this ticket, for example T-1042")
        parser.add_argument("--run", default="", help="only entries of this run")
        parser.add_argument("--target", type=target, help="only entries that concern type:id, e.g. order:ORD-1042")
        parser.add_argument("--since-seq", type=int, default=0, help="only entries from this number on")
        parser.add_argument(
            "--output", default="-", help="a file, readable by its owner only; default: standard output"
        )
        parser.add_argument("--with-details", action="store_true", help="decrypt private details: personal data!")

    def handle(self, *args: Any, **options: Any) -> None:
        filters = {name: options[name] for name in ("ticket", "run", "target", "since_seq")}
        with_details = options["with_details"]
        with log.transaction():
            log.record(
                EXPORTED,
                actor=Actor.system("audit_export"),
                target=("audit", "log"),
                data={"filters": filters, "with_details": with_details},
                refs=[filters["target"]] if filters["target"] else [],
            )
        try:
            with self._destination(options["output"]) as destination:
                for line in export.lines(export.entries(**filters), with_details=with_details):
                    destination.write(f"{line}\n")
        except OSError as problem:
            raise CommandError(f"{options['output']} cannot be written: {problem.strerror}") from None
        except DetailsAltered as problem:
            raise CommandError(f"{problem}: run audit_verify") from None

    def _destination(self, path: str) -> AbstractContextManager[IO[str] | Any]:
        if path == "-":
            return nullcontext(self.stdout)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
