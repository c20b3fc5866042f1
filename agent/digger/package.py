"""The package being filled: traffic and findings counted per endpoint and edge.

In: decoded pairs with their endpoint and workloads, findings, coverage counters, and
the Kafka offsets that all of this came from. Out: one proto Package that accounts for
exactly these offsets and holds no captured value. A draft is small enough to send: the
program closes it when `is_full`.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from agent.cluster.addresses import Workload
from agent.record import Fact, NodeCoverage
from detection.finding import Finding
from proto.v1 import collector_pb2

REQUEST, RESPONSE = collector_pb2.REQUEST, collector_pb2.RESPONSE

MOST_ROWS = 4_000
"""Endpoints and places of one package: it stays well below gRPC's 4 MB."""
MOST_FINDINGS = 128
"""Of one message; the most sensitive are kept, the others counted."""
MOST_REASONS = 100
LONGEST_PATH_BYTES = 2_048
LARGEST = 1 << 44
"""Of one counter: these three are what the cloud accepts."""
QUEUE_NODE = ""
"""Coverage of the queue itself, which is no node: undecodable, expired …"""

Resolve = Callable[[bytes, int], Workload]


class Unnamed(NamedTuple):
    """An address that had no owner when its pair was counted; asked again later."""

    ip: bytes


class Edge(NamedTuple):
    """Who asked whom what."""

    server: Workload | Unnamed
    client: Workload | Unnamed
    port: int
    method: str
    path: str


class Row:
    """Traffic of one edge."""

    __slots__ = (
        "first_ns",
        "inspected",
        "last_ns",
        "pairs",
        "places",
        "request_bytes",
        "response_bytes",
        "statuses",
        "truncated",
    )

    def __init__(self, at_ns: int) -> None:
        self.pairs = self.inspected = self.truncated = 0
        self.request_bytes = self.response_bytes = 0
        self.statuses: dict[int, int] = {}
        self.first_ns = self.last_ns = at_ns
        self.places: dict[tuple[int, int, str, str], list[int]] = {}

    def count(self, fact: Fact) -> None:
        status_class, exchanges = fact.status // 100, fact.exchanges
        self.pairs += exchanges
        self.statuses[status_class] = self.statuses.get(status_class, 0) + exchanges
        self.request_bytes += fact.request_bytes
        self.response_bytes += fact.response_bytes
        self.truncated += fact.truncated
        self.first_ns = min(self.first_ns, fact.first_ns)
        self.last_ns = max(self.last_ns, fact.last_ns)

    def find(self, direction: int, finding: Finding) -> bool:
        """Adds a finding; true if its place is new."""
        key = (direction, finding.location, finding.path, finding.data_type)
        values = [finding.sensitivity, finding.likelihood, finding.count]
        return self._place(key, values)

    def merge(self, other: "Row") -> None:
        self.pairs += other.pairs
        self.inspected += other.inspected
        self.truncated += other.truncated
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes
        for status_class, count in other.statuses.items():
            self.statuses[status_class] = self.statuses.get(status_class, 0) + count
        self.first_ns = min(self.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)
        for key, values in other.places.items():
            self._place(key, values)

    def _place(self, key: tuple[int, int, str, str], values: list[int]) -> bool:
        known = self.places.get(key)
        if known is None:
            self.places[key] = values[:]
            return True
        known[0] = max(known[0], values[0])
        known[1] = max(known[1], values[1])
        known[2] += values[2]
        return False


class Draft:
    """One package in the making."""

    def __init__(self) -> None:
        self.records = 0
        """Exchanges told, and messages that told none; set by the program."""
        self.catalog_digest = ""
        self._offsets: dict[tuple[str, int], list[int]] = {}
        self._rows: dict[Edge, Row] = {}
        self._places = 0
        self._coverage: dict[tuple[str, bytes], list[NodeCoverage]] = {}
        self._unnamed: dict[bytes, int] = {}
        self._queue: Counter[str] = Counter()

    @property
    def is_empty(self) -> bool:
        return not self._offsets

    @property
    def is_full(self) -> bool:
        return len(self._rows) + self._places + len(self._coverage) >= MOST_ROWS

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

    def count(self, edge: Edge, fact: Fact) -> Row:
        row = self._rows.get(edge)
        if row is None:
            row = self._rows[edge] = Row(fact.first_ns)
        row.count(fact)
        return row

    def find(self, row: Row, direction: int, findings: list[Finding]) -> None:
        """Adds what one inspected message held."""
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
        for finding in findings[:MOST_FINDINGS]:
            self._places += row.find(direction, finding)

    def note(self, reason: str, count: int = 1) -> None:
        """Counts something about the queue itself, see QUEUE_NODE."""
        self._queue[reason] += count

    def cover_node(self, coverage: NodeCoverage) -> None:
        self._coverage.setdefault((coverage.node, coverage.pod), []).append(coverage)

    def build(self, cluster: str, resolve: Resolve, now_ns: int) -> Any:
        """The finished Package; `resolve` names addresses that had no owner."""
        package = collector_pb2.Package(
            cluster=cluster, catalog_digest=self.catalog_digest
        )
        for (topic, partition), (first, following) in sorted(self._offsets.items()):
            package.offsets.add(
                topic=topic, partition=partition, first=first, next=following
            )
        names = {ip: resolve(ip, at_ns) for ip, at_ns in self._unnamed.items()}
        for edge, row in _named(self._rows, names).items():
            _add_endpoint(package, edge, row)
        for (node, pod), windows in self._coverage.items():
            _add_coverage(package, node, pod, windows, resolve)
        package.window_start_ns = min(_starts(package), default=now_ns)
        package.window_end_ns = max(_ends(package), default=now_ns)
        if self._queue:
            package.coverage.add(
                node=QUEUE_NODE,
                window_start_ns=package.window_start_ns,
                window_end_ns=package.window_end_ns,
                counts=self._queue,
            )
        return package


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
        statuses=row.statuses,
        pairs=row.pairs,
        inspected=row.inspected,
        request_bytes=min(row.request_bytes, LARGEST),
        response_bytes=min(row.response_bytes, LARGEST),
        truncated=row.truncated,
        first_seen_ns=row.first_ns,
        last_seen_ns=row.last_ns,
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


def _add_coverage(
    package: collector_pb2.Package,
    node: str,
    pod: bytes,
    windows: list[NodeCoverage],
    resolve: Resolve,
) -> None:
    last = max(window.window_end_ns for window in windows)
    package.coverage.add(
        node=node,
        workload=_workload(resolve(pod, last)) if pod else None,
        window_start_ns=min(window.window_start_ns for window in windows),
        window_end_ns=last,
        bytes=_sum(window.buckets for window in windows),
        counts=_sum(window.counts for window in windows),
    )


def _sum(counters: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    most = total.most_common(MOST_REASONS)
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
