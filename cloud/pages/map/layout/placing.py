"""Places for boxes in columns, and the ways of lines between them.

In: sizes and columns of boxes, and the lines. Out: the top left corner of each box, and
for each line its points from the left to the right. Between two columns a line is a
curve that begins and ends level; within a column it is level, in room of its own. Lines
touch a box one below the other, in the order in which they leave each other.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cloud.pages.map.layout import crossings, heights
from cloud.pages.map.layout.bends import Line, Web, web
from cloud.pages.map.layout.heights import Joint

BOX_GAP = 18.0
"""Between two boxes of a column."""
BEND_HIGH, BEND_GAP = 2.0, 12.0
"""Room for a line that passes a column; on the screen 14 px a line."""
COLUMN_GAP = 88.0
"""Between two columns, if nothing else is wished: a curve, its arrow, a short label."""
BORDER_GAP = 20.0
"""Between the border of a frame and its first column."""
MOST_WIDER, WIDER = 60.0, 2.0
"""Of a gap, for each line in it: many lines need flatter curves."""
TOUCH_GAP = 7.0
"""Between two lines that touch one side of a box."""

Point = tuple[float, float]
Size = tuple[float, float]


class Laid(NamedTuple):
    """A drawing without frames; its top left corner is 0, 0."""

    corners: list[Point]
    ways: list[list[Point]]
    """The points of each line, from the left to the right."""
    width: float
    height: float


def place(
    sizes: Sequence[Size],
    column: Sequence[int],
    lines: Sequence[Line],
    gap: float = COLUMN_GAP,
) -> Laid:
    """`lines` are distinct; `gap` is left between two columns, at least."""
    if not sizes:
        return Laid([], [], 0, 0)
    return _Placing(sizes, column, lines, gap).laid()


class _Touch(NamedTuple):
    """A line between neighbouring stops, with where it has to touch them."""

    left: int
    right: int
    leave: float | None
    enter: float | None
    is_back: bool


class _Placing:
    def __init__(
        self,
        sizes: Sequence[Size],
        column: Sequence[int],
        lines: Sequence[Line],
        gap: float,
    ) -> None:
        self._gap = gap
        self._sizes = sizes
        self._lines = lines
        self._web: Web = web(column, lines)
        self._steps = [self._steps_of(n) for n in range(len(lines))]
        touches = sorted({step for steps in self._steps for step in steps}, key=_order)
        pairs = sorted({(touch.left, touch.right) for touch in touches})
        self._columns = crossings.ordered(self._web.columns, pairs)
        self._height = [high for _, high in sizes] + [BEND_HIGH] * self._web.bends
        self._touches = self._spread(touches)
        gaps = [BOX_GAP if wide else BEND_GAP for wide, _ in sizes]
        gaps += [BEND_GAP] * self._web.bends
        joints = list(self._touches.values())
        self._top = heights.tops(self._columns, self._height, gaps, joints, len(sizes))
        self._start, self._end = self._across(pairs)

    def laid(self) -> Laid:
        at = {stop: n for n, column in enumerate(self._columns) for stop in column}
        corners = [
            (self._start[at[box]], self._top[box]) for box in range(len(self._sizes))
        ]
        bottom = max(
            top + high for top, high in zip(self._top, self._height, strict=True)
        )
        ways = [self._way(n, at) for n in range(len(self._lines))]
        return Laid(corners, ways, self._end[-1], bottom)

    def _steps_of(self, number: int) -> list[_Touch]:
        line, path = self._lines[number], self._web.paths[number]
        last = len(path) - 2
        return [
            _Touch(
                path[n],
                path[n + 1],
                line.leave if n == 0 else None,
                line.enter if n == last else None,
                line.is_back,
            )
            for n in range(last + 1)
        ]

    def _spread(self, touches: Sequence[_Touch]) -> dict[_Touch, Joint]:
        """Where each line touches its ends."""
        place = {stop: n for column in self._columns for n, stop in enumerate(column)}
        leave: dict[_Touch, float] = {}
        enter: dict[_Touch, float] = {}
        rights: dict[int, list[_Touch]] = {}
        lefts: dict[int, list[_Touch]] = {}
        for touch in touches:
            rights.setdefault(touch.left, []).append(touch)
            lefts.setdefault(touch.right, []).append(touch)
        for stop, found in rights.items():
            found.sort(key=lambda touch: place[touch.right])
            self._share(stop, found, [touch.leave for touch in found], leave)
        for stop, found in lefts.items():
            found.sort(key=lambda touch: place[touch.left])
            self._share(stop, found, [touch.enter for touch in found], enter)
        return {
            touch: Joint(touch.left, touch.right, leave[touch], enter[touch])
            for touch in touches
        }

    def _share(
        self,
        stop: int,
        touches: list[_Touch],
        fixed: list[float | None],
        found: dict[_Touch, float],
    ) -> None:
        high = self._height[stop]
        is_bend = stop >= len(self._sizes)
        gaps = max(len(touches) - 1, 1)
        step = 0.0 if is_bend else min(TOUCH_GAP, max(high - 12, 0) / gaps)
        for n, (touch, given) in enumerate(zip(touches, fixed, strict=True)):
            middle = high / 2 + (n - (len(touches) - 1) / 2) * step
            found[touch] = middle if given is None else given

    def _across(
        self, pairs: Sequence[tuple[int, int]]
    ) -> tuple[list[float], list[float]]:
        """Where each column begins and ends."""
        at = {stop: n for n, column in enumerate(self._columns) for stop in column}
        lines = [0] * len(self._columns)
        for left, _ in pairs:
            lines[at[left]] += 1
        starts, ends = [], []
        x = 0.0
        for n, column in enumerate(self._columns):
            wide = max(
                (self._sizes[stop][0] for stop in column if stop < len(self._sizes)),
                default=0.0,
            )
            starts.append(x)
            ends.append(x + wide)
            is_border = not wide or (
                n + 2 == len(self._columns) and self._is_border(n + 1)
            )
            gap = self._gap + min(MOST_WIDER, WIDER * lines[n])
            x += wide + (BORDER_GAP + min(40.0, lines[n]) if is_border else gap)
        return starts, ends

    def _is_border(self, n: int) -> bool:
        boxes = [stop for stop in self._columns[n] if stop < len(self._sizes)]
        return all(not self._sizes[stop][0] for stop in boxes)

    def _way(self, number: int, at: dict[int, int]) -> list[Point]:
        points: list[Point] = []
        for touch in self._steps[number]:
            joint = self._touches[touch]
            left, right = at[joint.left], at[joint.right]
            leave = self._top[joint.left] + joint.leave
            enter = self._top[joint.right] + joint.enter
            if joint.left < len(self._sizes):
                edge = self._start[left] + self._sizes[joint.left][0]
                points.append((edge, leave))
            points += [(self._end[left], leave), (self._start[right], enter)]
        return _without_repeats(points)


def _order(touch: _Touch) -> tuple[object, ...]:
    return (
        touch.left,
        touch.right,
        touch.is_back,
        touch.leave is not None,
        touch.leave or 0.0,
        touch.enter is not None,
        touch.enter or 0.0,
    )


def _without_repeats(points: list[Point]) -> list[Point]:
    """Level pieces that follow each other are one."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and kept[-1][1] == kept[-2][1] == point[1]:
            kept.pop()
        kept.append(point)
    return kept
