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

from cloud.pages.trend import Trend, WindowName
from proto.v1 import collector_pb2, detector_pb2

Shape = msgspec.Struct
Share = float | None
"""0 to 1; null where there is nothing to divide."""

ProtocolName = Annotated[str, msgspec.Meta(pattern="^([a-z]+(/[a-z0-9]+)?)?$")]
"""http/1, http/2, grpc …; empty: any."""

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
    workload: Annotated[str, msgspec.Meta(pattern="^([0-7][0-9a-f]{15})?$")] = ""
    """The id of the server."""
    protocol: ProtocolName = ""
    """That some client speaks with it."""
    sort: Order = "sensitivity"
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    """Rows of a page."""


class FieldsQuery(Shape, frozen=True):
    """The query parameters of one endpoint."""

    uncertain: bool = False
    """Also findings below "likely"."""
    window: WindowName = "week"
    """Of trends and latencies."""


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


class Latency(Shape):
    """How long answers took in the window, from the request's first byte to the
    answer's, in microseconds. All but the mean are up to 12.5 % too low: they are the
    least of their bucket, and each octave has eight."""

    pairs: int
    mean_us: int
    p50_us: int
    p95_us: int
    p99_us: int


class Client(Shape):
    client: Workload
    protocol: str
    """That it spoke last; empty: not told."""
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
    protocols: list[str]
    """http/1, http/2, grpc …: those that its clients speak."""
    names_unknown: bool
    """Fields of its protobuf messages are called by their numbers: what only a name
    would tell is not found."""
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
    """The endpoints that match, a page at a time."""

    paging: Paging
    endpoints: list[EndpointRow]
    data_types: list[str]
    """All that one can filter by."""


class Why(Shape):
    """Why a field holds a data type: the rule's words, never a value's."""

    rule: str
    validator: str
    """What the rule asks about a value; empty: nothing."""
    verdict: str
    """valid or unsure."""
    context: list[str]
    """Where words of the type stood."""
    phrase: str
    """Of the catalog: what the field's key ends with."""
    points: dict[str, int]
    """base, validator, context, doubt, cut."""
    likelihood: str
    """Their sum, from 1 to 5."""
    usual_sensitivity: str
    """Of the type alone."""
    combination: str
    """Of types that stand together, which raised it."""


class Field(Shape):
    """A data type at a place of an endpoint's messages."""

    direction: str
    location: str
    path: str
    data_type: str
    sensitivity: str
    likelihood: str
    count: int
    errors: int
    """Of these: in answers of status 400 and above."""
    per_pair: Share
    """Values in an inspected pair, on average; null where none was inspected."""
    messages: int
    """Inspected messages that hold it at least once."""
    share: Share
    """Of the inspected messages of its direction; null where none was inspected."""
    first_seen: datetime
    last_seen: datetime
    id: str
    """Of its line on the endpoint's page."""
    why: Why | None = None
    """Null: its digger did not tell, or there are too many."""
    clients: list[Workload] = msgspec.field(default_factory=list)
    """The few that see most of it."""
    clients_total: int = 0
    trend: Trend | None = None
    """Values; null: it is not among the gravest fields."""


class CorrectedField(Shape):
    """A field that people corrected."""

    direction: str
    location: str
    path: str
    found: str
    """The data type that the rules found."""
    becomes: str
    """What it is; empty: none."""
    reason: str
    author: str
    created: datetime


class Agents(Shape):
    """Since when a cluster's agents go by it."""

    cluster: str
    since: datetime | None
    """Null: they do not yet."""


class CorrectionRow(Shape):
    """What people know better than the rules."""

    id: str
    scope: str
    data_type: str
    becomes: str
    """Empty: it is none."""
    where: str
    cluster: str
    """Empty: all."""
    reason: str
    author: str
    created: datetime
    state: str
    """holding or undone."""
    is_applied: bool
    """All that is stored agrees with it; else that is under way."""
    places: int
    """Stored ones that it holds for."""
    undone: datetime | None
    undone_by: str
    undone_reason: str
    agents: list[Agents]
    may_undo: bool


class EndpointReport(Shape):
    """An endpoint with its fields and clients."""

    id: str
    server: Workload
    port: int
    method: str
    path: str
    is_path_unknown: bool
    """It was told before the capture began, as HTTP/2 allows."""
    protocols: list[str]
    names_unknown: bool
    """Fields of its protobuf messages are called by their numbers."""
    sensitivity: str
    pairs: int
    inspected: int
    truncated: int
    request_bytes: int
    response_bytes: int
    statuses: dict[str, int]
    first_seen: datetime
    last_seen: datetime
    trend: Trend
    """Pairs."""
    failures: Trend
    """Of these: status 500 and above."""
    rate: Share
    """Pairs a minute of the window, where agents were heard."""
    latency: Latency | None
    """Null: nothing was answered in the window."""
    clients: list[Client]
    clients_total: int
    fields: list[Field]
    fields_total: int
    uncertain_total: int
    """Findings below "likely", whether shown or not."""
    corrected: list[CorrectedField]
    corrections: list[CorrectionRow] = msgspec.field(default_factory=list)
    """Those that reach it, the latest; also while they are applied or undone."""


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


class Losses(Shape):
    """What no share of bytes tells."""

    records: int
    """Pairs that were captured, but lost on the way to the cloud."""
    frames: int
    """Frames that the kernel dropped; their bytes are not known."""


class Overview(Shape):
    """Everything at a glance."""

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
