"""Coverage over time, as a report and as small pictures.

In: facts of a window. Out: `OverTime` for JSON and CSV, and the paths of an SVG: a bar
a step, its parts stacked by what became of the bytes (or exchanges), below 6 kB for 64
steps, made on the server. A step of which nothing was heard is a gap, not zero.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud import reasons
from cloud.pages.coverage.filters import PARTS, Sought
from cloud.pages.coverage.reports import Amounts, OverTime, Step
from cloud.pages.trend import BAR, HEIGHT, PITCH, WINDOWS
from cloud.reasons import Group
from cloud.store import covered, facts, trends
from cloud.store.schema import clusters, parts
from cloud.store.trends import Steps
from cloud.store.wholes import whole

MOST_PARTS = 60
"""Added up for one picture, if they are not a whole cluster or node: a day of so many
can be read at once."""
USUAL_WINDOW = "day"
TALL = 2 * HEIGHT
"""Of a stacked picture."""

Told = list[facts.Amounts | None]


class Seen(NamedTuple):
    """What was read of a window."""

    steps: Steps
    told: Told
    by_key: dict[int, Told]
    """Of each cluster, node or part that was added up."""
    left_out: int
    is_short: bool


def read(connection: Connection, sought: Sought, window: str, now: float) -> Seen:
    """The facts of what is sought, added up by step."""
    keys, left_out = _keys(connection, sought)
    seconds = WINDOWS[window or USUAL_WINDOW]
    steps = trends.steps(connection, int(now), seconds, len(keys))
    told = covered.told(connection, keys, steps)
    is_short = steps.start > int(now) - seconds
    whole_ = covered.summed(list(told.values()), steps)
    return Seen(steps, whole_, told, left_out, is_short)


def of_keys(
    connection: Connection, keys: Sequence[int], steps: Steps
) -> dict[int, Told]:
    """The same for several, each on its own, in the same steps."""
    found = covered.told(connection, keys, steps)
    return {key: found.get(key, [None] * steps.total) for key in keys}


def report(seen: Seen, now: float, reason: str = "") -> OverTime:
    """`reason`: only what is under it."""
    steps = seen.steps
    return OverTime(
        start=datetime.fromtimestamp(steps.start, UTC),
        step_seconds=steps.seconds,
        is_last_partial=steps.window.end > now,
        is_short=seen.is_short,
        parts_left_out=seen.left_out,
        steps=[
            _step(steps.start + position * steps.seconds, amounts, reason)
            for position, amounts in enumerate(seen.told)
        ],
    )


def total(told: Told) -> facts.Amounts:
    """Of all steps."""
    whole_ = facts.Amounts()
    for amounts in told:
        if amounts is not None:
            whole_.add(amounts)
    return whole_


def shares(told: Told) -> list[float | None]:
    """The captured share of each step."""
    return [reasons.captured_share(one.bytes) if one else None for one in told]


def _keys(connection: Connection, sought: Sought) -> tuple[list[int], int]:
    """Of wholes, or of the parts that were seen for longest; how many are left out."""
    is_of_node = sought.is_of_node and not sought.text
    if is_of_node or (sought.is_of_clusters and sought.cluster):
        is_within = sought.scope.holds(sought.cluster, "")
        return [whole(sought.cluster, sought.node)] if is_within else [], 0
    if sought.is_of_clusters:
        names = sa.select(clusters.c.name).where(sought.of_cluster(clusters.c.name))
        return [whole(name) for name in connection.scalars(names)], 0
    conditions = sought.of_part()
    counted = sa.select(sa.func.count()).select_from(PARTS).where(*conditions)
    lasted = (parts.c.last_seen_ns - parts.c.first_seen_ns).desc()
    chosen = sa.select(parts.c.id).select_from(PARTS).where(*conditions)
    keys = connection.scalars(chosen.order_by(lasted, parts.c.id).limit(MOST_PARTS))
    found = list(keys)
    if len(found) < MOST_PARTS:
        return found, 0
    return found, (connection.scalar(counted) or 0) - len(found)


def _step(start: int, amounts: facts.Amounts | None, reason: str) -> Step:
    told, counts = (amounts.bytes, amounts.counts) if amounts else ({}, {})
    if reason:
        told = {name: n for name, n in told.items() if name == reason}
        counts = {name: n for name, n in counts.items() if name == reason}
    return Step(
        start=datetime.fromtimestamp(start, UTC),
        heard=amounts is not None,
        groups=reasons.grouped(told),
        exchanges=reasons.exchanges(counts),
        reasons={name: n for name, n in sorted(told.items()) if n},
        counts={name: n for name, n in sorted(counts.items()) if n},
    )


class Picture(NamedTuple):
    """Paths in a box of `width` by `height`."""

    width: int
    height: int
    paths: list[tuple[str, str]]
    """Group → its bars."""
    holes: str
    most: int
    """What the highest bar stands for."""


STACKED = (Group.CAPTURED, Group.LEFT_OUT, Group.UNREADABLE, Group.MISSED)
"""From the bottom to the top."""


def bytes_picture(told: OverTime) -> Picture:
    return _picture(told, lambda step: step.groups)


def exchanges_picture(told: OverTime) -> Picture:
    return _picture(told, lambda step: step.exchanges)


def shares_picture(shown: Sequence[float | None]) -> Picture:
    """Bars of shares, each of the same whole; the rest is drawn in grey."""
    rest = Group.UNREADABLE.value
    rows = [{"captured": s, rest: 1 - s} if s is not None else None for s in shown]
    return _stack(rows, 1.0, HEIGHT, 1)


def _picture(told: OverTime, amounts: Callable[[Step], Amounts]) -> Picture:
    rows = [amounts(step) if step.heard else None for step in told.steps]
    sums = (sum(row.get(g.value, 0) for g in STACKED) for row in rows if row)
    most = max(sums, default=0)
    return _stack(rows, float(most), TALL, most)


def _stack(
    rows: Sequence[dict[str, float] | dict[str, int] | None],
    most: float,
    height: int,
    shown: int,
) -> Picture:
    paths = dict.fromkeys(STACKED, "")
    for position, row in enumerate(rows):
        base = 0.0
        for group in STACKED:
            amount = (row or {}).get(group.value, 0)
            if amount and most:
                top = base + height * amount / most
                paths[group] += _bar(position, height - top, top - base, amount)
                base = top
    drawn = [(group.value, path) for group, path in paths.items() if path]
    width = max(1, len(rows) * PITCH - (PITCH - BAR))
    holes = "".join(_holes(rows, height))
    return Picture(width, height, drawn, holes, shown)


def _bar(position: int, top: float, high: float, amount: float) -> str:
    """At least a hair's breadth high, so that little is not nothing."""
    high = max(high, 0.3)
    return f"M{position * PITCH} {_short(top)}h{BAR}v{_short(high)}h-{BAR}z"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _holes(rows: Sequence[object], height: int) -> Iterator[str]:
    """A piece for neighbours of which nothing was heard."""
    began = -1
    for position, row in enumerate([*rows, True]):
        if row is None and began < 0:
            began = position
        elif row is not None and began >= 0:
            width = (position - began) * PITCH - (PITCH - BAR)
            yield f"M{began * PITCH} 0h{width}v{height}h-{width}z"
            began = -1


FILTERS: dict[str, Callable[..., object]] = {
    "bytes_picture": bytes_picture,
    "exchanges_picture": exchanges_picture,
    "shares_picture": shares_picture,
}
"""Of the templates."""
