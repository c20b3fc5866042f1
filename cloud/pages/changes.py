"""Reads the log of changes: what is new since a moment, the gravest first.

In: a window and filters. Out: a line a change, each with why it matters and what to do.
The window is of the time of storing: what was sent late is new to the reader all the
same.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from sqlalchemy import Connection

from cloud.pages import reports, rollouts
from cloud.pages.endpoints import shown_id
from cloud.pages.page import Asked
from cloud.pages.reports import Shape, Workload
from cloud.pages.rollouts import Brought
from cloud.pages.spans import SPANS, SpanName
from cloud.store import changes
from cloud.store.changes import Change
from cloud.store.news import Kind
from cloud.store.schema import HOUR
from cloud.store.windows import Window
from cloud.visitor import EVERYTHING, Scope
from proto.v1 import detector_pb2

_Text = Annotated[str, msgspec.Meta(max_length=200)]
WHY: dict[Kind, tuple[str, str]] = {
    Kind.CLUSTER: (
        "A cluster reports for the first time.",
        "Check that it is one of yours, under Status.",
    ),
    Kind.ENDPOINT: (
        "This endpoint was not called before.",
        "Look at which data it takes and returns.",
    ),
    Kind.ENDPOINT_TYPE: (
        "The endpoint did not carry this data before.",
        "Ask its owner whether that is meant; a roll-out often brings it by accident.",
    ),
    Kind.PLACE: (
        "Such data stands in one more field.",
        "Check that it is needed there.",
    ),
    Kind.EDGE: (
        "These two did not talk before.",
        "Check that the client should reach this server.",
    ),
    Kind.EDGE_TYPE: (
        "This data did not go between these two before.",
        "Check that the receiver may have it, or write a policy.",
    ),
    Kind.PARTY: (
        "Somebody outside of the clusters was not there before.",
        "Find out who it is, and whether data may go there.",
    ),
    Kind.IN_URL: (
        "Addresses are written to logs, histories and Referer headers.",
        "Move it into the body, and replace it if it is a secret.",
    ),
    Kind.COVERAGE_FELL: (
        "Less of the traffic was read than the day before.",
        "What is not read is not found: look at the reasons under Coverage.",
    ),
    Kind.AGENT_VERSION: (
        "The agent of this cluster was changed.",
        "Nothing, if you did.",
    ),
    Kind.CATALOG: (
        "The rules that find data were changed.",
        "What is found may differ from before: look at what is new since.",
    ),
    Kind.COUNTRY: (
        "A party outside is reached in a country that it was not in before.",
        "Check whether data may go there.",
    ),
}
"""Kind → why it matters, and what to do."""
WORDS = {
    Kind.CLUSTER: "new cluster",
    Kind.ENDPOINT: "new endpoint",
    Kind.ENDPOINT_TYPE: "new data at an endpoint",
    Kind.PLACE: "new field",
    Kind.EDGE: "new connection",
    Kind.EDGE_TYPE: "new data between two",
    Kind.PARTY: "new party outside",
    Kind.IN_URL: "data in an address",
    Kind.COVERAGE_FELL: "coverage fell",
    Kind.AGENT_VERSION: "agent changed",
    Kind.CATALOG: "rules changed",
    Kind.COUNTRY: "new country",
}
KindName = Literal[
    "",
    "cluster",
    "endpoint",
    "endpoint_type",
    "place",
    "edge",
    "edge_type",
    "party",
    "in_url",
    "coverage_fell",
    "agent_version",
    "catalog",
    "country",
]


class ChangesQuery(Shape, frozen=True):
    """The query parameters of the log of changes."""

    window: SpanName = "day"
    kind: KindName = ""
    cluster: _Text = ""
    namespace: _Text = ""
    workload: Annotated[str, msgspec.Meta(pattern="^([0-7][0-9a-f]{15})?$")] = ""
    """The id of a workload, at either end."""
    data_type: _Text = msgspec.field(name="type", default="")
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    sort: Literal["gravest", "newest"] = "gravest"
    after: Annotated[str, msgspec.Meta(pattern=r"^(\d{1,2}\.\d{1,19}\.\d{1,19})?$")] = (
        ""
    )
    """Where the page before ended, as it told."""
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 30


class ChangeRow(Shape):
    """Something that was not there before."""

    kind: str
    words: str
    why: str
    advice: str
    gravity: int
    """0 to 4."""
    sensitivity: str
    data_type: str
    cluster: str
    client: Workload | None
    server: Workload | None
    endpoint_id: str
    """Empty: it is not about one, or that is forgotten."""
    method: str
    path: str
    field: str
    location: str
    node: str
    before: str
    after: str
    at: datetime
    """When it was captured."""
    stored: datetime
    corrected: str = ""
    """What people say that it is: a data type, or `none`; empty: as it was found."""
    rollout: Brought | None = None
    """The last one of either end; null: none is known."""


class ChangeList(Shape):
    """What is new in a window of time."""

    counts: dict[str, int]
    """Kind → changes that match but for the kind."""
    words: dict[str, str]
    """Kind → how people say it."""
    changes: list[ChangeRow]
    following: str
    """The `after` of the next page; empty: this is the last."""


def read(asked: Asked) -> ChangeList:
    return listed(asked.connection, asked.query, asked.scope)


def listed(
    connection: Connection,
    query: ChangesQuery,
    scope: Scope = EVERYTHING,
    clock: Callable[[], float] = time.time,
) -> ChangeList:
    """One page of the changes that match."""
    end = int(clock()) + HOUR
    wanted = changes.Asked(
        Window(end - HOUR - SPANS[query.window], end),
        cluster=query.cluster,
        namespace=query.namespace,
        workload=int(query.workload, 16) if query.workload else None,
        data_type=query.data_type,
        least_sensitivity=_level(query.sensitivity),
    )
    counts = changes.counts(connection, wanted, scope)
    if query.kind:
        wanted = wanted._replace(kinds=(Kind[query.kind.upper()],))
    ordered = changes.gravest if query.sort == "gravest" else changes.newest
    found = ordered(connection, wanted, query.size, _position(query.after), scope)
    is_more = len(found) == query.size
    return ChangeList(
        counts={kind.name.lower(): counts.get(kind, 0) for kind in Kind},
        words={kind.name.lower(): WORDS[kind] for kind in Kind},
        changes=_rows(connection, found, scope),
        following=".".join(map(str, found[-1].position)) if is_more else "",
    )


def _rows(
    connection: Connection, found: Sequence[Change], scope: Scope
) -> list[ChangeRow]:
    ends = [_ends(change, scope) for change in found]
    keys = {key for named in ends for key in named}
    begun = rollouts.begun(connection, keys, [change.at_ns for change in found])
    rows = []
    for change, named in zip(found, ends, strict=True):
        row = _row(change)
        row.rollout = rollouts.brought(begun, named, change.at_ns)
        rows.append(row)
    return rows


def _ends(change: Change, scope: Scope) -> dict[int, Workload]:
    """Whose roll-outs may have brought it, and may be seen."""
    if change.kind not in rollouts.BROUGHT_KINDS:
        return {}
    return {
        end.key: workload
        for end in (change.client, change.server)
        if end and scope.holds(change.cluster, end.namespace)
        if (workload := _workload(change.cluster, end))
    }


def _level(name: str) -> int:
    return reports.sensitivity_number(name) if name else 0


def _position(text: str) -> tuple[int, int, int] | None:
    if not text:
        return None
    gravity, stored_ns, key = map(int, text.split("."))
    most = (1 << 63) - 1
    return gravity, min(stored_ns, most), min(key, most)


def _row(change: Change) -> ChangeRow:
    why, advice = WHY[change.kind]
    place = change.place
    return ChangeRow(
        kind=change.kind.name.lower(),
        words=WORDS[change.kind],
        why=why,
        advice=advice,
        gravity=change.gravity,
        sensitivity=_sensitivity(change.sensitivity),
        data_type=change.data_type,
        cluster=change.cluster,
        client=_workload(change.cluster, change.client),
        server=_workload(change.cluster, change.server),
        endpoint_id=shown_id(change.endpoint_id) if change.method else "",
        method=change.method,
        path=change.path,
        field=place.path if place else "",
        location=_location(place.location) if place else "",
        node=change.node,
        before=change.before,
        after=change.after,
        at=reports.time(change.at_ns),
        stored=reports.time(change.stored_ns),
        corrected=change.corrected,
    )


def _sensitivity(number: int) -> str:
    return reports.sensitivity(detector_pb2.Sensitivity.ValueType(number))


def _location(number: int) -> str:
    return reports.location(detector_pb2.Location.ValueType(number))


def _workload(cluster: str, known: changes.Workload | None) -> Workload | None:
    if known is None:
        return None
    return Workload(
        cluster=cluster, namespace=known.namespace, kind=known.kind, name=known.name
    )
