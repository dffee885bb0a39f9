from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.context import Actor, acting
from supportagent.knowledge import importing


class Command(BaseCommand):
    help = "Import help articles from Markdown files with a head, or from CSV: all of them, or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="A .md or .csv file, or a folder of them.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")

    def handle(self, *args: Any, path: Path, dry_run: bool, **options: Any) -> None:
        with acting(Actor.system("import_articles")):
            try:
                plan = importing.import_articles(_files(path), dry_run=dry_run)
            except importing.ImportRace as race:
                raise CommandError(str(race)) from race
        if plan.problems:
            raise CommandError("\n".join(["Nothing was imported.", *plan.problems]))
        self.stdout.write(f"{'Would be imported' if dry_run else 'Imported'}: {plan.summary}.")


def _files(path: Path) -> list[importing.File]:
    if path.is_dir():
        found = [each for each in sorted(path.iterdir()) if each.suffix.lower() in (".md", ".csv") and each.is_file()]
    elif path.is_file():
        found = [path]
    else:
        raise CommandError(f"There is no file or folder {path}.")
    try:
        return [importing.File(each.name, _beginning(each)) for each in found]
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def _beginning(path: Path) -> bytes:
    """One byte more than is accepted, so that a file that is too large is seen and not read whole."""
    with path.open("rb") as file:
        return file.read(importing.MAX_FILE_BYTES + 1)
