from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.workers import serve


class Command(BaseCommand):
    help = "Run the jobs of the queues in many threads of one process, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--threads", type=int, default=settings.WORKER_THREADS)
        parser.add_argument("--queues", default="default", help="comma-separated, the most urgent first")
        parser.add_argument("--grace", type=float, default=30, help="seconds that running jobs get at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        queues = [name.strip() for name in options["queues"].split(",") if name.strip()]
        unknown = [name for name in queues if name not in settings.RQ_QUEUES]
        if unknown or not queues:
            known = ", ".join(settings.RQ_QUEUES)
            raise CommandError(f"There is no queue {', '.join(unknown) or 'given'}; known: {known}.")
        if not 1 <= options["threads"] <= 256:
            raise CommandError("--threads must be between 1 and 256.")
        serve(threads=options["threads"], queue_names=queues, grace=options["grace"])
