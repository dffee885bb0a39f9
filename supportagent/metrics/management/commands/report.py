import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from supportagent.console.money import format_micros
from supportagent.metrics.measures import FILTERS, Figure, Scope, Section, report
from supportagent.periods import add_period_arguments, period_of

HELP = {
    "agent": "slug of the agent that had the conversation last",
    "tool": "qualified name of a tool that was used",
    "category": "of the ticket",
    "team": "slug of the ticket's team",
    "language": "of the ticket, as in en",
    "channel": "of the ticket: widget or email",
}


class Command(BaseCommand):
    help = "Every measure of a period, with what it rests on and the same of the period before."

    def add_arguments(self, parser: CommandParser) -> None:
        add_period_arguments(parser)
        parser.add_argument("--json", action="store_true", help="print every figure as JSON")
        for name in FILTERS:
            parser.add_argument(f"--{name}", default="", help=HELP[name])

    def handle(self, **options: Any) -> None:
        scope = Scope(period_of(options), **{name: options[name] for name in FILTERS})
        sections = report(scope)
        if options["json"]:
            self.stdout.write(json.dumps(plain(scope, sections), indent=2))
        else:
            self.stdout.write("\n".join(line for section in sections for line in _lines(section)))


def plain(scope: Scope, sections: list[Section]) -> dict[str, Any]:
    """The whole report, as JSON has it."""
    return {
        "from": scope.period.start.isoformat(),
        "to": scope.period.end.isoformat(),
        "filters": scope.plain(),
        "sections": {section.key: section.plain() for section in sections},
    }


def _lines(section: Section) -> list[str]:
    lines = ["", section.title]
    for each in section.figures:
        before = section.before.get(each.key)
        lines += [f"  {each.label}: {_said(each)}{'' if before is None else f'; before {_said(before)}'}"]
    for table in section.tables:
        lines += [f"  {table.title}"]
        for line in table.lines:
            figures = ", ".join(f"{each.label.lower()} {_said(each)}" for each in line.figures)
            lines += [f"    {line.label if line.label.isprintable() else ascii(line.label)}: {figures}"]
    return lines + [f"  {note}" for note in section.notes]


def _said(figure: Figure) -> str:
    value = figure.value
    if value is None:
        return f"not enough data (n = {figure.n:,})"
    if figure.kind == "share":
        low, high = figure.interval or (0.0, 1.0)
        return f"{value:.1%} ({low:.0%} to {high:.0%}, n = {figure.n:,})"
    if figure.kind == "micros":
        return f"{format_micros(int(value))} (n = {figure.n:,})"
    if figure.kind == "seconds":
        return f"{value:,} s (n = {figure.n:,})"
    return f"{value:.2f} (n = {figure.n:,})" if isinstance(value, float) else f"{value:,}"
