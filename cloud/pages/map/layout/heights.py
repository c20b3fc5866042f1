"""How far down each stop stands in its column.

In: ordered columns, the height of each stop, and the lines between them with where they
touch it. Out: the top of each stop. A stop wants to be where its lines are straight;
those of a column keep their order and their distances. The places that come nearest to
all wishes (least squares) are found by pooling neighbours that push each other: the
pool-adjacent-violators method for isotonic regression (Ayer and others, 1955).
"""

from collections.abc import Sequence
from typing import NamedTuple

SWEEPS = 14
"""To the right and back; a trunk is straight after a few."""
DRAWN_IN = 10
"""Of them, the first that also draw all towards the middle: else what hangs together by
itself stays where it was pushed, and the picture is high and empty."""
_DRAW = 0.12
"""How much the middle counts against the wish for straight lines."""
_STRAIGHT = 4.0
"""How much more a bend's wish counts than a box's: a trunk shall be straight."""


class Joint(NamedTuple):
    """A line between neighbouring columns: where it touches its ends, from above."""

    left: int
    right: int
    leave: float
    enter: float


def tops(
    columns: Sequence[Sequence[int]],
    height: Sequence[float],
    gap: Sequence[float],
    joints: Sequence[Joint],
    first_bend: int,
) -> list[float]:
    """The top of each stop, the least 0. `gap`: what stays free round a stop."""
    top = _stacked(columns, height, gap)
    left: list[list[tuple[int, float]]] = [[] for _ in height]
    right: list[list[tuple[int, float]]] = [[] for _ in height]
    for joint in joints:
        left[joint.right].append((joint.left, joint.leave - joint.enter))
        right[joint.left].append((joint.right, joint.enter - joint.leave))
    for stop in range(first_bend, len(height)):
        left[stop] = _trunk(left[stop], first_bend)
        right[stop] = _trunk(right[stop], first_bend)
    weight = [_STRAIGHT if stop >= first_bend else 1.0 for stop in range(len(height))]
    for sweep in range(SWEEPS):
        joined = left if sweep % 2 == 0 else right
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wishes = []
            for stop in column:
                found = joined[stop] or left[stop] or right[stop]
                at = [top[other] + shift for other, shift in found]
                wish = sum(at) / len(at) if at else top[stop]
                wishes.append(wish * (1 - _DRAW) if sweep < DRAWN_IN else wish)
            _settle(column, wishes, weight, top, height, gap)
    least = min(top, default=0.0)
    return [round(one - least, 1) for one in top]


def _trunk(joined: list[tuple[int, float]], first_bend: int) -> list[tuple[int, float]]:
    """What a bend wants to be straight with: other bends, then boxes. Else a trunk
    would go down a step for each column of boxes above it."""
    return [one for one in joined if one[0] >= first_bend] or joined


def _stacked(
    columns: Sequence[Sequence[int]], height: Sequence[float], gap: Sequence[float]
) -> list[float]:
    """Each column without holes, about one middle line."""
    top = [0.0] * len(height)
    for column in columns:
        whole = sum(height[stop] + gap[stop] for stop in column)
        at = -whole / 2
        for stop in column:
            top[stop] = at + gap[stop] / 2
            at += height[stop] + gap[stop]
    return top


def _settle(
    column: Sequence[int],
    wishes: Sequence[float],
    weight: Sequence[float],
    top: list[float],
    height: Sequence[float],
    gap: Sequence[float],
) -> None:
    """Sets the tops of one column."""
    offsets = []
    offset, before = 0.0, -1
    for stop in column:
        if before >= 0:
            offset += height[before] + (gap[before] + gap[stop]) / 2
        offsets.append(offset)
        before = stop
    pools: list[tuple[float, float, int]] = []
    for stop, wish, offset in zip(column, wishes, offsets, strict=True):
        mean, mass, size = wish - offset, weight[stop], 1
        while pools and pools[-1][0] >= mean:
            its_mean, its_mass, its_size = pools.pop()
            mean = (mean * mass + its_mean * its_mass) / (mass + its_mass)
            mass, size = mass + its_mass, size + its_size
        pools.append((mean, mass, size))
    places = (mean for mean, _, size in pools for _ in range(size))
    for stop, offset, place in zip(column, offsets, places, strict=True):
        top[stop] = place + offset
