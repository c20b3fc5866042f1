"""The news of a group of packages: what is there now and was not before.

In: merged rows, and the keys among them that are not stored yet. Out: rows of `changes`
beside them, in the same transaction, so each is told exactly once. The first hour of a
cluster is the baseline: all is new then, and nothing is news. What is known already
costs nothing here.

A new endpoint or edge is told with its data types, but not with each of its places. A
place of its own is told where the endpoint had the data type already, and where it is
in a URL: those end in logs and histories of others.
"""

from collections.abc import Iterable, Iterator, Set
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store import moment, schema
from cloud.store.rows import SURE, Row, Rows
from cloud.store.schema import DAY, HOUR, identity
from cloud.store.statements import Statements, chunks, positions
from cloud.store.windows import EXTERNAL
from proto.v1 import detector_pb2

SECOND_NS = 10**9
BASELINE_NS = HOUR * SECOND_NS
"""Of a cluster's life by time of capture, unless the store is told another: what runs
all the time is seen by then."""
DAY_NS = DAY * SECOND_NS
NOTABLE = detector_pb2.MEDIUM
"""Sensitivity from which a further place of a known type is told."""
_KEYS_AT_ONCE = 500
"""Named in one statement."""
URL = (detector_pb2.QUERY, detector_pb2.PATH)

Key = tuple[Any, ...]
Place = tuple[Row, tuple[int, int]]
"""A row of places, with its client and server."""


class Kind(IntEnum):
    """What may be new. Numbers are stored."""

    CLUSTER = 1
    """It sent its first package."""
    ENDPOINT = 2
    ENDPOINT_TYPE = 3
    """A data type that the endpoint did not carry."""
    PLACE = 4
    """A field, header … of a sensitive type that the endpoint carried elsewhere."""
    EDGE = 5
    """Somebody asks a workload for the first time."""
    EDGE_TYPE = 6
    """A data type that did not go from this client to this server."""
    PARTY = 7
    """Somebody outside, as client or as server."""
    IN_URL = 8
    """A data type in a path or a query."""
    COVERAGE_FELL = 9
    """Of a workload on a node, or of a cluster, against the day before."""
    AGENT_VERSION = 10
    CATALOG = 11
    COUNTRY = 12
    """Of a party outside, as `after` says."""


_PLAIN = {Kind.CLUSTER: 1, Kind.COVERAGE_FELL: 2}
"""Gravity of what has no sensitivity."""
GRAVEST = 4


def gravity(kind: Kind, sensitivity: int, is_outside: bool = False) -> int:
    """0 to GRAVEST: the sensitivity, one more in a URL or across the border."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if not sensitivity:
        return 1 if kind in (Kind.PARTY, Kind.COUNTRY) else 0
    return sensitivity + (kind is Kind.IN_URL or is_outside)


class New:
    """Keys that are not stored yet."""

    def __init__(self) -> None:
        self.endpoints: list[Key] = []
        self.edges: list[Key] = []
        self.places: list[Key] = []
        self.types: Set[Key] = set()
        """Data type and endpoint."""
        self.parties: list[Key] = []


def change(
    kind: Kind,
    cluster: str,
    times: tuple[int, int],
    *,
    namespaces: tuple[str, str] = ("", ""),
    endpoint: int = 0,
    place: int = 0,
    edge: tuple[int, int] = (0, 0),
    part: int = 0,
    data_type: str = "",
    sensitivity: int = 0,
    versions: tuple[str, str] = ("", ""),
    is_outside: bool = False,
) -> Row:
    """A row of `changes`; times are those of capture and of storing.

    The same change of the same day has the same key: what flaps is told once a day.
    """
    at_ns, stored_ns = times
    what = (endpoint, place, *edge, part)
    told = ("change", int(kind), cluster, *what, data_type, versions[1])
    key = identity(*told, at_ns // DAY_NS)
    grave = gravity(kind, sensitivity, is_outside)
    return [
        *(key, stored_ns, at_ns, int(kind), grave, sensitivity, cluster),
        *(*namespaces, *what, data_type, *versions),
    ]


def note(
    connection: Connection,
    statements: Statements,
    rows: Rows,
    new: New,
    baseline_ns: int,
) -> None:
    """Puts the changes beside the rows, before any of them is written."""
    writing = _Note(connection, statements, rows, baseline_ns)
    writing.clusters()
    if not writing.begins:
        return
    writing.endpoints(new.endpoints)
    writing.edges(new.edges)
    writing.places(new)
    writing.countries(new.parties)


_VERSION, _DIGEST, _CLUSTER_FIRST, _CLUSTER_LAST = positions(
    schema.clusters, "agent_version", "catalog_digest", "first_seen_ns", "last_seen_ns"
)
_ENDPOINT_SENSITIVITY, _ENDPOINT_FIRST = positions(
    schema.endpoints, "sensitivity", "first_seen_ns"
)
_EDGE_SENSITIVITY, _EDGE_FIRST = positions(schema.edges, "sensitivity", "first_seen_ns")
_CLIENT, _LOCATION, _TYPE, _SENSITIVITY, _LIKELIHOOD, _FIRST = positions(
    schema.places,
    *("client_id", "location", "data_type", "sensitivity", "likelihood"),
    "first_seen_ns",
)
(_PARTY_FIRST,) = positions(schema.parties, "first_seen_ns")
_NAMESPACE, _WORKLOAD_KIND = positions(schema.workloads, "namespace", "kind")


def _keep_gravest(found: dict[Key, Place], key: Key, place: Place) -> None:
    known = found.setdefault(key, place)
    if place[0][_SENSITIVITY] > known[0][_SENSITIVITY]:
        found[key] = place


class _Note:
    """The changes of one group while they are found."""

    def __init__(
        self,
        connection: Connection,
        statements: Statements,
        rows: Rows,
        baseline_ns: int,
    ) -> None:
        self._connection, self._statements, self._rows = connection, statements, rows
        self._baseline_ns = baseline_ns
        self._stored_ns = 0
        """Of all that is told; given when the first is."""
        self._workloads = rows.tables[schema.workloads]
        self.begins: dict[str, int] = {}
        """Cluster → when its baseline ends, of those that were seen after that."""

    def clusters(self) -> None:
        for cluster, row in self._rows.tables[schema.clusters].items():
            known = self._rows.bounds.known.get(cluster)
            first = row[_CLUSTER_FIRST]
            if known is None:
                self._tell(Kind.CLUSTER, cluster, first)
            else:
                first = min(first, known.first_seen_ns)
                self._versions(cluster, row, known)
            if row[_CLUSTER_LAST] >= first + self._baseline_ns:
                self.begins[cluster] = first + self._baseline_ns

    def _versions(self, cluster: str, row: Row, known: tuple[str, str, int]) -> None:
        at_ns = row[_CLUSTER_LAST]
        for kind, before, after in (
            (Kind.AGENT_VERSION, known[0], row[_VERSION]),
            (Kind.CATALOG, known[1], row[_DIGEST]),
        ):
            if before and after and before != after:
                self._tell(kind, cluster, at_ns, versions=(before, after))

    def endpoints(self, keys: Iterable[Key]) -> None:
        for (key,) in keys:
            cluster, server = self._rows.owners[key]
            row = self._rows.tables[schema.endpoints][key]
            if self._is_news(cluster, row[_ENDPOINT_FIRST]):
                self._tell(
                    Kind.ENDPOINT,
                    cluster,
                    row[_ENDPOINT_FIRST],
                    endpoint=key,
                    edge=(0, server),
                    sensitivity=row[_ENDPOINT_SENSITIVITY],
                )

    def edges(self, keys: Iterable[Key]) -> None:
        outside: dict[int, tuple[str, int, tuple[int, int], int]] = {}
        for client, server in keys:
            edge = (client, server)
            row = self._rows.tables[schema.edges][edge]
            cluster, at_ns = self._workloads[server][1], row[_EDGE_FIRST]
            if not self._is_news(cluster, at_ns):
                continue
            sensitivity = row[_EDGE_SENSITIVITY]
            self._tell(Kind.EDGE, cluster, at_ns, edge, sensitivity=sensitivity)
            for party in edge:
                if self._is_outside(party):
                    outside[party] = (cluster, at_ns, edge, sensitivity)
        for party in outside.keys() - self._with_edges(outside):
            cluster, at_ns, edge, sensitivity = outside[party]
            self._tell(Kind.PARTY, cluster, at_ns, edge, sensitivity=sensitivity)

    def countries(self, keys: Iterable[Key]) -> None:
        firsts: dict[tuple[str, int, str], int] = {}
        for key in sorted(keys):
            first = self._rows.tables[schema.parties][key][_PARTY_FIRST]
            firsts[key[:3]] = min(first, firsts.get(key[:3], first))
        for (cluster, party, country), at_ns in firsts.items():
            if not country or not self._is_news(cluster, at_ns):
                continue
            if not self._is_stored_in(cluster, party, country):
                edge, versions = (party, 0), ("", country)
                self._tell(Kind.COUNTRY, cluster, at_ns, edge, versions=versions)

    def _is_stored_in(self, cluster: str, party: int, country: str) -> bool:
        of = schema.parties.c
        stored = sa.select(sa.literal(1)).where(
            of.cluster == cluster, of.workload_id == party, of.country == country
        )
        return self._connection.scalar(stored.limit(1)) is not None

    def places(self, new: New) -> None:
        typed: dict[Key, Place] = {}
        asked: dict[Key, Place] = {}
        for place, edge in self._sure(new.places):
            named = (place[_TYPE], place[0])
            _keep_gravest(asked, (*edge, place[_TYPE]), (place, edge))
            if named in new.types:
                _keep_gravest(typed, named, (place, edge))
            if place[_LOCATION] in URL:
                self._tell_place(Kind.IN_URL, place, edge)
            elif named not in new.types and place[_SENSITIVITY] >= NOTABLE:
                self._tell_place(Kind.PLACE, place, edge)
        for found in typed.values():
            self._tell_place(Kind.ENDPOINT_TYPE, *found)
        find = self._statements.find
        known = find(self._connection, schema.edge_types, sorted(asked))
        for key in asked.keys() - {row[:3] for row in known}:
            self._tell_place(Kind.EDGE_TYPE, *asked[key])

    def _sure(self, keys: Iterable[Key]) -> Iterator[Place]:
        for key in sorted(keys):
            place = self._rows.tables[schema.places][key]
            cluster, server = self._rows.owners[key[0]]
            if place[_LIKELIHOOD] >= SURE and self._is_news(cluster, place[_FIRST]):
                yield place, (place[_CLIENT], server)

    def _tell_place(self, kind: Kind, place: Row, edge: tuple[int, int]) -> None:
        self._tell(
            kind,
            self._workloads[edge[1]][1],
            place[_FIRST],
            endpoint=place[0],
            place=place[1],
            edge=edge,
            data_type=place[_TYPE],
            sensitivity=place[_SENSITIVITY],
        )

    def _tell(
        self,
        kind: Kind,
        cluster: str,
        at_ns: int,
        edge: tuple[int, int] = (0, 0),
        **subject: Any,
    ) -> None:
        client, server = (
            self._workloads[key][_NAMESPACE] if key else "" for key in edge
        )
        if not self._stored_ns:
            self._stored_ns = moment.following(self._connection, self._rows.now_ns)
        row = change(
            kind,
            cluster,
            (at_ns, self._stored_ns),
            namespaces=(client, server),
            edge=edge,
            is_outside=any(key and self._is_outside(key) for key in edge),
            **subject,
        )
        self._rows.tables[schema.changes][row[0]] = row

    def _is_news(self, cluster: str, at_ns: int) -> bool:
        begin = self.begins.get(cluster)
        return begin is not None and at_ns >= begin

    def _is_outside(self, workload: int) -> bool:
        return bool(self._workloads[workload][_WORKLOAD_KIND] == EXTERNAL)

    def _with_edges(self, workloads: Iterable[int]) -> set[int]:
        found: set[int] = set()
        for chunk in chunks(list(workloads), _KEYS_AT_ONCE):
            for end in (schema.edges.c.client_id, schema.edges.c.server_id):
                stored = sa.select(end).where(end.in_(chunk)).distinct()
                found.update(self._connection.scalars(stored))
        return found
