"""What Today shows: the shape of its query, its report, and the JSON twin."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cloud.pages.reports import Paging, Shape, Share, Workload
from cloud.pages.rollouts import Brought
from cloud.pages.spans import SpanName
from cloud.pages.status import Problem

Since = Literal["visit", "first", "before", "window"]


class TodayQuery(Shape, frozen=True):
    """The query parameters of Today."""

    window: Literal["", "before"] | SpanName = ""
    """Empty: since one's last visit; before: since the one before that."""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 30


class LineType(Shape):
    """A data type that a line is about."""

    data_type: str
    sensitivity: str


class Line(Shape):
    """One piece of news; changes that belong together are one."""

    kind: str
    """violation, party, url, data, quiet, coverage, rules, agent or cluster."""
    gravity: int
    """0 to 4."""
    sensitivity: str
    title: str
    why: str
    """Why it matters: facts, in one sentence or two."""
    advice: str
    """What to do."""
    evidence: str
    """Where in the dashboard the facts stand: a path."""
    action: str
    """Where it is done: a path."""
    action_words: str
    cluster: str
    client: Workload | None
    """Null: there are several, or it is not about one."""
    server: Workload | None
    data_types: list[LineType]
    fields: int
    endpoints: int
    changes: int
    """How many changes or violations are told in this line."""
    at: datetime
    """When the latest of them was stored."""
    rollout: Brought | None = None
    """Of either end, shortly before the gravest of them that has one; null: none is
    known."""


class Trust(Shape):
    """Whether "nothing new" can be believed: how much is read, and how fresh it is."""

    captured_share: Share
    """Of the cluster of which least is read; null: nothing was seen."""
    clusters: int
    silent: int
    """Clusters that do not report any more, of those heard in the last seven days."""
    age_seconds: int | None
    """Since the cluster that was heard longest ago, the silent ones aside."""
    records_lost: int
    frames_lost: int

    @property
    def is_complete(self) -> bool:
        """All that passed was read, and all clusters report."""
        is_read = self.captured_share is not None and self.captured_share >= 0.995
        return is_read and not (self.silent or self.records_lost or self.frames_lost)


class TodayReport(Shape):
    """What is new, the gravest first."""

    since: datetime
    since_what: Since
    """visit: the last one; first: there was none, so it is a week; before: the visit
    before the last; window: as asked for."""
    mark: str
    """What `until` of a form says to mark all of this as read."""
    until: datetime
    """Up to when it is told: `POST /today/read` with it as `until` marks it as read."""
    trust: Trust
    problems: list[Problem]
    """Those there are now, whenever they began."""
    paging: Paging
    lines: list[Line]
    is_whole: bool
    """False: there are more changes than were read, less grave ones."""
    kinds: dict[str, int]
    """Kind → lines."""
