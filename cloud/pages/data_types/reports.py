"""What the pages of data types show: shapes of queries and reports, and their JSON."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cloud.pages.policies.reports import Violation
from cloud.pages.reports import CorrectionRow, Paging, Shape, Workload
from cloud.pages.trend import Trend, WindowName

_Text = Annotated[str, msgspec.Meta(max_length=200)]
_Page = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Size = Annotated[int, msgspec.Meta(ge=1, le=200)]


class TypesQuery(Shape, frozen=True):
    """The query parameters of the list of data types."""

    text: _Text = msgspec.field(name="q", default="")
    """Part of its name or title."""
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    tag: _Text = ""
    only: Literal["", "outside", "own", "off"] = ""
    """Those that somebody outside receives, own ones, or those turned off."""
    sort: Literal["sensitivity", "name", "endpoints", "values", "last_seen"] = (
        "sensitivity"
    )
    page: _Page = 1
    size: _Size = 30


class TypeRow(Shape):
    """A data type wherever it was seen."""

    data_type: str
    title: str
    """As the catalog says; empty: no cluster told."""
    sensitivity: str
    """The gravest that was found."""
    usual_sensitivity: str
    """Of the type alone, as the catalog says; none: no cluster told."""
    tags: list[str]
    is_own: bool
    """Of a user's catalog."""
    is_off: bool
    """No cluster looks for it any more."""
    endpoints: int
    workloads: int
    """Those inside that send or receive it."""
    receivers: int
    """Parties outside that receive it."""
    count: int
    first_seen: datetime
    last_seen: datetime


class TypeList(Shape):
    """The data types that match, a page at a time."""

    paging: Paging
    types: list[TypeRow]
    tags: list[str]
    """All that one can filter by."""


class TypeQuery(Shape, frozen=True):
    """The query parameters of one data type."""

    only: Literal["", "errors", "url"] = ""
    """Places with values in error answers, or in paths and queries."""
    window: WindowName = "week"
    """Of the trend."""
    page: _Page = 1
    """Of the places."""
    size: _Size = 20


class TypePlace(Shape):
    """A field that holds the data type."""

    endpoint_id: str
    method: str
    path: str
    server: Workload
    port: int
    direction: str
    location: str
    field: str
    sensitivity: str
    likelihood: str
    count: int
    errors: int
    """Of these: in answers of status 400 and above."""
    clients: int
    first_seen: datetime
    last_seen: datetime


class TypeFlow(Shape):
    """Who sends it to whom."""

    sender: Workload
    receiver: Workload
    way: str
    """sent: in requests; returned: in answers."""
    sensitivity: str
    count: int


class Receiver(Shape):
    """Somebody outside who receives it."""

    party: Workload
    sensitivity: str
    count: int
    senders: list[Workload]
    """The few of ours that send most."""
    senders_total: int
    countries: list[str]
    networks: list[str]


class TypeReport(Shape):
    """All of one data type."""

    type: TypeRow
    paging: Paging
    places: list[TypePlace]
    """One page of those asked for, the gravest first."""
    places_total: int
    error_places: int
    """Of all: with values in error answers."""
    url_places: int
    """Of all: in a path or a query."""
    corrected_places: int
    """Where it was found, and people said that it is something else or none; counted
    only if that is so of all places."""
    is_whole: bool
    """All endpoints were read, not only the gravest."""
    flows: list[TypeFlow]
    """The gravest; all are on the map."""
    flows_total: int
    receivers: list[Receiver]
    receivers_total: int
    is_flows_whole: bool
    """All flows were read, not only the gravest."""
    violations: list[Violation]
    violations_total: int
    trend: Trend
    """Values found."""
    trend_endpoints: int
    """Whose values the trend shows: those with most of them."""
    corrections: list[CorrectionRow] = msgspec.field(default_factory=list)
    """Of it, or to it, the latest."""
