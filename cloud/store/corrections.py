"""Corrections: "this field is not that", "this field is that".

In: a connection. Out: corrections as they are stored, those that hold, and what a
cluster's diggers are told. A correction names a place, an endpoint, a
workload or nothing but a data type, in one cluster or in all; nothing is deleted, so
who said what and when stays readable. The revision grows with each change. How they
change what is stored says `correcting.py`.
"""

import re
from enum import Enum

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.errors import CloudError
from cloud.store.schema import clusters, correction_tellings, corrections
from proto.v1 import collector_pb2, detector_pb2

MOST_HOLDING = 5_000
"""Of one cluster, those of all clusters included: a digger takes no more."""
MOST_ROWS = 50_000
"""With those undone."""
MOST_LISTED = 1_000
REASON_LENGTH = 1_000
NAME_LENGTH = 253
PATH_LENGTH = 2_600
"""Of a path with its operation."""
MOST_TELLINGS = 100
"""Of a cluster: since when its diggers know which revision, the latest."""
EVERYWHERE = ""
"""Instead of a cluster."""

_TYPE = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")


class CorrectionError(CloudError):
    """A correction is not complete, or there are too many; one line, and the field of
    a form that is meant."""

    def __init__(self, words: str, field: str = "becomes") -> None:
        super().__init__(words)
        self.field = field


class Scope(Enum):
    """How far it reaches: each needs what it names, and nothing below."""

    PLACE = "place"
    ENDPOINT = "endpoint"
    WORKLOAD = "workload"
    EVERYWHERE = "everywhere"


class Correction(msgspec.Struct, frozen=True):
    """What is corrected; empty and 0 stand for any."""

    scope: Scope
    data_type: str
    becomes: str = ""
    """The data type that it is; empty: it is none."""
    sensitivity: int = 0
    """Of that (detector.proto); 0: as found."""
    cluster: str = EVERYWHERE
    namespace: str = ""
    kind: str = ""
    name: str = ""
    port: int = 0
    method: str = ""
    endpoint: str = ""
    """As stored: path template and operation."""
    direction: int = 0
    location: int = 0
    path: str = ""


class Kept(msgspec.Struct, frozen=True):
    """A correction as stored."""

    id: int
    correction: Correction
    reason: str
    author: str
    created_ns: int
    undone_ns: int
    """0: it holds."""
    undone_by: str
    undone_reason: str = ""
    revision: int = 0
    """Of the last change: it was made, or undone."""
    applied: int = 0
    """All that is stored agrees with this revision of it."""

    @property
    def holds(self) -> bool:
        return not self.undone_ns

    @property
    def is_applied(self) -> bool:
        return self.applied >= self.revision


Key = tuple[int, int]
"""Endpoint and place."""


_FIELDS = tuple(field.name for field in msgspec.structs.fields(Correction))
_holds = corrections.c.undone_ns == 0


def mark_applied(connection: Connection, kept: Kept) -> None:
    """All that is stored agrees with it, unless it was changed again since."""
    changed = sa.update(corrections).where(
        corrections.c.id == kept.id, corrections.c.revision == kept.revision
    )
    connection.execute(changed.values(applied=kept.revision))


def holding(connection: Connection) -> list[Kept]:
    """All that hold, of all clusters."""
    return listed(connection, _holds, most=MOST_ROWS)


def pending(connection: Connection) -> list[Kept]:
    """Those that not all that is stored agrees with, the earliest change first."""
    waits = corrections.c.applied < corrections.c.revision
    found = listed(connection, waits, most=MOST_ROWS)
    return sorted(found, key=lambda kept: kept.revision)


def listed(
    connection: Connection, *conditions: sa.ColumnElement[bool], most: int = MOST_LISTED
) -> list[Kept]:
    """The latest that keep the conditions on columns of `corrections`."""
    order = (corrections.c.created_ns.desc(), corrections.c.id)
    selected = sa.select(corrections).where(*conditions).order_by(*order).limit(most)
    return [_kept(row) for row in connection.execute(selected)]


def current(
    connection: Connection, cluster: str, known: int
) -> collector_pb2.CorrectResponse:
    """What a cluster's digger is told that knows a revision."""
    revision = revision_of(connection)
    if revision == known:
        return collector_pb2.CorrectResponse(revision=revision, unchanged=True)
    found = listed(connection, _holds, _of(cluster), most=MOST_HOLDING)
    told = [_told(kept.correction) for kept in found]
    return collector_pb2.CorrectResponse(revision=revision, corrections=told)


def note_known(
    connection: Connection, cluster: str, revision: int, now_ns: int
) -> None:
    """A digger says that it knows a revision; clusters not stored do not count."""
    told, known = correction_tellings, clusters.c.name == cluster
    is_there = connection.scalar(sa.select(clusters.c.name).where(known))
    since = sa.select(told.c.revision).where(told.c.cluster == cluster)
    stored = set(connection.scalars(since))
    if is_there is None or revision in stored:
        return
    row = {"cluster": cluster, "revision": revision, "since_ns": now_ns}
    connection.execute(sa.insert(told).values(row))
    if len(stored) >= MOST_TELLINGS:
        oldest = sa.and_(told.c.cluster == cluster, told.c.revision == min(stored))
        connection.execute(sa.delete(told).where(oldest))


def known_since(connection: Connection) -> dict[str, list[tuple[int, int]]]:
    """Cluster → revisions that its diggers knew, and since when."""
    found: dict[str, list[tuple[int, int]]] = {}
    chosen = sa.select(clusters.c.name, correction_tellings).outerjoin(
        correction_tellings, correction_tellings.c.cluster == clusters.c.name
    )
    for row in connection.execute(chosen.order_by(clusters.c.name)):
        known = found.setdefault(row.name, [])
        if row.revision is not None:
            known.append((row.revision, row.since_ns))
    return found


def _of(cluster: str) -> sa.ColumnElement[bool]:
    return corrections.c.cluster.in_((EVERYWHERE, cluster))


def revision_of(connection: Connection) -> int:
    """Of all corrections together."""
    return connection.scalar(sa.select(sa.func.max(corrections.c.revision))) or 0


def is_full(connection: Connection, cluster: str) -> bool:
    counted = sa.select(sa.func.count()).select_from(corrections)
    holding = counted.where(_holds)
    if cluster:
        holding = holding.where(_of(cluster))
    held = connection.execute(holding).scalar_one()
    return held >= MOST_HOLDING or connection.execute(counted).scalar_one() >= MOST_ROWS


def _kept(row: Row[tuple[object, ...]]) -> Kept:
    values = {name: row._mapping[name] for name in _FIELDS}
    return Kept(
        row.id,
        Correction(**values | {"scope": Scope(row.scope)}),
        row.reason,
        row.author,
        row.created_ns,
        row.undone_ns,
        row.undone_by,
        row.undone_reason,
        row.revision,
        row.applied,
    )


def _told(one: Correction) -> collector_pb2.Correction:
    return collector_pb2.Correction(
        workload=collector_pb2.Workload(
            namespace=one.namespace, kind=one.kind, name=one.name
        ),
        port=one.port,
        method=one.method,
        endpoint=one.endpoint,
        direction=collector_pb2.Direction.ValueType(one.direction),
        location=detector_pb2.Location.ValueType(one.location),
        path=one.path,
        data_type=one.data_type,
        becomes=one.becomes,
        sensitivity=detector_pb2.Sensitivity.ValueType(one.sensitivity),
    )


def check(one: Correction, reason: str, author: str) -> None:
    """Raises CorrectionError with the first thing that is wrong."""
    needed, none = _NAMED[one.scope]
    missing = [name for name in needed if not getattr(one, name)]
    extra = [name for name in none if getattr(one, name)]
    wrong = {
        f"a {one.scope.value} needs {', '.join(missing)}": bool(missing),
        f"a {one.scope.value} has no {', '.join(extra)}": bool(extra),
        "say why: a reason is needed": not reason.strip(),
        "the reason is too long": len(reason) > REASON_LENGTH,
        "the author's name is too long": len(author) > NAME_LENGTH,
        "data_type: is no name of a data type": not _is_type(one.data_type),
        "this is no name of a data type, as contact.email is one": bool(one.becomes)
        and not _is_type(one.becomes),
        "it is that already": one.becomes == one.data_type,
        "a part of it is too long": any(
            len(str(getattr(one, name)).encode()) > most for name, most in _LENGTHS
        ),
        "a number is not one of its names": not _are_enums(one),
    }
    for words, is_so in wrong.items():
        if is_so:
            field = "reason" if "reason" in words else "becomes"
            raise CorrectionError(words, field)


_SERVER = ("name",)
_ENDPOINT = ("method", "endpoint")
_PLACE = ("direction", "location", "path")
_NAMED: dict[Scope, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Scope.PLACE: ((*_SERVER, *_ENDPOINT, *_PLACE), ()),
    Scope.ENDPOINT: ((*_SERVER, *_ENDPOINT), _PLACE),
    Scope.WORKLOAD: (_SERVER, ("port", *_ENDPOINT, *_PLACE)),
    Scope.EVERYWHERE: (
        (),
        ("namespace", "kind", *_SERVER, "port", *_ENDPOINT, *_PLACE),
    ),
}
"""What a scope needs, and what it must leave empty."""
_LENGTHS = (
    *((name, NAME_LENGTH) for name in ("cluster", "namespace", "kind", "name")),
    ("method", NAME_LENGTH),
    ("endpoint", PATH_LENGTH),
    ("path", PATH_LENGTH),
)


def _is_type(name: str) -> bool:
    return len(name) <= 64 and _TYPE.fullmatch(name) is not None


def _are_enums(one: Correction) -> bool:
    return (
        one.direction in collector_pb2.Direction.values()
        and one.location in detector_pb2.Location.values()
        and one.sensitivity in detector_pb2.Sensitivity.values()
        and 0 <= one.port <= 65_535
    )
