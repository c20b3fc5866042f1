# cython: annotation_typing=False
"""Packages as rows of the tables, each row once.

In: checked packages, of one cluster or many. Out: for each table its rows, merged by
the same rules as the store merges them with what it holds; a row is a list of values in
the order of the table's columns. Names are made printable here: a hostile server may
have chosen them. Times that cannot be are taken as now, and counted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import Table

from cloud import reasons
from cloud.reasons import Group
from cloud.store import protocols, schema, whys, workload_facts
from cloud.store.bounds import MORE, Bounds
from cloud.store.facts import Amounts, Seen, add_up
from cloud.store.rules import Found, Rules, corrected
from cloud.store.schema import MINUTES, MOST, STATUSES, Merge, identities, identity
from cloud.store.wholes import wholes
from proto.v1 import collector_pb2, detector_pb2

SURE = detector_pb2.LIKELY
"""Findings at this likelihood or above count; weaker ones are kept for a closer look.
"""
AHEAD_SECONDS = schema.HOUR
"""Of our clock: what claims to be later is taken as now."""
BACK_SECONDS = 31 * schema.DAY
"""Longer than Kafka keeps what a digger may still send; what is older is now, too."""
HARMLESS = frozenset(reasons.of(Group.CAPTURED) + reasons.of(Group.ASIDE))
"""Reasons of coverage whose bytes are not lost."""

Row = list[Any]
Keyed = dict[Any, Row]
Named = tuple[str, str, str, str]

_MORE = collector_pb2.Workload(kind="Unresolved", name=MORE)
"""Stands for workloads that there is no room for."""
_SECOND_NS = 10**9
_CLASSES = len(STATUSES)
_FIRST_STATUS = 5
"""Of the counters of traffic, where the status classes begin."""
_COUNTERS = len(schema.COUNTERS)
_NAMES = frozenset(collector_pb2.Names.values())
_TALKS = list(schema.workloads.c.keys()).index("talks")


def capped(old: int, new: int) -> int:
    """The sum of two counters, at most MOST."""
    total = old + new
    return total if total < MOST else MOST


COMBINE: dict[Merge, Callable[[Any, Any], Any]] = {
    Merge.ADD: capped,
    Merge.LEAST: min,
    Merge.GREATEST: max,
    Merge.LATEST: lambda _, new: new,
    Merge.TOLD: lambda stored, new: new or stored,
}


_NOTHING_TOLD = ("", "", "", 0, 0, 0)
"""Of an interceptor, where coverage alone tells of its node."""


def _merges(table: Table) -> list[tuple[int, Callable[[Any, Any], Any]]]:
    """Position of a column → how its values become one."""
    return [
        (position, COMBINE[column.info["merge"]])
        for position, column in enumerate(table.c)
        if "merge" in column.info
    ]


class Rows:
    """The rows of some packages."""

    def __init__(
        self,
        now_seconds: int,
        bounds: Bounds | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.bounds = bounds or Bounds()
        self._rules = rules or Rules()
        self.now_ns = now_seconds * _SECOND_NS
        self._earliest_ns = self.now_ns - BACK_SECONDS * _SECOND_NS
        self._latest_ns = self.now_ns + AHEAD_SECONDS * _SECOND_NS
        self.tables: dict[Table, Keyed] = {
            table: {} for table in schema.metadata.sorted_tables
        }
        self.seen: dict[tuple[int, int, int], tuple[Row, Seen]] = {}
        """Start, endpoint, client → counters and document of a fact."""
        self.amounts: dict[tuple[int, int], Amounts] = {}
        """Start, part or whole (`covered`) → document of a fact."""
        self.owners: dict[int, tuple[str, int]] = {}
        """Endpoint → its cluster and server."""
        self._named: dict[int, tuple[Named, int, str, str]] = {}
        """Endpoint → its server, port, method and path."""
        self._edge_types = self.tables[schema.edge_types]
        self._data_types = self.tables[schema.data_types]
        self._talking = self.tables[schema.workloads]
        self._workloads: dict[tuple[str, ...], tuple[int, Named]] = {}
        self._merges = {table: _merges(table) for table in self.tables}

    def add(self, package: collector_pb2.Package) -> None:
        """Adds a package's rows to those there are."""
        self._cluster = printable(package.cluster)
        self._clamped = 0
        self._whys = package.whys
        self._window = (
            self._time(package.window_start_ns),
            self._time(package.window_end_ns),
        )
        pairs = inspected = 0
        for endpoint in package.endpoints:
            counters = self._add_endpoint(endpoint)
            pairs, inspected = pairs + counters[0], inspected + counters[1]
        for coverage in package.coverage:
            self._add_coverage(coverage)
        for party in package.parties:
            self._add_party(party)
        for outward in package.outward:
            self._add_outward(outward)
        for agent in package.agents:
            self._add_agent(agent)
        for known in package.data_types:
            self._add_known(known, package.catalog_digest)
        for facts in package.workloads:
            self._add_facts(facts)
        first_ns, last_ns = self._window
        self._put(
            schema.clusters,
            self._cluster,
            [
                *(self._cluster, 1, package.catalog_digest),
                printable(package.agent_version)[:64],
                *(0, 0, 0, 0, min(pairs, MOST), min(inspected, MOST), self._clamped, 0),
                *(first_ns, last_ns),
            ],
        )
        clamped_ns = self.now_ns if self._clamped else 0
        sender = [*(self._cluster, self.now_ns, package.window_end_ns), clamped_ns, 0]
        self._put(schema.senders, self._cluster, sender)

    def __iter__(self) -> Iterator[tuple[Table, list[Row]]]:
        """Tables with rows, referred ones first, rows in the order of their keys.

        So a database touches its pages once each, and two clouds that write to it never
        wait for each other in a circle.
        """
        for table, rows in self.tables.items():
            if rows:
                yield table, [rows[key] for key in sorted(rows)]

    def __len__(self) -> int:
        """Rows of all tables."""
        return len(self.seen) + len(self.amounts) + sum(map(len, self.tables.values()))

    def _add_endpoint(self, endpoint: collector_pb2.Endpoint) -> list[int]:
        server, key, named = self._admit_endpoint(endpoint)
        asking = self._workload(endpoint.client)
        if not self.bounds.admits(self._cluster, schema.edges, (asking[0], server)):
            asking = self._workload(_MORE)
        client = self._add_workload(asking, talks=1)
        self.owners[key] = self._cluster, server
        counters, seen = _counted(endpoint)
        window_first, window_last = self._window
        first = self._time(endpoint.first_seen_ns or window_first)
        last = max(first, self._time(endpoint.last_seen_ns or window_last))
        start = self._interval(endpoint.interval_start_ns or first)
        sensitivity = 0
        if endpoint.places:
            times = (first, last)
            sensitivity = self._add_places((key, client, server), endpoint, times, seen)
        totals = [*counters, sensitivity, first, last]
        names = endpoint.names if endpoint.names in _NAMES else 0
        self._put(schema.endpoints, key, [key, server, *named, *totals, names])
        spoken = protocols.name(endpoint.protocol)
        self._put(schema.traffic, (key, client), [key, client, *totals, spoken])
        edge = [client, server, 0, counters[0], sensitivity, first, last]
        self._put(schema.edges, (client, server), edge)
        self._add_seen((start, key, client), counters, seen)
        return counters

    def _admit_endpoint(
        self, endpoint: collector_pb2.Endpoint
    ) -> tuple[int, int, tuple[int, str, str]]:
        """Its server, its key, and what it is named by."""
        serving = self._workload(endpoint.server)
        path, operation = endpoint.path, endpoint.operation
        if operation:
            path = f"{path} {operation}" if path else operation
        named = (endpoint.server_port, endpoint.method, printable(path))
        key = identity("endpoint", serving[0], *named)
        if not self.bounds.admits(self._cluster, schema.endpoints, (key,)):
            serving = self._workload(_MORE)
            named = (0, "ANY", MORE)
            key = identity("endpoint", serving[0], *named)
        self._named[key] = serving[1], *named
        return self._add_workload(serving, talks=1), key, named

    def _add_places(
        self,
        keys: tuple[int, int, int],
        endpoint: collector_pb2.Endpoint,
        times: tuple[int, int],
        seen: Seen,
    ) -> int:
        """Adds the places and what is added up over them; gives the sensitivity."""
        places, counts = self.tables[schema.places], seen.places
        in_errors = seen.errors
        key, client, server = keys
        cluster, admits = self._cluster, self.bounds.admits
        types, amended = self.bounds.types(cluster), self._rules.types
        is_open = self.bounds.is_open(cluster, schema.places)
        key_of = identities("place", key, client)
        greatest = 0
        for place in endpoint.places:
            sensitivity, likelihood = place.sensitivity, place.likelihood
            data_type, path, count = place.data_type, place.path, place.count
            if data_type not in types:
                data_type = self.bounds.data_type(cluster, data_type)
            if not path.isprintable():
                path = printable(path)
            where = (place.direction, place.location, path)
            named = (*where, data_type, sensitivity, likelihood)
            found = key_of(*named)
            if not is_open and not admits(cluster, schema.places, (key, found)):
                named = (*where[:2], MORE, *named[3:])
                found = key_of(*named)
            counts[found] = counts.get(found, 0) + count
            if place.why and path == named[2]:
                self._add_why(key, named, place.why)
            errors = place.errors
            if errors:
                in_errors[found] = in_errors.get(found, 0) + errors
            if data_type in amended:
                # The key stays that of what was found: all of a place is one row.
                held = self._corrected((key, found), named)
                data_type, sensitivity, likelihood = held  # type: ignore[assignment]
                named = (*named[:3], *held)  # type: ignore[assignment]
            row = [key, found, client, *named, count, errors, place.messages, *times]
            known = places.setdefault((key, found), row)
            if known is not row:
                self._merge(schema.places, known, row)
            if likelihood >= SURE:
                greatest = max(greatest, sensitivity)
                returned = count if place.direction == collector_pb2.RESPONSE else 0
                amounts = (count, returned)
                self._add_type((client, server, data_type), sensitivity, amounts, times)
        return greatest

    def _corrected(self, key: tuple[int, int], named: tuple[Any, ...]) -> Found:
        """What is so in a place, `named` as it is with what was found there."""
        found = Found(*named[3:])
        server, *asked = self._named[key[0]]
        place = (*server, *asked, *named[:3])
        one = self._rules.speaking(place, found.data_type)
        if one is None:
            return found
        row = [*key, one.id, *found]
        self.tables[schema.corrected_places].setdefault(key, row)
        return corrected(one.correction, found)

    def _add_why(self, endpoint: int, named: tuple[Any, ...], position: int) -> None:
        """`named` as a place is: the explanation is of the field, for all clients."""
        direction, location, path, data_type, *_ = named
        document = whys.document(self._whys[position - 1])
        explanation = whys.explanation_key(self._cluster, document)
        key = (self._cluster, explanation)
        if self.bounds.has_room(self._cluster, schema.explanations, key):
            field = whys.field_key(direction, location, path, data_type)
            row = [endpoint, field, self._cluster, explanation]
            self._put(schema.explanations, key, [*key, document])
            self._put(schema.place_whys, (endpoint, field), row)

    def _add_type(
        self,
        key: tuple[int, int, str],
        sensitivity: int,
        amounts: tuple[int, int],
        times: tuple[int, int],
    ) -> None:
        """`amounts`: of all values, and of those in answers."""
        count, returned = amounts
        # Written out: nearly every place comes by here, and finds its row made.
        row = self._edge_types.get(key)
        if row is None:
            self._edge_types[key] = [*key, sensitivity, count, returned]
        else:
            row[3] = max(row[3], sensitivity)
            row[4] = capped(row[4], count)
            row[5] = capped(row[5], returned)
        total = (self._cluster, key[2])
        row = self._data_types.get(total)
        if row is None:
            self._data_types[total] = [*total, sensitivity, 0, count, *times]
        else:
            row[2] = max(row[2], sensitivity)
            row[4] = capped(row[4], count)
            if times[0] < row[5]:
                row[5] = times[0]
            if times[1] > row[6]:
                row[6] = times[1]

    def _add_seen(
        self, key: tuple[int, int, int], counters: list[int], seen: Seen
    ) -> None:
        known = self.seen.get(key)
        if known is None:
            self.seen[key] = counters, seen
            return
        totals, document = known
        for position, amount in enumerate(counters):
            totals[position] = capped(totals[position], amount)
        document.add(seen)

    def _add_party(self, party: collector_pb2.Party) -> None:
        told = self._workload(party.workload)
        workload = told[0]
        named = (party.country, printable(party.network), int(party.is_robot))
        key = (self._cluster, workload, *named)
        if self.bounds.has_room(self._cluster, schema.parties, key):
            self._add_workload(told, talks=0)
            first = self._time(party.first_seen_ns)
            last = max(first, self._time(party.last_seen_ns))
            self._put(schema.parties, key, [*key, first, last])

    def _add_outward(self, outward: collector_pb2.Outward) -> None:
        told = self._workload(outward.workload)
        workload = told[0]
        key = (self._cluster, printable(outward.name), outward.port, workload)
        if self.bounds.has_room(self._cluster, schema.outward, key):
            self._add_workload(told, talks=0)
            first, last = self._window
            row = [*key, outward.source, first, max(first, last)]
            self._put(schema.outward, key, row)

    def _add_agent(self, agent: collector_pb2.Agent) -> None:
        key = (self._cluster, printable(agent.node))
        if self.bounds.has_room(self._cluster, schema.nodes, key):
            told = map(printable, (agent.version, agent.kernel, agent.state))
            started = min(agent.started_ns, self._latest_ns)
            reported = self._time(agent.reported_ns)
            heard = (self.now_ns, agent.reported_ns, reported, reported)
            row = [*key, *heard, *told, agent.workers, started, reported]
            self._put(schema.nodes, key, row)

    def _add_known(self, known: detector_pb2.DataType, digest: str) -> None:
        key = (self._cluster, known.name)
        if self.bounds.has_room(self._cluster, schema.catalog_types, key):
            told = (printable(known.title), " ".join(sorted(known.tags)))
            flags = (int(known.is_own), int(known.is_off))
            row = [*key, *told, known.sensitivity, digest, *flags]
            self._put(schema.catalog_types, key, row)

    def _add_facts(self, facts: collector_pb2.WorkloadFacts) -> None:
        named = self._workload(facts.workload)
        workload = named[0]
        if not self.bounds.has_room(self._cluster, schema.workload_facts, (workload,)):
            return
        self._add_workload(named, talks=0)
        running = ""
        for revision in facts.revisions:
            running = printable(revision.name)
            key = (workload, running)
            if self.bounds.has_room(self._cluster, schema.revisions, key):
                # Not clamped: what runs may have begun long ago.
                since = min(revision.since_ns, self._latest_ns)
                row = [*key, self._cluster, printable(revision.image), since]
                self._put(schema.revisions, key, row)
        told = [printable(facts.owner), printable(facts.part_of)]
        labels = workload_facts.document(facts.labels)
        row = [workload, self._cluster, *told, labels, running]
        self._put(schema.workload_facts, workload, row)

    def _add_coverage(self, coverage: collector_pb2.Coverage) -> None:
        told, node = self._workload(coverage.workload), printable(coverage.node)
        part = identity("part", self._cluster, node, told[0])
        if not self.bounds.admits(self._cluster, schema.parts, (part,)):
            told, node = self._workload(_MORE), MORE
        workload = self._add_workload(told, talks=0)
        part = identity("part", self._cluster, node, workload)
        first = self._time(coverage.window_start_ns)
        last = max(first, self._time(coverage.window_end_ns))
        start = self._interval(coverage.interval_start_ns or first)
        amounts = Amounts(self._known(coverage.bytes), self._known(coverage.counts))
        lost = sum(n for reason, n in amounts.bytes.items() if reason not in HARMLESS)
        row = [part, self._cluster, node, workload, min(lost, MOST), first, last]
        self._put(schema.parts, part, row)
        if node:
            heard = (self.now_ns, coverage.window_end_ns)
            row = [self._cluster, node, *heard, first, last, *_NOTHING_TOLD]
            self._put(schema.nodes, (self._cluster, node), row)
        for is_bytes, named in ((1, amounts.bytes), (0, amounts.counts)):
            for reason, amount in named.items():
                key = (part, is_bytes, reason)
                self._put(schema.coverage, key, [*key, amount])
                total = (self._cluster, is_bytes, reason)
                self._put(schema.coverage_totals, total, [*total, amount])
        for told_of in (part, *wholes(self._cluster, node)):
            self.amounts.setdefault((start, told_of), Amounts()).add(amounts)

    def _known(self, amounts: Mapping[str, int]) -> dict[str, int]:
        known: dict[str, int] = {}
        for reason, amount in amounts.items():
            name = self.bounds.reason(self._cluster, reason)
            known[name] = capped(known.get(name, 0), amount)
        return known

    def _workload(self, workload: collector_pb2.Workload) -> tuple[int, Named]:
        told = (self._cluster, workload.namespace, workload.kind, workload.name)
        known = self._workloads.get(told)
        if known is None:
            cluster, namespace, kind, name = map(printable, told)
            named = (cluster, namespace, kind, name)
            known = self._workloads[told] = identity("workload", *named), named
        return known

    def _add_workload(self, workload: tuple[int, Named], talks: int) -> int:
        key, named = workload
        row = self._talking.get(key)
        if row is None:
            self._talking[key] = [key, *named, talks]
        elif row[_TALKS] < talks:
            row[_TALKS] = talks
        return key

    def _time(self, at_ns: int) -> int:
        if self._earliest_ns <= at_ns <= self._latest_ns:
            return at_ns
        self._clamped += 1
        return self.now_ns

    def _interval(self, at_ns: int) -> int:
        seconds = self._time(at_ns) // _SECOND_NS
        return seconds - seconds % MINUTES.seconds

    def _put(self, table: Table, key: Any, row: Row) -> None:
        rows = self.tables[table]
        stored = rows.setdefault(key, row)
        if stored is not row:
            self._merge(table, stored, row)

    def _merge(self, table: Table, stored: Row, row: Row) -> None:
        for position, combine in self._merges[table]:
            stored[position] = combine(stored[position], row[position])


def _counted(endpoint: collector_pb2.Endpoint) -> tuple[list[int], Seen]:
    """The counters of an endpoint's traffic, and its latencies."""
    counters = [0] * _COUNTERS
    counters[1] = endpoint.inspected
    seen = Seen()
    for traffic in endpoint.traffic:
        pairs = traffic.pairs
        known = traffic.status_class
        counters[_FIRST_STATUS + (known if known < _CLASSES else 0)] += pairs
        counters[0] += pairs
        counters[2] += traffic.request_bytes
        counters[3] += traffic.response_bytes
        counters[4] += traffic.truncated
        latency = traffic.latency
        seen.sum_us = min(seen.sum_us + latency.sum_us, MOST)
        add_up(seen.latency, zip(latency.buckets, latency.counts, strict=True))
    return counters, seen


def printable(text: str) -> str:
    """The text with what is not printable replaced: NUL, controls, direction marks."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
