"""The package being filled: traffic and findings counted per endpoint and edge.

In: decoded pairs with their endpoint and workloads, findings, coverage counters, and
the Kafka offsets that all of this came from. Out: one proto Package that accounts for
exactly these offsets and holds no captured value. A draft is small enough to send: the
program closes it when `is_full`.
"""

from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

from agent.cluster.addresses import Workload
from agent.digger.row import Row
from agent.record import NodeCoverage
from detection.finding import Finding
from proto.v1 import collector_pb2

AGENT_VERSION = version("vethscope")

REQUEST, RESPONSE = collector_pb2.REQUEST, collector_pb2.RESPONSE

MOST_ROWS = 4_000
"""Endpoints and places of one package."""
MOST_BYTES = 2 << 20
"""Of names and paths in it, as far as known beforehand: with numbers and sketches it
stays below the 4 MB that the cloud takes."""
ROW_BYTES = 100
MOST_FINDINGS = 128
"""Of one message; the most sensitive are kept, the others counted."""
MOST_REASONS = 100
LONGEST_PATH_BYTES = 2_048
LARGEST = 1 << 44
"""Of one counter: these three are what the cloud accepts."""
INTERVAL_NS = 300 * 10**9
"""Rows of a package lie in one interval of capture time each."""
QUEUE_NODE = ""
"""Coverage of the queue itself, which is no node: undecodable, expired …"""

Resolve = Callable[[bytes, int], Workload]


class Unnamed(NamedTuple):
    """An address that had no owner when its pair was counted; asked again later."""

    ip: bytes


class Edge(NamedTuple):
    """Who asked whom what, and in which interval."""

    server: Workload | Unnamed
    client: Workload | Unnamed
    port: int
    method: str
    path: str
    operation: str = ""
    interval_ns: int = 0


def interval_of(at_ns: int) -> int:
    """The start of the interval that a capture time lies in."""
    return at_ns - at_ns % INTERVAL_NS


class Windows:
    """The windows of one pod in one interval, added up."""

    __slots__ = ("buckets", "counts", "end_ns", "start_ns")

    def __init__(self, first: NodeCoverage) -> None:
        self.start_ns, self.end_ns = first.window_start_ns, first.window_end_ns
        self.buckets: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def add(self, window: NodeCoverage) -> None:
        self.start_ns = min(self.start_ns, window.window_start_ns)
        self.end_ns = max(self.end_ns, window.window_end_ns)
        self.buckets.update(window.buckets)
        self.counts.update(window.counts)


class Draft:
    """One package in the making."""

    def __init__(self) -> None:
        self.records = 0
        """Exchanges that the messages covered tell of."""
        self.catalog_digest = ""
        self._offsets: dict[tuple[str, int], list[int]] = {}
        self._follows: dict[tuple[str, int], int] = {}
        self._rows: dict[Edge, Row] = {}
        self._places = 0
        self._bytes = 0
        self._coverage: dict[tuple[str, bytes, int], Windows] = {}
        self._unnamed: dict[bytes, int] = {}
        self._queue: Counter[str] = Counter()

    @property
    def is_empty(self) -> bool:
        return not self._offsets

    @property
    def is_quiet(self) -> bool:
        """There is nothing in it but the nodes' coverage."""
        return not self._rows

    @property
    def is_full(self) -> bool:
        rows = len(self._rows) + self._places + len(self._coverage)
        return rows >= MOST_ROWS or self._bytes >= MOST_BYTES

    @property
    def unnamed(self) -> dict[bytes, int]:
        """Addresses without a known owner, and a capture time of each."""
        return self._unnamed

    def unname(self, ip: bytes, at_ns: int) -> Unnamed:
        """Stands for the owner of an address until the package is built."""
        self._unnamed.setdefault(ip, at_ns)
        return Unnamed(ip)

    def cover(self, topic: str, partition: int, first: int, following: int) -> None:
        """The draft accounts for offsets [first, following)."""
        known = self._offsets.setdefault((topic, partition), [first, first])
        if first != known[1]:
            raise ValueError(f"{topic}/{partition}: {first} does not follow {known[1]}")
        known[1] = following

    def covers(self, topic: str, partition: int) -> bool:
        return (topic, partition) in self._offsets

    def follow(self, topic: str, partition: int, stored: int) -> None:
        """The first offset covered does not follow the one that the cloud waits for."""
        self._follows[topic, partition] = stored

    def row(self, edge: Edge, at_ns: int) -> Row:
        """The row of an edge, for adding to it before anything else is called."""
        row = self._rows.get(edge)
        if row is None:
            row = self._rows[edge] = Row(at_ns)
            self._bytes += ROW_BYTES + _size(edge.path) + _size(edge.operation)
        return row

    def find(
        self,
        edge: Edge,
        at_ns: int,
        request: list[Finding],
        response: list[Finding],
    ) -> None:
        """Adds what an inspected exchange held; another draft may have counted it."""
        for named in (edge.server, edge.client):
            if isinstance(named, Unnamed):
                self.unname(named.ip, at_ns)
        row = self.row(edge, at_ns)
        row.inspected += 1
        for direction, findings in ((REQUEST, request), (RESPONSE, response)):
            self._find(row, direction, findings)

    def _find(self, row: Row, direction: int, findings: list[Finding]) -> None:
        findings = [
            finding
            for finding in findings
            if len(finding.path.encode()) <= LONGEST_PATH_BYTES
        ]
        if len(findings) > MOST_FINDINGS:
            findings = sorted(
                findings, key=lambda f: (-f.sensitivity, -f.likelihood, f.path)
            )
            self.note("finding_dropped", len(findings) - MOST_FINDINGS)
        for found in findings[:MOST_FINDINGS]:
            key = (direction, found.location, found.path, found.data_type)
            values = [found.sensitivity, found.likelihood, found.count]
            if row.place(key, values):
                self._places += 1
                self._bytes += _size(found.path) + _size(found.data_type)

    def note(self, reason: str, count: int = 1) -> None:
        """Counts something about the queue itself, see QUEUE_NODE."""
        self._queue[reason] += count

    def cover_node(self, coverage: NodeCoverage) -> None:
        interval_ns = interval_of(coverage.window_start_ns)
        key = (coverage.node, coverage.pod, interval_ns)
        known = self._coverage.get(key)
        if known is None:
            known = self._coverage[key] = Windows(coverage)
            reasons = (*coverage.buckets, *coverage.counts)
            self._bytes += ROW_BYTES + sum(map(_size, reasons))
        known.add(coverage)

    def build(self, cluster: str, resolve: Resolve, now_ns: int) -> Any:
        """The finished Package; `resolve` names addresses that had no owner."""
        package = collector_pb2.Package(
            cluster=cluster,
            catalog_digest=self.catalog_digest,
            agent_version=AGENT_VERSION,
        )
        for place, (first, following) in sorted(self._offsets.items()):
            topic, partition = place
            package.offsets.add(
                topic=topic,
                partition=partition,
                first=first,
                next=following,
                follows=self._follows.get(place),
            )
        names = {ip: resolve(ip, at_ns) for ip, at_ns in self._unnamed.items()}
        for edge, row in _named(self._rows, names).items():
            _add_endpoint(package, edge, row)
        for (node, pod, interval_ns), windows in self._coverage.items():
            workload = _workload(resolve(pod, windows.end_ns)) if pod else None
            package.coverage.add(
                node=node,
                workload=workload,
                interval_start_ns=interval_ns,
                window_start_ns=windows.start_ns,
                window_end_ns=windows.end_ns,
                bytes=_most(windows.buckets),
                counts=_most(windows.counts),
            )
        package.window_start_ns = min(_starts(package), default=now_ns)
        package.window_end_ns = max(_ends(package), default=now_ns)
        if self._queue:
            package.coverage.add(
                node=QUEUE_NODE,
                interval_start_ns=interval_of(package.window_start_ns),
                window_start_ns=package.window_start_ns,
                window_end_ns=package.window_end_ns,
                counts=_most(self._queue),
            )
        return package


def _size(text: str) -> int:
    """On the wire, with the numbers beside it."""
    return len(text.encode()) + 8


def _named(rows: dict[Edge, Row], names: dict[bytes, Workload]) -> dict[Edge, Row]:
    """Rows by named edges; rows of several addresses may become one."""
    named: dict[Edge, Row] = {}
    for edge, row in rows.items():
        known = edge._replace(
            server=_name(edge.server, names), client=_name(edge.client, names)
        )
        if known in named:
            named[known].merge(row)
        else:
            named[known] = row
    return named


def _name(place: Workload | Unnamed, names: dict[bytes, Workload]) -> Workload:
    return names[place.ip] if isinstance(place, Unnamed) else place


def _workload(workload: Workload | Unnamed) -> collector_pb2.Workload:
    if isinstance(workload, Unnamed):
        raise TypeError("an edge without names")
    namespace, kind, name = workload
    return collector_pb2.Workload(namespace=namespace, kind=kind, name=name)


def _add_endpoint(package: collector_pb2.Package, edge: Edge, row: Row) -> None:
    endpoint = package.endpoints.add(
        server=_workload(edge.server),
        client=_workload(edge.client),
        server_port=edge.port,
        method=edge.method,
        path=edge.path,
        operation=edge.operation,
        protocol=collector_pb2.HTTP_1,
        interval_start_ns=edge.interval_ns,
        inspected=row.inspected,
        first_seen_ns=row.first_ns,
        last_seen_ns=row.last_ns,
    )
    for status_class in sorted(row.traffic):
        traffic = row.traffic[status_class]
        buckets = sorted(traffic.buckets)
        endpoint.traffic.add(
            status_class=status_class,
            pairs=traffic.pairs,
            request_bytes=min(traffic.request_bytes, LARGEST),
            response_bytes=min(traffic.response_bytes, LARGEST),
            truncated=traffic.truncated,
            latency=collector_pb2.Latency(
                sum_us=min(traffic.sum_us, LARGEST),
                buckets=buckets,
                counts=[traffic.buckets[bucket] for bucket in buckets],
            ),
        )
    for key in sorted(row.places):
        direction, location, path, data_type = key
        sensitivity, likelihood, count = row.places[key]
        endpoint.places.add(
            direction=_enum(direction),
            location=_enum(location),
            path=path,
            data_type=data_type,
            sensitivity=_enum(sensitivity),
            likelihood=_enum(likelihood),
            count=min(count, LARGEST),
        )


def _most(counter: Counter[str]) -> dict[str, int]:
    most = counter.most_common(MOST_REASONS)
    return {reason: min(count, LARGEST) for reason, count in most}


def _starts(package: collector_pb2.Package) -> list[int]:
    return [endpoint.first_seen_ns for endpoint in package.endpoints] + [
        coverage.window_start_ns for coverage in package.coverage
    ]


def _ends(package: collector_pb2.Package) -> list[int]:
    return [endpoint.last_seen_ns for endpoint in package.endpoints] + [
        coverage.window_end_ns for coverage in package.coverage
    ]


def _enum(number: int) -> Any:
    """Enum fields take numbers; their stubs want a type that exists only there."""
    return number
