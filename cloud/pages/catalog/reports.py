"""What the pages of the catalog show: shapes of queries and reports, and their JSON."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cloud.pages.policies.reports import Violation
from cloud.pages.reports import (
    Coverage,
    DataType,
    EndpointRow,
    Paging,
    ProtocolName,
    Shape,
    Workload,
)
from cloud.pages.trend import Trend, WindowName

Name = Annotated[str, msgspec.Meta(max_length=300)]
_Page = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Size = Annotated[int, msgspec.Meta(ge=1, le=200)]
HitKind = Literal["", "cluster", "namespace", "workload", "endpoint", "field", "type"]


class CatalogQuery(Shape, frozen=True):
    """The query parameters of the catalog."""

    cluster: Name = ""
    """Its namespaces; empty: all clusters."""
    page: _Page = 1
    size: _Size = 50


class Level(Shape):
    """A cluster, or a namespace of one."""

    cluster: str
    namespace: str | None
    """Null: the cluster. Empty: what is in no namespace."""
    workloads: int
    endpoints: int
    pairs: int
    sensitivity: str
    data_types: list[DataType]
    """That its workloads receive and return."""
    first_seen: datetime | None
    """Null: nothing of it was asked yet."""
    last_seen: datetime | None


class Group(Shape):
    """Workloads that labels call one."""

    cluster: str
    name: str
    workloads: int


class Catalog(Shape):
    """Clusters, or the namespaces of one."""

    cluster: str
    paging: Paging
    levels: list[Level]
    groups: list[Group]


class WorkloadsQuery(Shape, frozen=True):
    """The query parameters of the list of workloads."""

    text: Name = msgspec.field(name="q", default="")
    """Part of its name, namespace or cluster."""
    cluster: Name = ""
    namespace: Name | None = None
    """Empty: what is in no namespace."""
    group: Name = ""
    owner: Name = ""
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    protocol: ProtocolName = ""
    """That some client speaks with it."""
    sort: Literal["sensitivity", "pairs", "name"] = "sensitivity"
    page: _Page = 1
    size: _Size = 50


class WorkloadRow(Shape):
    """A line of the list of workloads."""

    id: str
    workload: Workload
    owner: str
    group: str
    sensitivity: str
    """The gravest that it exchanges with anybody."""
    data_types: list[DataType]
    """That it receives and returns."""
    endpoints: int
    pairs: int
    """That it was asked."""


class WorkloadList(Shape):
    """The workloads that match, a page at a time."""

    paging: Paging
    workloads: list[WorkloadRow]


class WorkloadQuery(Shape, frozen=True):
    """The query parameters of one workload."""

    window: WindowName = "week"
    """Of the trend."""


class End(Shape):
    """The other end of a flow."""

    id: str
    workload: Workload


class Ends(Shape):
    """Others, those with most values first."""

    values: int
    total: int
    named: list[End]
    """The first few."""


class Carried(Shape):
    """A data type that a workload takes or gives."""

    data_type: str
    sensitivity: str
    receives: Ends
    """In requests that it serves."""
    returns: Ends
    """In answers that it gives."""
    sends: Ends
    """In requests to others."""
    gets: Ends
    """In answers of others."""
    is_passed_on: bool
    """It comes in, from anybody, and goes out in requests to others."""


class Neighbour(Shape):
    """A workload that talks with another."""

    end: End
    role: str
    """client: it asks; server: it is asked."""
    endpoints: int
    pairs: int
    sensitivity: str
    first_seen: datetime
    last_seen: datetime


class Rollout(Shape):
    """A revision, and since when it runs."""

    revision: str
    image: str
    since: datetime
    is_running: bool


class WorkloadReport(Shape):
    """All of one workload."""

    id: str
    workload: Workload
    owner: str
    group: str
    labels: dict[str, str]
    sensitivity: str
    served: int
    """Pairs that it was asked."""
    failed: int
    """Of these: status 500 and above."""
    asked: int
    """Pairs that it asked others."""
    first_seen: datetime | None
    last_seen: datetime | None
    trend: Trend
    """Pairs that it served, or asked if it serves none."""
    is_trend_of_asking: bool
    data_types: list[Carried]
    neighbours: list[Neighbour]
    neighbours_total: int
    endpoints: list[EndpointRow]
    endpoints_total: int
    rollouts: list[Rollout]
    violations: list[Violation]
    violations_total: int
    coverage: Coverage | None
    """Of its pods; null: agents told nothing of it."""
    nodes: list[str]
    """That its pods were seen on."""


class SearchQuery(Shape, frozen=True):
    """The query parameters of the search."""

    text: Annotated[str, msgspec.Meta(max_length=200)] = msgspec.field(
        name="q", default=""
    )
    kind: HitKind = ""
    cluster: Name = ""


class Hit(Shape):
    """Something of which a name matches."""

    kind: str
    name: str
    cluster: str
    namespace: str
    workload: str
    """That it belongs to."""
    endpoint: str
    """The same: method and path."""
    sensitivity: str
    path: str
    """The address of its page."""


class SearchReport(Shape):
    """What matches, by kind."""

    hits: list[Hit]
    more: list[str]
    """Kinds of which more match than are listed."""
    is_whole: bool
    """All fields were searched, not only the first."""
