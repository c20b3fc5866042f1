"""What the pages of policies show: the shape of each report, and of its JSON."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from cloud.pages.reports import Paging, Shape, Workload

StateName = Literal["new", "confirmed", "accepted", "wrong", "fixed"]
_Text = Annotated[str, msgspec.Meta(max_length=200)]


class ViolationQuery(Shape, frozen=True):
    """The query parameters of the list of violations."""

    text: _Text = msgspec.field(name="q", default="")
    """Part of a workload's name or namespace, or of the endpoint."""
    state: Literal["open", "all", "new", "confirmed", "accepted", "wrong", "fixed"] = (
        "open"
    )
    """open: new and confirmed."""
    policy: _Text = ""
    severity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    data_type: _Text = msgspec.field(name="type", default="")
    assignee: _Text = ""
    workload: Annotated[str, msgspec.Meta(pattern="^([0-7][0-9a-f]{15})?$")] = ""
    """The id of one that asks or is asked."""
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 30


class Violation(Shape):
    """A flow that breaks a policy."""

    id: str
    policy: str
    title: str
    severity: str
    state: str
    sender: Workload
    receiver: Workload
    data_type: str
    sensitivity: str
    endpoint_id: str
    method: str
    path: str
    field: str
    direction: str
    location: str
    count: int
    first_seen: datetime
    last_seen: datetime
    opened: datetime
    returned: int
    """How often it was new again."""
    assignee: str
    reason: str
    until: datetime | None
    is_corrected: bool
    """It is wrong by a correction of what was found."""


class ViolationList(Shape):
    """The violations that match, a page at a time."""

    paging: Paging
    violations: list[Violation]
    policies: dict[str, str]
    """Id → title, to choose from."""
    open_by_severity: dict[str, int]


class PolicyRow(Shape):
    """A line of the list of policies."""

    id: str
    title: str
    severity: str
    is_on: bool
    version: int
    open: int
    """Violations that are new or confirmed."""
    decided: int
    changed: datetime
    changed_by: str


class PolicyList(Shape):
    """All policies, and the sets that come along."""

    policies: list[PolicyRow]
    sets: dict[str, str]
    """Shipped sets that are not there yet: name → title."""


class VersionRow(Shape):
    version: int
    title: str
    changed: datetime
    changed_by: str


class PolicyReport(Shape):
    """A policy with all that is known of it."""

    id: str
    title: str
    severity: str
    is_on: bool
    since: datetime | None
    """When it was last switched on."""
    version: int
    why: str
    advice: str
    document: str
    """The policy as YAML."""
    form: dict[str, str] | None
    """The fields of the form that says the same; null: only the document does."""
    states: dict[str, int]
    """State → violations."""
    versions: list[VersionRow]


class Tried(Shape):
    """One pair of parties that a policy would have found."""

    sender: Workload
    receiver: Workload
    places: int


class TrialReport(Shape):
    """What a policy would have found in the last 30 days."""

    title: str
    document: str
    read: int
    is_whole: bool
    broken: int
    between: list[Tried]


class Draft(Shape):
    """A policy that is being written."""

    document: str
    form: dict[str, str] | None
    """The fields of the form; null: it is written as a document."""
    known: str = ""
    """The id of the policy that the form changes; empty: it is a new one."""
    error: str = ""
    field: str = ""
    """Which the error is about."""
    trial: TrialReport | None = None
