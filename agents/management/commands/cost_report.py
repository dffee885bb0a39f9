import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agents.costs.economics import Economics, Row, Sums, economics, half_up
from supportagent.console.money import format_micros
from supportagent.periods import add_period_arguments, period_of

UNKNOWN = "unknown"
HEAD = ("", "conversations", "model", "tools", "people", "each", "without agents", "saved", "model calls each")


class Command(BaseCommand):
    help = "What conversations that ended in a period cost, beside what they would cost without agents."

    def add_arguments(self, parser: CommandParser) -> None:
        add_period_arguments(parser)
        parser.add_argument("--json", action="store_true", help="print every figure as JSON, money in micro-units")

    def handle(self, **options: Any) -> None:
        found = economics(period_of(options))
        if options["json"]:
            self.stdout.write(json.dumps(found.plain(), indent=2))
        else:
            self.stdout.write("\n".join(_lines(found)))


def _lines(found: Economics) -> list[str]:
    lines = [
        f"Conversations that ended from {found.period.start:%Y-%m-%d %H:%M} to {found.period.end:%Y-%m-%d %H:%M} UTC"
    ]
    parts = (("Category", found.categories), ("Agent", found.agents), ("Channel", found.channels))
    for title, rows in parts:
        lines += ["", *_table(title, rows)]
    lines += ["", *_table("In total", [Row("", "All", found.total)])]
    lines += ["", f"Infrastructure: {_money(found.infrastructure_micros)}"]
    lines += [f"With infrastructure: {_money(found.with_infrastructure_micros)}", *found.notes]
    return lines


def _table(title: str, rows: list[Row]) -> list[str]:
    table = [(title, *HEAD[1:]), *((row.label, *_figures(row.sums)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def _figures(sums: Sums) -> tuple[str, ...]:
    calls = sums.calls_per_interaction
    return (
        f"{sums.n:,}",
        _money(sums.model_micros),
        _money(sums.tool_micros),
        _money(half_up(sums.human)),
        _money(sums.per_interaction),
        _money(sums.baseline_per_interaction),
        _money(sums.saving_micros),
        UNKNOWN if calls is None else f"{calls:.2f}",
    )


def _money(micros: int | None) -> str:
    return UNKNOWN if micros is None else format_micros(micros)
