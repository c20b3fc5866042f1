"""What the pages of coverage show: their queries, reports, and the JSON twins."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cloud.pages.reports import Count, Coverage, Losses, Paging, Shape, Share, Workload
from cloud.pages.trend import WindowName

Name = Annotated[str, msgspec.Meta(max_length=253)]
Amounts = dict[str, int]


class CoverageQuery(Shape, frozen=True):
    """The query parameters of the coverage."""

    text: Annotated[str, msgspec.Meta(max_length=200)] = msgspec.field(
        name="q", default=""
    )
    """Part of the name or namespace of a workload, or of a node."""
    cluster: Name = ""
    namespace: Name = ""
    node: Name = ""
    reason: Annotated[str, msgspec.Meta(pattern="^([a-z][a-z0-9_]{0,63})?$")] = ""
    """Only parts with bytes or pieces under it; the picture shows it alone."""
    window: Literal["", "hours", "day", "week", "month", "quarter"] = ""
    """Of all numbers; empty: all that is stored, and the picture shows a day."""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


class NodeQuery(Shape, frozen=True):
    """Which node, by its names."""

    cluster: Name = ""
    node: Name = ""
    window: WindowName = "day"


class PartQuery(Shape, frozen=True):
    """The query parameters of one part."""

    window: WindowName = "day"


class Step(Shape):
    """What became of bytes and exchanges in one step of time."""

    start: datetime
    heard: bool
    """Agents were heard; if not, nothing is known and all amounts are empty."""
    groups: Amounts
    """captured, left_out, unreadable, missed, aside → bytes."""
    exchanges: Amounts
    """captured, left_out, missed → requests, responses or pairs of them."""
    reasons: Amounts
    """Reason → bytes."""
    counts: Amounts
    """Reason → pieces."""


class OverTime(Shape):
    """Coverage in steps of the same length, the oldest first."""

    start: datetime
    step_seconds: int
    is_last_partial: bool
    """The last step is not over."""
    is_short: bool
    """It reaches less far back than was asked for: more could not be read at once."""
    parts_left_out: int
    """Beyond those that can be added up at once; those seen for shortest."""
    steps: list[Step]


class BlindSpot(Shape):
    """What is known not to be seen."""

    reason: str
    words: str
    group: str
    """left_out, unreadable or missed; empty: not of bytes."""
    bytes: int
    share: Share
    count: int
    advice: str


class Health(Shape):
    """How many agents are so."""

    name: str
    nodes: int


class NodeLine(Shape):
    """A node and its agent."""

    cluster: str
    node: str
    state: str
    """silent, or what the agent tells: ready, starting, stopped, workers_down,
    kafka_away, list_away; heard: it told nothing but coverage. Empty, as all of its
    agent: the visitor may not see it."""
    agent_version: str
    kernel: str
    workers: int
    """Capture processes that run."""
    started: datetime | None
    heard: datetime | None
    captured_share: Share
    """In the window of the picture."""
    shares: list[float | None]
    """The same in each step; null: not heard, or nothing seen."""


class ClusterLine(Shape):
    """A cluster as a whole."""

    cluster: str
    captured_share: Share
    shares: list[float | None]
    """As a node's."""


class Part(Shape):
    """The coverage of one workload on one node; an empty name: the node as a whole."""

    id: str
    node: str
    workload: Workload
    coverage: Coverage
    counts: list[Count]
    first_seen: datetime
    last_seen: datetime


class CoverageReport(Shape):
    """Where the bytes went: in all, over time, and by workload and node."""

    total: Coverage
    counts: list[Count]
    losses: Losses
    over_time: OverTime
    blind_spots: list[BlindSpot]
    states: list[Health]
    versions: list[Health]
    clusters: list[ClusterLine]
    """Those of which least was read; empty where one cluster is asked for."""
    nodes: list[NodeLine]
    """Those heard longest ago; empty unless one cluster is asked for."""
    nodes_total: int
    paging: Paging
    parts: list[Part]
    choices: list[str]
    """Clusters to choose from."""
    reasons: list[str]
    """Reasons to choose from."""


class NodeReport(Shape):
    """One node: its agent, and what became of its bytes."""

    node: NodeLine
    total: Coverage
    counts: list[Count]
    over_time: OverTime
    blind_spots: list[BlindSpot]
    parts: list[Part]
    parts_total: int


class PartReport(Shape):
    """One workload on one node."""

    part: Part
    workload_id: str
    """Of its page; empty: it serves nobody and asks nobody."""
    over_time: OverTime
    blind_spots: list[BlindSpot]
