from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from supportagent.demo.history.write import seed_history
from supportagent.demo.seeding import SeedRefused, reset, seed


class Command(BaseCommand):
    help = "Write the demo shop, its help desk and its log-ins; what is there already stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--reset",
            action="store_true",
            help="delete and rewrite shop, articles and logs; tickets and audit stay",
        )
        parser.add_argument(
            "--without-history",
            action="store_true",
            help="leave out the four weeks of sample work that pages with figures show",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            now = timezone.now()
            seeded = (reset if options["reset"] else seed)(now)
            past = 0 if options["without_history"] else seed_history(now)
        except SeedRefused as refused:
            raise CommandError(str(refused)) from refused
        if not seeded.anything and not past:
            self.stdout.write("The demo data is already there.")
            return
        self.stdout.write(
            f"Wrote {seeded.orders} orders, {seeded.tickets} tickets, {seeded.articles} articles "
            f"and {seeded.log_lines} log lines."
        )
        if past:
            self.stdout.write(f"Wrote {past} sample conversations of the last four weeks, so that figures show.")
