from typing import Any

from django.core.management.base import BaseCommand

from supportagent.console.health import DOCTOR, examine, failing


class Command(BaseCommand):
    help = "Say in one line each whether the parts that this installation needs are there."

    def handle(self, *args: Any, **options: Any) -> None:
        results = examine(DOCTOR, seconds=10)
        for name, (healthy, text) in results.items():
            mark = self.style.SUCCESS("ok  ") if healthy else self.style.ERROR("FAIL")
            self.stdout.write(f"{mark} {name:<18} {text}")
        if broken := failing(results):
            raise SystemExit(f"{len(list(broken))} of {len(results)} parts need attention.")
