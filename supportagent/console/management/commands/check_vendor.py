from typing import Any

from django.core.management.base import BaseCommand, CommandError

from supportagent.console import vendoring


class Command(BaseCommand):
    help = "Check that the vendored browser code is what it was when it was reviewed."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if problems := vendoring.problems():
            raise CommandError("\n".join(problems))
        self.stdout.write("The vendored files are unchanged.")
