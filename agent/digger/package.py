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

from msgspec import structs

from agent.cluster.addresses import Workload
from agent.digger.corrections import Corrections
from agent.digger.row import Row
from agent.digger.whys import Place, Whys
from agent.digger.whys import why as told_why
from agent.outside.parties import Party
from agent.record import Agent, NodeCoverage
from detection.finding import Finding, Why
from proto.v1 import collector_pb2

AGENT_VERSION = version("vethscope")

REQUEST, RESPONSE = collector_pb2.REQUEST, collector_pb2.RESPONSE
NAMES_KNOWN, NAMES_UNKNOWN = collector_pb2.NAMES_KNOWN, collector_pb2.NAMES_UNKNOWN

MOST_ROWS = 4_000
"""Endpoints and places of one package."""
MOST_BYTES = 2 << 20
"""Of names and paths in it, as far as known beforehand: with numbers and sketches it
stays below the 4 MB that the cloud takes."""
ROW_BYTES = 100
MOST_FINDINGS = 128
"""Of one message; the most sensitive are kept, the others counted."""
MOST_REASONS = 100
ERROR_STATUS = 400
"""From it on an answer tells of an error (RFC 9110 section 15)."""
LONGEST_PATH_BYTES = 2_048
LARGEST = 1 << 44
"""Of one counter: these three are what the cloud accepts."""
INTERVAL_NS = 300 * 10**9
"""Rows of a package lie in one interval of capture time each."""
QUEUE_NODE = ""
"""Coverage of the queue itself, which is no node: undecodable, expired …"""

WHY_BYTES = 150
"""Of an explanation, about."""

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
    protocol: int = collector_pb2.HTTP_1


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

    def __init__(
        self, whys: Whys | None = None, corrections: Corrections | None = None
    ) -> None:
        """Both outlive it: what was told is not told again."""
        self._whys = whys or Whys()
        self.corrections = corrections or Corrections()
        self._new_whys: dict[tuple[Edge, Place], Why] = {}
        self.exchanges = 0
        """Exchanges that the messages covered tell of."""
        self.catalog_digest = ""
        self._offsets: dict[tuple[str, int], list[int]] = {}
        self._follows: dict[tuple[str, int], int] = {}
        self.rows: dict[Edge, Row] = {}
        """For looking up, also by a plain tuple; `row` and `add` make them."""
        self._places = 0
        self._bytes = 0
        self._coverage: dict[tuple[str, bytes, int], Windows] = {}
        self.workloads: set[Workload] = set()
        """All that it names, once it is built."""
        self._agents: dict[str, tuple[Agent, int]] = {}
        self._parties: dict[Party, int] = {}
        self._unnamed: dict[bytes, int] = {}
        self._queue: Counter[str] = Counter()

    @property
    def is_empty(self) -> bool:
        return not self._offsets

    @property
    def is_quiet(self) -> bool:
        """There is nothing in it but the nodes' coverage."""
        return not self.rows

    @property
    def is_full(self) -> bool:
        rows = len(self.rows) + self._places + len(self._coverage)
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
        return self.rows.get(edge) or self.add(edge, at_ns)

    def add(self, edge: Edge, at_ns: int) -> Row:
        """A row for an edge that has none."""
        row = self.rows[edge] = Row(at_ns)
        self._bytes += ROW_BYTES + _size(edge.path) + _size(edge.operation)
        return row

    def find(
        self,
        edge: Edge,
        at_ns: int,
        request: list[Finding],
        response: list[Finding],
        status: int = 0,
        exchanges: int = 1,
        is_named: bool | None = None,
    ) -> None:
        """Adds what an inspected exchange held; another draft may have counted it.
        `exchanges`: none if it is a later part of one. `is_named` says whether the
        types of its protobuf messages are known."""
        for named in (edge.server, edge.client):
            if isinstance(named, Unnamed):
                self.unname(named.ip, at_ns)
        row = self.row(edge, at_ns)
        row.inspected += exchanges
        if is_named is not None:
            row.names = NAMES_KNOWN if is_named else NAMES_UNKNOWN
        self._whys.follow(self.catalog_digest)
        for direction, findings in ((REQUEST, request), (RESPONSE, response)):
            findings = self.corrections.apply(edge, direction, findings)
            is_error = direction == RESPONSE and status >= ERROR_STATUS
            self._find(edge, row, direction, findings, is_error)

    def _find(
        self,
        edge: Edge,
        row: Row,
        direction: int,
        findings: list[Finding],
        is_error: bool,
    ) -> None:
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
        met: set[Place] = set()
        for found in findings[:MOST_FINDINGS]:
            key = (direction, found.location, found.path, found.data_type)
            errors = found.count if is_error else 0
            # Two findings of one place, less and more likely, are of one message.
            counters = (found.count, errors, int(key not in met))
            met.add(key)
            if row.place(key, [found.sensitivity, found.likelihood, *counters]):
                self._places += 1
                self._bytes += _size(found.path) + _size(found.data_type)
            # Of the endpoint: clients and intervals of one have the same reasons.
            endpoint = (edge.server, edge.port, edge.method, edge.path, edge.operation)
            if found.why and self._whys.is_news(endpoint, key, found):
                self._new_whys[edge, key] = found.why
                self._bytes += WHY_BYTES

    def meet(self, party: Party, at_ns: int) -> None:
        """Tells of someone outside, seen at a capture time."""
        if party not in self._parties:
            self._bytes += ROW_BYTES + _size(party.workload.name) + _size(party.network)
        self._parties[party] = at_ns

    def note(self, reason: str, count: int = 1) -> None:
        """Counts something about the queue itself, see QUEUE_NODE."""
        self._queue[reason] += count

    def cover_node(self, coverage: NodeCoverage) -> None:
        if coverage.agent is not None:
            self._agents[coverage.node] = coverage.agent, coverage.window_end_ns
            self._bytes += ROW_BYTES
        if not coverage.buckets and not coverage.counts:
            return
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
        told = {
            (_names_of(edge, names), key): why
            for (edge, key), why in self._new_whys.items()
        }
        positions: dict[Why, int] = {}
        for edge, row in _named(self.rows, names).items():
            self.workloads.update((edge.server, edge.client))  # type: ignore[arg-type]
            _add_endpoint(package, edge, row, told, positions)
        package.whys.extend(map(told_why, positions))
        for (node, pod, interval_ns), windows in self._coverage.items():
            workload = None
            if pod:
                owner = resolve(pod, windows.end_ns)
                self.workloads.add(owner)
                workload = _workload(owner)
            package.coverage.add(
                node=node,
                workload=workload,
                interval_start_ns=interval_ns,
                window_start_ns=windows.start_ns,
                window_end_ns=windows.end_ns,
                bytes=_most(windows.buckets),
                counts=_most(windows.counts),
            )
        for node, (agent, at_ns) in self._agents.items():
            package.agents.add(node=node, reported_ns=at_ns, **structs.asdict(agent))
        for party, at_ns in self._parties.items():
            package.parties.add(
                workload=_workload(party.workload),
                country=party.country,
                network=party.network,
                is_robot=party.is_robot,
                first_seen_ns=at_ns,
                last_seen_ns=at_ns,
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
        known = _names_of(edge, names)
        if known in named:
            named[known].merge(row)
        else:
            named[known] = row
    return named


def _names_of(edge: Edge, names: dict[bytes, Workload]) -> Edge:
    return edge._replace(
        server=_name(edge.server, names), client=_name(edge.client, names)
    )


def _name(place: Workload | Unnamed, names: dict[bytes, Workload]) -> Workload:
    return names[place.ip] if isinstance(place, Unnamed) else place


def _workload(workload: Workload | Unnamed) -> collector_pb2.Workload:
    if isinstance(workload, Unnamed):
        raise TypeError("an edge without names")
    namespace, kind, name = workload
    return collector_pb2.Workload(namespace=namespace, kind=kind, name=name)


def _add_endpoint(
    package: collector_pb2.Package,
    edge: Edge,
    row: Row,
    whys: dict[tuple[Edge, Place], Why],
    positions: dict[Why, int],
) -> None:
    """`positions` are those of the package's explanations, from 1."""
    endpoint = package.endpoints.add(
        server=_workload(edge.server),
        client=_workload(edge.client),
        server_port=edge.port,
        method=edge.method,
        path=edge.path,
        operation=edge.operation,
        protocol=collector_pb2.Protocol.ValueType(edge.protocol),
        interval_start_ns=edge.interval_ns,
        inspected=row.inspected,
        names=collector_pb2.Names.ValueType(row.names),
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
        sensitivity, likelihood, count, errors, messages = row.places[key]
        why = whys.get((edge, key))
        position = positions.setdefault(why, len(positions) + 1) if why else 0
        endpoint.places.add(
            direction=_enum(direction),
            location=_enum(location),
            path=path,
            data_type=data_type,
            sensitivity=_enum(sensitivity),
            likelihood=_enum(likelihood),
            count=min(count, LARGEST),
            why=position,
            errors=min(errors, LARGEST),
            messages=min(messages, LARGEST),
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
