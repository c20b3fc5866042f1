"""A package as rows of the tables, each row once.

In: a checked package. Out: for each table its rows, merged within the package by the
same rules as the store merges them with what it holds. Names are made printable here:
a hostile server may have chosen them.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Table

from cloud.store import schema
from cloud.store.schema import MOST, STATUSES, Merge, identity
from proto.v1 import collector_pb2, detector_pb2

SURE = detector_pb2.LIKELY
"""Findings at this likelihood or above count; weaker ones are kept for a closer look.
"""

Row = dict[str, Any]

COMBINE: dict[Merge, Callable[[Any, Any], Any]] = {
    Merge.ADD: lambda old, new: min(old + new, MOST),
    Merge.LEAST: min,
    Merge.GREATEST: max,
    Merge.LATEST: lambda _, new: new,
}


class Rows:
    """The rows of one package."""

    def __init__(self, package: collector_pb2.Package) -> None:
        self._package = package
        self._cluster = printable(package.cluster)
        self._rows: dict[Table, dict[object, Row]] = {
            table: {} for table in schema.metadata.sorted_tables
        }
        self._add_cluster()
        for endpoint in package.endpoints:
            self._add_endpoint(endpoint)
        for coverage in package.coverage:
            self._add_coverage(coverage)

    def __iter__(self) -> Iterator[tuple[Table, list[Row]]]:
        """Tables with rows, referred ones first.

        Rows come sorted by key, so that two writers never wait for each other in a
        circle; the cluster's one row comes last, so that they wait there shortest.
        """
        tables = sorted(self._rows, key=lambda table: table is schema.clusters)
        for table in tables:
            if rows := self._rows[table]:
                yield table, [rows[key] for key in sorted(rows)]  # type: ignore[type-var]

    def _add_cluster(self) -> None:
        self._put(
            schema.clusters,
            self._cluster,
            name=self._cluster,
            packages=1,
            catalog_digest=self._package.catalog_digest,
            first_seen_ns=self._package.window_start_ns,
            last_seen_ns=self._package.window_end_ns,
        )

    def _add_endpoint(self, endpoint: collector_pb2.Endpoint) -> None:
        server = self._add_workload(endpoint.server)
        client = self._add_workload(endpoint.client)
        path = printable(" ".join(filter(None, (endpoint.path, endpoint.operation))))
        named = {"port": endpoint.server_port, "method": endpoint.method, "path": path}
        key = identity("endpoint", server, *named.values())
        totals = self._totals(endpoint)
        self._put(schema.endpoints, key, id=key, server_id=server, **named, **totals)
        self._put(
            schema.traffic,
            (key, client),
            endpoint_id=key,
            client_id=client,
            **totals,
        )
        for place in endpoint.places:
            self._add_place(key, client, place, totals)

    def _add_place(
        self, endpoint: int, client: int, place: collector_pb2.Place, seen: Row
    ) -> None:
        named = {
            "endpoint_id": endpoint,
            "client_id": client,
            "direction": place.direction,
            "location": place.location,
            "path": printable(place.path),
            "data_type": place.data_type,
            "sensitivity": place.sensitivity,
            "likelihood": place.likelihood,
        }
        key = identity("place", *named.values())
        self._put(
            schema.places,
            key,
            id=key,
            **named,
            count=place.count,
            first_seen_ns=seen["first_seen_ns"],
            last_seen_ns=seen["last_seen_ns"],
        )

    def _add_coverage(self, coverage: collector_pb2.Coverage) -> None:
        workload = self._add_workload(coverage.workload)
        node = printable(coverage.node)
        for is_bytes, amounts in ((1, coverage.bytes), (0, coverage.counts)):
            for reason, amount in amounts.items():
                key = identity(
                    "coverage", self._cluster, node, workload, is_bytes, reason
                )
                self._put(
                    schema.coverage,
                    key,
                    id=key,
                    cluster=self._cluster,
                    node=node,
                    workload_id=workload,
                    is_bytes=is_bytes,
                    reason=reason,
                    amount=amount,
                    first_seen_ns=coverage.window_start_ns,
                    last_seen_ns=coverage.window_end_ns,
                )

    def _add_workload(self, workload: collector_pb2.Workload) -> int:
        named = {
            "cluster": self._cluster,
            "namespace": printable(workload.namespace),
            "kind": printable(workload.kind),
            "name": printable(workload.name),
        }
        key = identity("workload", *named.values())
        self._put(schema.workloads, key, id=key, **named)
        return key

    def _totals(self, endpoint: collector_pb2.Endpoint) -> Row:
        sure = (p.sensitivity for p in endpoint.places if p.likelihood >= SURE)
        sums = dict.fromkeys(
            ("pairs", "request_bytes", "response_bytes", "truncated", *STATUSES), 0
        )
        for traffic in endpoint.traffic:
            known = traffic.status_class
            sums[STATUSES[known if known < len(STATUSES) else 0]] += traffic.pairs
            for name in ("pairs", "request_bytes", "response_bytes", "truncated"):
                sums[name] += getattr(traffic, name)
        return {
            **sums,
            "inspected": endpoint.inspected,
            "sensitivity": max(sure, default=0),
            "first_seen_ns": endpoint.first_seen_ns or self._package.window_start_ns,
            "last_seen_ns": endpoint.last_seen_ns or self._package.window_end_ns,
        }

    def _put(self, table: Table, key: object, **row: Any) -> None:
        rows = self._rows[table]
        stored = rows.setdefault(key, row)
        if stored is row:
            return
        for column in table.c:
            if merge := column.info.get("merge"):
                name = column.name
                stored[name] = COMBINE[merge](stored[name], row[name])


def printable(text: str) -> str:
    """The text with what is not printable replaced: NUL, controls, direction marks."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
