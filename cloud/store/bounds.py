"""How many names a cluster may have: a stranger may invent them.

In: what is stored of the clusters of a group. Out: for each name whether there is room.
What has no room is counted under one name that stands for all of them, so sums stay
right, and is told as `folded` of its cluster. A bound may be passed by what one group
brings.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

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
MOST_CLUSTERS = 1_000

MORE = "{more}"
MORE_TYPE = "other.more"
MORE_REASON = "more"

Key = tuple[Any, ...]


class Bounds:
    """The room that the clusters of a group have left; without arguments all have."""

    def __init__(
        self,
        full: Iterable[tuple[str, str]] = (),
        is_stored: Callable[[Table, Key], bool] = lambda _table, _key: True,
        types: dict[str, set[str]] | None = None,
        reasons: dict[str, set[str]] | None = None,
    ) -> None:
        self.folded: Counter[str] = Counter()
        """Rows, by cluster."""
        self._full = frozenset(full)
        self._is_stored = is_stored
        self._types = types or {}
        self._reasons = reasons or {}

    def admits(self, cluster: str, table: Table, key: Key) -> bool:
        """Whether a key is stored already or there is room for it."""
        if not self._full or (cluster, table.name) not in self._full:
            return True
        if self._is_stored(table, key):
            return True
        self.folded[cluster] += 1
        return False

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


def bounds_of(
    connection: Connection, statements: Statements, names: set[str]
) -> Bounds:
    """What is stored of these clusters. Raises RefusedError if there are too many."""
    clusters = schema.clusters
    columns = [clusters.c.name, *(clusters.c[name] for name in MOST)]
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

    types = _names(connection, schema.data_types, "data_type", names)
    reasons = _names(connection, schema.coverage_totals, "reason", names)
    return Bounds(full, is_stored, types, reasons)


def _names(
    connection: Connection, table: Table, column: str, clusters: set[str]
) -> dict[str, set[str]]:
    chosen = sa.select(table.c.cluster, table.c[column])
    names: dict[str, set[str]] = {}
    for cluster, name in connection.execute(
        chosen.where(table.c.cluster.in_(clusters)).distinct()
    ):
        names.setdefault(cluster, set()).add(name)
    return names
