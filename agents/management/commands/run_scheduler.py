import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from agents import scheduler
from approvals.notifications.sender import sending


class Command(BaseCommand):
    help = "Recover runs of dead workers, enqueue lost jobs, expire approvals and reservations, send notifications."

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("scheduler is running")
        with sending(stop):
            scheduler.run(stop)
