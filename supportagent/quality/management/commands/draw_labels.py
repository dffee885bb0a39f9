from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from supportagent.quality import sampling


class Command(BaseCommand):
    help = "Draw actions and runs of a week that is over for people to judge; what was drawn before stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--week", type=date.fromisoformat, help="its Monday, as 2026-11-23; else the last one")

    def handle(self, *args: Any, week: date | None, **options: Any) -> None:
        chosen = week or sampling.monday(timezone.now() - sampling.GRACE) - sampling.WEEK
        try:
            drawn = sampling.draw_week(chosen)
        except ValueError as refused:
            raise CommandError(f"Nothing was drawn: {refused}.") from refused
        self.stdout.write(f"Drew {drawn} items of the week of {chosen}.")
