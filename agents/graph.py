"""The hand-off graph as a drawing: boxes in columns by how far they are from where requests come in, arrows between.

Nothing random and nothing iterative: the same agents and routes are always drawn alike. Lengths are user units of the
drawing, which the page scales.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.models import Agent
from agents.roster import Route

WIDTH, HEIGHT = 172, 58  # of a box
ROW, GAP = 26, 120  # between boxes of a column, between columns
MARGIN = 12
LANE = 30  # between arrows that run beside a column
APART = 9  # arrows there and back leave a box at two heights
NAME_LENGTH = 20


@dataclass(frozen=True)
class Box:
    """An agent in the drawing."""

    agent: Agent
    x: int
    y: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def name(self) -> str:
        name = self.agent.name
        return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1].rstrip()}…"

    @property
    def text_x(self) -> int:
        return self.x + 14

    @property
    def name_y(self) -> int:
        return self.y + 25

    @property
    def state_y(self) -> int:
        return self.y + 44


@dataclass(frozen=True)
class Arrow:
    """A route in the drawing: a curve, and where its number stands."""

    route: Route
    path: str
    x: int
    y: int


@dataclass(frozen=True)
class Drawing:
    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]


def draw(agents: Sequence[Agent], routes: Sequence[Route]) -> Drawing:
    """Lay the agents out, those that receive requests first."""
    columns = _columns(agents, routes)
    column_of = {pk: number for number, column in enumerate(columns) for pk in column}
    row_of = {pk: row for column in columns for row, pk in enumerate(column)}
    lanes = _lanes(routes, column_of, row_of)
    outermost = {column_of[route.source.pk]: 0 for route in routes}
    for route in routes:
        if route.id in lanes:
            column = column_of[route.source.pk]
            outermost[column] = max(outermost[column], lanes[route.id] + 1)
    widths = [GAP + LANE * outermost.get(number, 0) for number in range(len(columns))]
    tallest = max((len(column) for column in columns), default=0)
    height = max(tallest * (HEIGHT + ROW) - ROW, 0) + 2 * MARGIN
    boxes = {}
    for agent in agents:
        number = column_of[agent.pk]
        offset = (tallest - len(columns[number])) * (HEIGHT + ROW) // 2
        x = MARGIN + number * WIDTH + sum(widths[:number])
        boxes[agent.pk] = Box(agent, x, MARGIN + offset + row_of[agent.pk] * (HEIGHT + ROW))
    last = max((box.x + WIDTH for box in boxes.values()), default=0)
    beside_last = widths[-1] - GAP if widths else 0
    arrows = [_arrow(route, boxes, lanes.get(route.id)) for route in routes]
    return Drawing(last + beside_last + 2 * MARGIN, height, list(boxes.values()), arrows)


def _columns(agents: Sequence[Agent], routes: Iterable[Route]) -> list[list[int]]:
    """Agents by the number of hand-offs that lead to them from where requests come in, or from whom nothing leads to.

    A column has the order of whom its agents are reached from. Who has no route at all stands in a column at the end.
    """
    after: dict[int, list[int]] = {agent.pk: [] for agent in agents}
    for route in routes:
        after[route.source.pk].append(route.target.pk)
    reached = {target for targets in after.values() for target in targets}
    joined = [agent.pk for agent in agents if agent.pk in reached or after[agent.pk]]
    receiving = [agent.pk for agent in agents if agent.receives_requests and agent.pk in joined]
    columns: list[list[int]] = []
    placed: set[int] = set()
    # The last ones are of loops that nothing leads into.
    for first in (*receiving, *(pk for pk in joined if pk not in reached), *joined):
        column, number = [first] if first not in placed else [], 0
        while column:
            placed.update(column)
            columns[number:] = columns[number:] or [[]]
            columns[number] += column
            column = list(dict.fromkeys(target for pk in column for target in after[pk] if target not in placed))
            number += 1
    alone = [agent.pk for agent in agents if agent.pk not in placed]
    return [*columns, alone] if alone else columns


def _lanes(routes: Iterable[Route], column_of: dict[int, int], row_of: dict[int, int]) -> dict[int, int]:
    """For each arrow within a column how far out it runs: short ones inside, and no two on one stretch."""
    taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
    lanes = {}
    inside = [route for route in routes if column_of[route.source.pk] == column_of[route.target.pk]]
    for route in sorted(inside, key=lambda r: abs(row_of[r.source.pk] - row_of[r.target.pk])):
        column = column_of[route.source.pk]
        low, high = sorted((row_of[route.source.pk], row_of[route.target.pk]))
        lane = 0
        while any(low < end and start < high for start, end in taken.get((column, lane), [])):
            lane += 1
        taken.setdefault((column, lane), []).append((low, high))
        lanes[route.id] = lane
    return lanes


def _arrow(route: Route, boxes: dict[int, Box], lane: int | None) -> Arrow:
    source, target = boxes[route.source.pk], boxes[route.target.pk]
    if lane is not None:
        return _arrow_beside(route, source, target, lane)
    there = source.x < target.x
    start_x, end_x = (source.x + WIDTH, target.x) if there else (source.x, target.x + WIDTH)
    shift = HEIGHT // 2 + (-APART if there else APART)
    start_y, end_y = source.y + shift, target.y + shift
    middle = (start_x + end_x) // 2
    path = f"M{start_x} {start_y} C{middle} {start_y} {middle} {end_y} {end_x} {end_y}"
    # Nearer to the box that is one of many: numbers of arrows that part from one box stand apart.
    third = (start_x + 2 * end_x) // 3 if there else (2 * start_x + end_x) // 3
    near_y = (start_y + 7 * end_y) // 8 if there else (7 * start_y + end_y) // 8
    return Arrow(route, path, third, near_y + 4)


def _arrow_beside(route: Route, source: Box, target: Box, lane: int) -> Arrow:
    """From box to box of one column, to the right of it."""
    edge, out = source.x + WIDTH, source.x + WIDTH + LANE * (lane + 1) + 14
    down = 1 if source.y < target.y else -1
    start_y = source.y + HEIGHT // 2 + down * 2 * APART
    end_y = target.y + HEIGHT // 2 - down * 2 * APART
    path = f"M{edge} {start_y} C{out} {start_y} {out} {end_y} {edge} {end_y}"
    return Arrow(route, path, edge + (out - edge) * 3 // 4, (start_y + end_y) // 2 + 4)
