"""How many names a cluster may have: a stranger may invent them.

In: what is stored of the clusters of a group. Out: for each name whether there is room.
What has no room is counted under one name that stands for all of them, so sums stay
right, and is told as `folded` of its cluster. A bound may be passed by what one group
brings, or by what another cloud stores at the same time.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from cloud.errors import RefusedError
from cloud.store import schema
from cloud.store.statements import Statements

MOST = {"endpoints": 100_000, "edges": 200_000, "parts": 200_000, "places": 1_000_000}
"""Of a cluster, by column of `clusters`: twice what 10,000 nodes were seen to have."""
MOST_TYPES = 2_000
"""Data types of a cluster: the catalog has 560."""
MOST_REASONS = 400
"""Of coverage: there are some ninety."""
MOST_OF_TABLE = {
    "catalog_types": 2_000,
    "explanations": 20_000,
    "nodes": 20_000,
    "outward": 20_000,
    "parties": 10_000,
    "revisions": 100_000,
    "workload_facts": 50_000,
}
"""Rows of a cluster in tables that grow seldom, by their names: counted when one comes.
There are some thousand explanations of the catalog's rules; a digger names a thousand
parties, and each may be in several countries."""
MOST_CLUSTERS = 1_000
MOST_REMEMBERED = 200
"""Clusters whose data types and reasons are remembered: 60 kB each."""

MORE = "{more}"
MORE_TYPE = "other.more"
MORE_REASON = "more"

Key = tuple[Any, ...]


class Known(NamedTuple):
    """What is stored of a cluster."""

    agent_version: str
    catalog_digest: str
    first_seen_ns: int


class Bounds:
    """The room that the clusters of a group have left; without arguments all have."""

    def __init__(
        self,
        full: Iterable[tuple[str, str]] = (),
        is_stored: Callable[[Table, Key], bool] = lambda _table, _key: True,
        types: dict[str, set[str]] | None = None,
        reasons: dict[str, set[str]] | None = None,
        count: Callable[[Table, str], int] = lambda _table, _cluster: 0,
        known: dict[str, Known] | None = None,
    ) -> None:
        self.known = known or {}
        self.folded: Counter[str] = Counter()
        """Rows, by cluster."""
        self._full = frozenset(full)
        self._is_stored = is_stored
        self._count = count
        self._counts: dict[tuple[str, str], int] = {}
        self._types = {} if types is None else types
        self._reasons = {} if reasons is None else reasons

    def admits(self, cluster: str, table: Table, key: Key) -> bool:
        """Whether a key is stored already or there is room for it."""
        if not self._full or self.is_open(cluster, table):
            return True
        if self._is_stored(table, key):
            return True
        self.folded[cluster] += 1
        return False

    def is_open(self, cluster: str, table: Table) -> bool:
        """Whether all keys are admitted."""
        return (cluster, table.name) not in self._full

    def has_room(self, cluster: str, table: Table, key: Key) -> bool:
        """The same for a table of MOST_OF_TABLE; one that is not admitted is not
        counted under another name."""
        named = cluster, table.name
        if named not in self._counts:
            self._counts[named] = self._count(table, cluster)
        if self._counts[named] >= MOST_OF_TABLE[table.name]:
            return self._is_stored(table, key)
        self._counts[named] += 1
        return True

    def types(self, cluster: str) -> set[str]:
        """Data types that are stored under their own names."""
        return self._types.setdefault(cluster, set())

    def data_type(self, cluster: str, name: str) -> str:
        """The name under which a data type is stored."""
        return self._among(self._types, MOST_TYPES, cluster, name) or MORE_TYPE

    def reason(self, cluster: str, name: str) -> str:
        """The name under which a reason of coverage is stored."""
        return self._among(self._reasons, MOST_REASONS, cluster, name) or MORE_REASON

    def _among(
        self, known: dict[str, set[str]], most: int, cluster: str, name: str
    ) -> str | None:
        names = known.setdefault(cluster, set())
        if name in names:
            return name
        if len(names) < most:
            names.add(name)
            return name
        self.folded[cluster] += 1
        return None


class Remembered:
    """Data types and reasons by cluster, from one group to the next."""

    def __init__(self) -> None:
        self.types: dict[str, set[str]] = {}
        self.reasons: dict[str, set[str]] = {}

    def learn(self, connection: Connection, clusters: set[str]) -> None:
        """Asks for those of clusters that are not known."""
        if len(self.types) > MOST_REMEMBERED:
            self.forget()
        unknown = clusters - self.types.keys()
        if unknown:
            types, reasons = schema.data_types, schema.coverage_totals
            self.types |= _names(connection, types, "data_type", unknown)
            self.reasons |= _names(connection, reasons, "reason", unknown)

    def forget(self) -> None:
        """Asks again."""
        self.types.clear()
        self.reasons.clear()


def bounds_of(
    connection: Connection,
    statements: Statements,
    names: set[str],
    remembered: Remembered,
) -> Bounds:
    """What is stored of these clusters. Raises RefusedError if there are too many."""
    clusters = schema.clusters
    columns = [clusters.c[name] for name in ("name", *Known._fields, *MOST)]
    found = connection.execute(sa.select(*columns).where(clusters.c.name.in_(names)))
    counted = {row.name: row for row in found}
    if len(counted) < len(names):
        total = connection.scalar(sa.select(sa.func.count()).select_from(clusters)) or 0
        if total + len(names) - len(counted) > MOST_CLUSTERS:
            raise RefusedError(f"cluster: there are {MOST_CLUSTERS} clusters already")
    full = [
        (name, kind)
        for name, row in counted.items()
        for kind, most in MOST.items()
        if row._mapping[kind] >= most
    ]

    def is_stored(table: Table, key: Key) -> bool:
        return bool(statements.find(connection, table, [key]))

    def count(table: Table, cluster: str) -> int:
        counted = sa.select(sa.func.count()).where(table.c.cluster == cluster)
        return connection.scalar(counted.select_from(table)) or 0

    remembered.learn(connection, names)
    types, reasons = remembered.types, remembered.reasons
    known = {
        name: Known(*(row._mapping[field] for field in Known._fields))
        for name, row in counted.items()
    }
    return Bounds(full, is_stored, types, reasons, count, known)


def _names(
    connection: Connection, table: Table, column: str, clusters: set[str]
) -> dict[str, set[str]]:
    chosen = sa.select(table.c.cluster, table.c[column])
    names: dict[str, set[str]] = {cluster: set() for cluster in clusters}
    for cluster, name in connection.execute(
        chosen.where(table.c.cluster.in_(clusters)).distinct()
    ):
        names[cluster].add(name)
    return names
