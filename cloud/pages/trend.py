"""A trend: counts in steps of time, as a report and as a small picture of bars.

In: a count for each step (`cloud/store/trends.py`), and in which steps the agents were
heard. Out: `Trend` for JSON and CSV, with what the macro `parts.trend` draws: at most
64 bars as three paths of SVG, below 2 kB, made on the server. A step of which nothing
is known is drawn as a gap and is null in JSON; a step without traffic is a line at the
bottom, and 0. The last step is not over yet and is drawn lighter.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from cloud.store.schema import DAY
from cloud.store.trends import MOST_STEPS, Steps

WindowName = Literal["hours", "day", "week", "month", "quarter"]
WINDOWS: dict[str, int] = {
    "hours": 4 * 3_600,
    "day": DAY,
    "week": 7 * DAY,
    "month": 30 * DAY,
    "quarter": 90 * DAY,
}
"""How far back a trend goes, in seconds."""
HEIGHT = 24
BAR, PITCH = 3, 4
"""Width of a bar, and from one to the next."""


class Trend(msgspec.Struct):
    """Counts in steps of the same length, the oldest first."""

    start: datetime
    step_seconds: int
    counts: list[int | None]
    """Null: the agents were not heard then. A step that they were heard in for a part
    only counts what they told."""
    is_last_partial: bool
    """The last step is not over."""

    @property
    def known(self) -> list[int]:
        return [count for count in self.counts if count is not None]

    @property
    def gaps(self) -> int:
        return len(self.counts) - len(self.known)

    @property
    def width(self) -> int:
        """Of the picture, in its own units; HEIGHT is its height."""
        return len(self.counts) * PITCH - (PITCH - BAR)

    @property
    def bars(self) -> str:
        """Path of the bars of whole steps."""
        last = len(self.counts) - self.is_last_partial
        return self._path(range(last))

    @property
    def partial(self) -> str:
        """Path of the bar of a last step that is not over; may be empty."""
        return self._path(range(len(self.counts) - self.is_last_partial, MOST_STEPS))

    @property
    def holes(self) -> str:
        """Path of the steps of which nothing is known, one piece for neighbours."""
        pieces, began = [], -1
        for position, count in enumerate([*self.counts, 0]):
            if count is None and began < 0:
                began = position
            elif count is not None and began >= 0:
                width = (position - began) * PITCH - (PITCH - BAR)
                pieces.append(f"M{began * PITCH} 0h{width}v{HEIGHT}h-{width}z")
                began = -1
        return "".join(pieces)

    def _path(self, positions: range) -> str:
        most = max(self.known, default=0)
        return "".join(
            f"M{position * PITCH} {HEIGHT}v-{_height(count, most)}h{BAR}V{HEIGHT}z"
            for position in positions
            if position < len(self.counts) and (count := self.counts[position])
        )


def trend(
    counts: Sequence[int], steps: Steps, heard: Collection[int], now: float
) -> Trend:
    """Of counts that are as many as the steps. What was counted was heard."""
    return Trend(
        start=datetime.fromtimestamp(steps.start, UTC),
        step_seconds=steps.seconds,
        counts=[
            count if count or position in heard else None
            for position, count in enumerate(counts)
        ],
        is_last_partial=steps.window.end > now,
    )


def _height(count: int, most: int) -> int:
    """At least 1, so that few of many are not none."""
    return max(1, round(HEIGHT * count / most))
