"""What the pages show: the shape of each report, and of its JSON twin.

The field names below are the keys of the JSON documents; they stay. Times are RFC
3339 in UTC. Sensitivities are low, medium, high, or none where nothing was found;
likelihoods very_unlikely … very_likely. Except on an endpoint's own page, findings
count from "likely" on.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa

from proto.v1 import collector_pb2, detector_pb2

Shape = msgspec.Struct
Share = float | None
"""0 to 1; null where there is nothing to divide."""

Order = Literal["sensitivity", "pairs", "last_seen", "path"]


class Query(Shape, frozen=True):
    """The query parameters of the list of endpoints."""

    text: Annotated[str, msgspec.Meta(max_length=200)] = msgspec.field(
        name="q", default=""
    )
    """Part of the server's name, namespace or cluster, the method or the path."""
    data_type: Annotated[str, msgspec.Meta(max_length=200)] = msgspec.field(
        name="type", default=""
    )
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    sort: Order = "sensitivity"
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    """Rows of a page."""


class PageQuery(Shape, frozen=True):
    """The query parameters of the coverage."""

    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


class FieldsQuery(Shape, frozen=True):
    """The query parameters of one endpoint."""

    uncertain: bool = False
    """Also findings below "likely"."""


class Paging(Shape):
    """Where in a long list a page stands."""

    page: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


class Workload(Shape):
    cluster: str
    namespace: str
    kind: str
    name: str


class DataType(Shape):
    """A data type at one endpoint or between two workloads."""

    data_type: str
    sensitivity: str
    count: int


class DataTypeTotal(Shape):
    """A data type everywhere."""

    data_type: str
    sensitivity: str
    endpoints: int
    count: int


class Client(Shape):
    client: Workload
    pairs: int
    sensitivity: str
    last_seen: datetime


class EndpointRow(Shape):
    """A line of the list of endpoints."""

    id: str
    server: Workload
    port: int
    method: str
    path: str
    sensitivity: str
    data_types: list[DataType]
    clients: list[Workload]
    """The few with most pairs."""
    clients_total: int
    pairs: int
    statuses: dict[str, int]
    """1xx … 5xx, other → pairs; only those seen."""
    last_seen: datetime


class EndpointList(Shape):
    paging: Paging
    endpoints: list[EndpointRow]
    data_types: list[str]
    """All that one can filter by."""


class Field(Shape):
    """A data type at a place of an endpoint's messages."""

    direction: str
    location: str
    path: str
    data_type: str
    sensitivity: str
    likelihood: str
    count: int
    first_seen: datetime
    last_seen: datetime


class EndpointReport(Shape):
    id: str
    server: Workload
    port: int
    method: str
    path: str
    sensitivity: str
    pairs: int
    inspected: int
    truncated: int
    request_bytes: int
    response_bytes: int
    statuses: dict[str, int]
    first_seen: datetime
    last_seen: datetime
    clients: list[Client]
    clients_total: int
    fields: list[Field]
    fields_total: int
    uncertain_total: int
    """Findings below "likely", whether shown or not."""


class Edge(Shape):
    """What one workload asks of another."""

    client: Workload
    server: Workload
    endpoints: int
    pairs: int
    sensitivity: str
    data_types: list[DataType]


class Cluster(Shape):
    name: str
    packages: int
    catalog_digest: str
    first_seen: datetime
    last_seen: datetime
    captured_share: Share


class Reason(Shape):
    """Bytes that share a fate."""

    reason: str
    words: str
    group: str
    """captured, left_out, unreadable, missed or aside."""
    bytes: int
    share: Share
    """Of all bytes but those aside; null for those."""


class Count(Shape):
    reason: str
    words: str
    count: int


class Coverage(Shape):
    """Where the bytes went."""

    bytes: int
    """All but those aside."""
    captured_share: Share
    """Of several clusters that of which least was captured: what one of them tells
    cannot make up for what was missed in another."""
    groups: dict[str, int]
    """Group → bytes."""
    reasons: list[Reason]


class Part(Shape):
    """The coverage of one workload on one node; an empty name: the node as a whole."""

    node: str
    workload: Workload
    coverage: Coverage
    counts: list[Count]
    first_seen: datetime
    last_seen: datetime


class Losses(Shape):
    """What no share of bytes tells."""

    records: int
    """Pairs that were captured, but lost on the way to the cloud."""
    frames: int
    """Frames that the kernel dropped; their bytes are not known."""


class CoverageReport(Shape):
    total: Coverage
    counts: list[Count]
    losses: Losses
    paging: Paging
    parts: list[Part]


class Overview(Shape):
    endpoints: int
    workloads: int
    pairs: int
    inspected: int
    data_types: list[DataTypeTotal]
    most_sensitive: list[EndpointRow]
    edges: list[Edge]
    edges_total: int
    coverage: Coverage
    losses: Losses
    clusters: list[Cluster]


def total(column: sa.ColumnElement[int]) -> sa.ColumnElement[float]:
    """The sum, 0 without rows; exact below 2^53. SQLite fails where whole numbers pass
    63 bits, and a few full counters do."""
    return sa.func.coalesce(sa.func.sum(sa.cast(column, sa.Float)), 0.0)


def time(nanoseconds: int) -> datetime:
    """Nanoseconds since 1970, to the millisecond."""
    seconds, rest = divmod(nanoseconds // 1_000_000, 1_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1_000)


def sensitivity(number: detector_pb2.Sensitivity.ValueType) -> str:
    """The sensitivity's name; none for 0."""
    return detector_pb2.Sensitivity.Name(number).lower() if number else "none"


def sensitivity_number(name: str) -> int:
    """The way back."""
    return detector_pb2.Sensitivity.Value(name.upper())


def likelihood(number: detector_pb2.Likelihood.ValueType) -> str:
    return detector_pb2.Likelihood.Name(number).lower()


def location(number: detector_pb2.Location.ValueType) -> str:
    return detector_pb2.Location.Name(number).lower()


def direction(number: collector_pb2.Direction.ValueType) -> str:
    return collector_pb2.Direction.Name(number).lower()
