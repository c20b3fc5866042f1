"""Writes rows into the tables, and keeps the counts of what is new.

In: merged rows, in the writer's transaction. Out: names, summaries and facts as they
would be if each package had been written alone. How many endpoints, edges and so on
there are is counted here, at the moment when one is first seen.
"""

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from cloud.store import corrections, schema
from cloud.store.bounds import Bounds, Remembered, bounds_of
from cloud.store.facts import amounts_of, encode, seen_of
from cloud.store.news import New, note
from cloud.store.offsets import Following
from cloud.store.partitions import Partitions
from cloud.store.rows import SURE, Rows, capped
from cloud.store.rules import Rules
from cloud.store.schema import MINUTES
from cloud.store.statements import Statements
from proto.v1 import collector_pb2

MOST_KNOWN = 1_000_000
"""Keys remembered as stored, about 80 bytes each; then they are asked for again. They
are remembered by their hashes: two that collide make a count one too small, until names
are counted anew by the keeper."""

_FORGOTTEN = sa.select(schema.job.c.forgotten).where(schema.job.c.id == 1)
_LIKELIHOOD, _TYPE = (
    list(schema.places.c.keys()).index(name) for name in ("likelihood", "data_type")
)
_OF_CLUSTER = {
    name: list(schema.clusters.c.keys()).index(name)
    for name in ("endpoints", "edges", "places", "parts", "folded")
}
_HEARD_NS, _FOLDED_NS = (
    list(schema.senders.c.keys()).index(name) for name in ("heard_ns", "folded_ns")
)
_ENDPOINTS_OF_EDGE = list(schema.edges.c.keys()).index("endpoints")
_ENDPOINTS_OF_TYPE = list(schema.data_types.c.keys()).index("endpoints")

Key = tuple[Any, ...]


class Writing:
    """What a writer remembers from one transaction to the next."""

    def __init__(
        self, statements: Statements, partitions: Partitions, baseline_ns: int
    ) -> None:
        self._statements = statements
        self._partitions = partitions
        self._baseline_ns = baseline_ns
        self._known: dict[Table, set[int]] = {}
        self._fresh: list[tuple[Table, list[Key]]] = []
        self._forgotten = -1
        self._names = Remembered()
        self._revision = 0
        self._rules = Rules()
        self.on_new_places: Callable[[list[Key]], None] = lambda _: None
        """Told after the commit of places that may be new: endpoint and place."""

    def bounds(self, connection: Connection, clusters: set[str]) -> Bounds:
        """The room that is left. Raises RefusedError if there are too many clusters."""
        self._look_up(connection)
        return bounds_of(connection, self._statements, clusters, self._names)

    def following(
        self, connection: Connection, packages: Iterable[collector_pb2.Package]
    ) -> Following:
        """The offsets that these packages move on."""
        return Following(connection, self._statements, packages)

    def rules(self, connection: Connection) -> Rules:
        """Corrections that hold, in a transaction that alone writes: what it stores and
        what `correcting` does come one after the other."""
        revision = corrections.revision_of(connection)
        if revision != self._revision:
            self._rules = Rules(corrections.holding(connection))
            self._revision = revision
        return self._rules

    def write(self, connection: Connection, rows: Rows) -> None:
        """Writes all rows; call `committed` or `failed` afterwards."""
        new = self._count_new(connection, rows)
        note(connection, self._statements, rows, new, self._baseline_ns)
        for table, merged in rows:
            self._statements.merge(connection, table, merged)
        self._write_facts(connection, rows)

    def committed(self) -> None:
        """What was written is there."""
        for table, keys in self._fresh:
            if table is schema.places:
                self.on_new_places(keys)
            self._known.setdefault(table, set()).update(map(hash, keys))
        self._fresh.clear()
        if sum(map(len, self._known.values())) > MOST_KNOWN:
            self._known.clear()

    def failed(self) -> None:
        """What was written is not there."""
        self._fresh.clear()
        self._names.forget()
        self._partitions.forget()

    def _look_up(self, connection: Connection) -> None:
        """Forgets what is known if a roll-up, of any cloud, deleted names since."""
        forgotten = int(connection.execute(_FORGOTTEN).scalar_one())
        if forgotten != self._forgotten:
            self._known.clear()
            self._names.forget()
            self._partitions.forget()
            self._forgotten = forgotten

    def _count_new(self, connection: Connection, rows: Rows) -> New:
        tables = rows.tables
        clusters = tables[schema.clusters]
        new = New()
        new.endpoints = self._new(connection, schema.endpoints, _singles(rows))
        for (key,) in new.endpoints:
            cluster, _ = rows.owners[key]
            clusters[cluster][_OF_CLUSTER["endpoints"]] += 1
        new.edges = self._new(connection, schema.edges, tables[schema.edges])
        for _, server in new.edges:
            cluster = tables[schema.workloads][server][1]
            clusters[cluster][_OF_CLUSTER["edges"]] += 1
        for key, client in self._new(
            connection, schema.traffic, tables[schema.traffic]
        ):
            server = rows.owners[key][1]
            tables[schema.edges][client, server][_ENDPOINTS_OF_EDGE] += 1
        parts = tables[schema.parts]
        for key in self._new(connection, schema.parts, [(part,) for part in parts]):
            clusters[parts[key[0]][1]][_OF_CLUSTER["parts"]] += 1
        new.parties = self._new(connection, schema.parties, tables[schema.parties])
        for cluster, folded in rows.bounds.folded.items():
            clusters[cluster][_OF_CLUSTER["folded"]] += folded
            sender = tables[schema.senders][cluster]
            sender[_FOLDED_NS] = sender[_HEARD_NS]
        self._count_types(connection, rows, new)
        return new

    def _count_types(self, connection: Connection, rows: Rows, new: New) -> None:
        """Counts endpoints by data type; only a new place can make one more."""
        places = rows.tables[schema.places]
        types = rows.tables[schema.endpoint_types]
        new.places = self._new(connection, schema.places, places)
        for key in new.places:
            place = places[key]
            cluster, _ = rows.owners[key[0]]
            rows.tables[schema.clusters][cluster][_OF_CLUSTER["places"]] += 1
            if place[_LIKELIHOOD] >= SURE:
                named = (place[_TYPE], key[0])
                types[named] = list(named)
        found = self._statements.find(connection, schema.endpoint_types, list(types))
        new.types = types.keys() - set(found)
        for named in new.types:
            cluster, _ = rows.owners[named[1]]
            rows.tables[schema.data_types][cluster, named[0]][_ENDPOINTS_OF_TYPE] += 1

    def _new(
        self, connection: Connection, table: Table, keys: Iterable[Key]
    ) -> list[Key]:
        """Those of the keys that are not stored yet."""
        known = self._known.get(table, set())
        unknown = [key for key in keys if hash(key) not in known]
        if not unknown:
            return []
        width = len(unknown[0])
        self._fresh.append((table, unknown))
        stored = {
            row[:width] for row in self._statements.find(connection, table, unknown)
        }
        return [key for key in unknown if key not in stored]

    def _write_facts(self, connection: Connection, rows: Rows) -> None:
        starts = {key[0] for key in rows.seen} | {key[0] for key in rows.amounts}
        self._partitions.ensure(connection, MINUTES, starts)
        self._write_traffic(connection, rows)
        self._write_coverage(connection, rows)

    def _write_traffic(self, connection: Connection, rows: Rows) -> None:
        keys = sorted(rows.seen)
        for stored in self._statements.find(connection, MINUTES.traffic, keys):
            counters, seen = rows.seen[stored[0], stored[1], stored[2]]
            for position, amount in enumerate(stored[3:-1]):
                counters[position] = capped(counters[position], amount)
            seen.add(seen_of(stored[-1]))
        facts = [(*key, *rows.seen[key][0], encode(rows.seen[key][1])) for key in keys]
        if facts:
            self._statements.put(connection, MINUTES.traffic, facts)

    def _write_coverage(self, connection: Connection, rows: Rows) -> None:
        keys = sorted(rows.amounts)
        for start, part, stored in self._statements.find(
            connection, MINUTES.coverage, keys
        ):
            rows.amounts[start, part].add(amounts_of(stored))
        facts = [(*key, encode(rows.amounts[key])) for key in keys]
        if facts:
            self._statements.put(connection, MINUTES.coverage, facts)


def _singles(rows: Rows) -> list[Key]:
    return [(key,) for key in rows.tables[schema.endpoints]]
