import logging
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from supportagent.demo import play


class Command(BaseCommand):
    help = "Play recorded customers' messages through the front door and check what came of each turn."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="JSON lines: id, customer_turns, category")
        parser.add_argument("--limit", type=int, default=None, help="play only the first so many conversations")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("SUPPORTAGENT_ENV=production refuses to play sample messages")
        try:
            conversations = play.read_conversations(options["file"])[: options["limit"]]
            cast = play.find_cast()
        except (OSError, play.PlayError) as error:
            raise CommandError(str(error)) from error
        report = play.Report()
        # Runs are worked on right here, so it does not matter whether a queue or a channel layer answers.
        for name in ("agents.dispatch", "supportagent.console.live"):
            logging.getLogger(name).setLevel(logging.ERROR)
        for conversation in conversations:
            play.play(conversation, cast, report)
            if options["verbosity"] > 1:
                self.stdout.write(f"{conversation.id}: {len(conversation.turns)} turns")
        self._print(report)
        if not report.passed:
            raise CommandError("A line was crossed; see above.")

    def _print(self, report: play.Report) -> None:
        self.stdout.write(f"{report.conversations} conversations, {sum(report.ended.values())} turns")
        for outcome in (play.ANSWERED, play.HELD, play.HANDED_OVER, play.WITH_PERSON):
            self.stdout.write(f"  {outcome:<14}{report.ended[outcome]:>5}")
        self.stdout.write(
            f"Category of the first turn: {report.sorted_right} of {report.labelled} right "
            f"({report.accuracy:.0%}, floor {play.ACCURACY_FLOOR:.0%})"
        )
        for line in report.missorted:
            self.stdout.write(f"  missorted: {line}")
        for line in report.violations:
            self.stderr.write(f"VIOLATION {line}")
        self.stdout.write("No line was crossed." if not report.violations else f"{len(report.violations)} violations.")
