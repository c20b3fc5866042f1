"""What the map's page shows: the shape of its query, its report, and the JSON twin."""

from typing import Annotated, Literal

import msgspec

from cloud.pages.map.flows import Direction, Show
from cloud.pages.reports import Paging, ProtocolName, Shape

Name = Annotated[str, msgspec.Meta(max_length=300)]


class MapQuery(Shape, frozen=True):
    """The query parameters of the map."""

    level: Literal["", "clusters", "namespaces", "workloads"] = ""
    """What a box is; empty: namespaces, or workloads where one data type is asked for.
    """
    open: Name = ""
    """`cluster/namespace` whose workloads are shown among the namespaces."""
    workload: Annotated[str, msgspec.Meta(pattern="^([0-7][0-9a-f]{15})?$")] = ""
    """The id of a workload: it and its neighbours."""
    hops: Annotated[int, msgspec.Meta(ge=1, le=2)] = 1
    """How far from it."""
    cluster: Name = ""
    namespace: Name = ""
    group: Name = ""
    """The service group or the owner that labels tell."""
    label: Name = ""
    """`key=value` of one end, or `key` with any value."""
    data_type: Name = msgspec.field(name="type", default="")
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    protocol: ProtocolName = ""
    """Flows with an endpoint that is asked by it."""
    direction: Direction = ""
    """Of the data: sent in requests, or returned in answers."""
    window: Literal["", "hour", "day", "week", "month"] = ""
    """Until now; empty: all that is stored."""
    show: Show = "there"
    """What was seen in the window, what is new in it, or what is gone since."""
    whole: bool = False
    """Also what the visitor leaves out."""
    sort: Literal["sensitivity", "pairs", "source", "target"] = "sensitivity"
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


class MapNode(Shape):
    """One end of a flow."""

    kind: str
    """cluster, namespace, workload or outside."""
    cluster: str
    namespace: str
    name: str
    workload_kind: str
    id: str
    """For `workload` of the query; empty for clusters and namespaces."""


class FlowType(Shape):
    """A data type that two exchange."""

    data_type: str
    sensitivity: str
    sent: int
    """Values in requests."""
    returned: int
    """Values in answers."""


class MapFlow(Shape):
    """An arrow of the map."""

    source: MapNode
    """Who asks; where one data type is asked for, who sends it."""
    target: MapNode
    sensitivity: str
    sent: list[FlowType]
    returned: list[FlowType]
    endpoints: int
    pairs: int


class MapReport(Shape):
    """Who exchanges which data with whom, drawn and as a table."""

    level: str
    """clusters, namespaces, workloads, around or data."""
    center: MapNode | None
    """The workload that was asked for."""
    nodes: int
    nodes_left_out: int
    """Not drawn on their own."""
    flows: list[MapFlow]
    """One page of them."""
    flows_left_out: int
    """Not drawn; the table has them."""
    unread: int
    """Flows between workloads beyond what one map reads; the least grave."""
    age_seconds: int
    """A large map is made now and then, and shown meanwhile."""
    paging: Paging
    picture: str
    """The drawing as SVG."""
    clusters: list[str]
    """To choose from, as are the next two and the data types."""
    namespaces: list[str]
    groups: list[str]
    labels: list[str]
    """Those of the most workloads: `key=value`, and `key` if it has several values."""
    data_types: list[str]
    hidden: list[str]
    """What the visitor leaves out."""
