# cython: annotation_typing=False
"""What the collector accepts: every package is checked before it is stored.

In: a decoded package. Out: nothing, or RefusedError with the name of the field and the
rule that it breaks. The offending text is never repeated: whatever it is, it does not
belong into a log.
"""

import re
from collections.abc import Iterable, Mapping, Sized

from cloud.errors import RefusedError
from proto.v1 import collector_pb2, detector_pb2

MESSAGE_BYTES = 4 << 20
"""Of one message, before it is parsed. The digger's packages stay below half of it."""
MOST_OFFSETS = 10_000
MOST_RECORDS = 1 << 24
"""In one range: a package of two seconds covers some hundred thousand at most."""
LARGEST_OFFSET = 1 << 50
"""A million records a second reach it in 35 years."""
MOST_ENDPOINTS = 10_000
MOST_PLACES = 20_000
"""In all endpoints of a package together; the digger closes one at 4,000 rows."""
MOST_DATA_TYPES = 1_000
"""In one package: the catalog has 560, rules of a user's own come on top."""
MOST_WHYS = 20_000
"""Explanations: each place may have one of its own."""
MOST_KNOWN = 2_000
"""Data types of a catalog."""
MOST_TAGS = 20
TITLE_BYTES = 200
MOST_AGENTS = 10_000
MOST_PARTIES = 5_000
MOST_OUTWARD = 5_000
"""Names and addresses; the digger tells 1,000 at once."""
MOST_WORKLOADS = 5_000
"""With facts; the digger tells 1,000 at once."""
MOST_LABELS = 20
MOST_REVISIONS = 10
"""Of one workload."""
IMAGE_BYTES = 512
NETWORK_BYTES = 400
"""Of a network's name: 100 characters."""
MOST_CONTEXTS = 8
MOST_POINTS = 9
"""Of one sum: a likelihood is 1 to 5."""
PHRASE_BYTES = 253
MOST_COVERAGE = 10_000
MOST_REASONS = 100
MOST_STATUSES = 10
TEXT_BYTES = 253
"""Names of clusters, nodes, workloads and topics: the longest DNS name (RFC 1035)."""
OPERATION_BYTES = 512
PATH_BYTES = 2_048
"""Path templates and JSON paths."""
LARGEST = 1 << 44
"""Of one counter in one package: 500,000 packages still fit 63 bits."""
INTERVAL_NS = 300 * 10**9
BUCKETS = 240
"""Of a latency's sketch, see collector.proto."""
LATEST_NS = 1 << 62
"""The year 2116: adding a window never leaves 63 bits."""
BYTES_PER_SECOND = 1 << 36
"""No node carries more than 550 Gbit/s."""
LATE_NS = 10 * 10**9
"""Bytes may be counted so much later than they came."""
TYPE_BYTES = 64

_METHOD = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")
_DATA_TYPE = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TAG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_COUNTRY = re.compile(r"(?:[A-Z]{2})?")
_OUTWARD = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:.]*:[0-9a-f:.]*")
"""A host name or an address of IPv4, or one of IPv6."""
_DIGEST = re.compile(r"[A-Za-z0-9:_.-]{0,128}")


_ENUMS = {
    name: frozenset(enum.values()) - {0}
    for name, enum in (
        ("direction", collector_pb2.Direction),
        ("location", detector_pb2.Location),
        ("sensitivity", detector_pb2.Sensitivity),
        ("likelihood", detector_pb2.Likelihood),
    )
}
_DIRECTIONS, _LOCATIONS, _SENSITIVITIES, _LIKELIHOODS = _ENUMS.values()
_SHORT, _SHORT_NAME = PATH_BYTES // 4, TEXT_BYTES // 4
"""Characters that are within, whatever they are."""


class Usual:
    """Tells at a glance that a place keeps every limit: most rows are places.

    What it does not know is checked one by one, which also finds the words.
    """

    def __init__(self, types: frozenset[str], whys: int) -> None:
        """`types`: the package's data types that are well-formed; `whys`: how many
        explanations it has."""
        self._types, self._whys = types, whys

    def has(self, place: collector_pb2.Place) -> bool:
        count = place.count
        return (
            place.data_type in self._types
            and place.direction in _DIRECTIONS
            and place.location in _LOCATIONS
            and place.sensitivity in _SENSITIVITIES
            and place.likelihood in _LIKELIHOODS
            and len(place.path) <= _SHORT
            and place.errors <= count <= LARGEST
            and place.messages <= count
            and place.why <= self._whys
        )


def check(package: collector_pb2.Package) -> None:
    """Raises RefusedError unless the package keeps every limit."""
    _name("cluster", package.cluster)
    _window("window", package.window_start_ns, package.window_end_ns)
    _matches("catalog_digest", package.catalog_digest, _DIGEST)
    _text("agent_version", package.agent_version, TEXT_BYTES)
    _at_most("offsets", package.offsets, MOST_OFFSETS)
    _at_most("endpoints", package.endpoints, MOST_ENDPOINTS)
    _at_most("coverage", package.coverage, MOST_COVERAGE)
    if sum(len(endpoint.places) for endpoint in package.endpoints) > MOST_PLACES:
        raise RefusedError(f"endpoints: more than {MOST_PLACES} places")
    _at_most("whys", package.whys, MOST_WHYS)
    for number, why in enumerate(package.whys):
        check_why(f"whys[{number}]", why)
    _at_most("agents", package.agents, MOST_AGENTS)
    for number, agent in enumerate(package.agents):
        _check_agent(f"agents[{number}]", agent)
    _at_most("data_types", package.data_types, MOST_KNOWN)
    for number, known in enumerate(package.data_types):
        _check_type(f"data_types[{number}]", known)
    _at_most("parties", package.parties, MOST_PARTIES)
    for number, party in enumerate(package.parties):
        _check_party(f"parties[{number}]", party)
    _at_most("outward", package.outward, MOST_OUTWARD)
    for number, outward in enumerate(package.outward):
        _check_outward(f"outward[{number}]", outward)
    _at_most("workloads", package.workloads, MOST_WORKLOADS)
    for number, facts in enumerate(package.workloads):
        _check_facts(f"workloads[{number}]", facts)
    named = data_types(package)
    _at_most("data types", named, MOST_DATA_TYPES)
    _check_offsets(package.offsets)
    usual = Usual(frozenset(filter(_is_data_type, named)), len(package.whys))
    for number, endpoint in enumerate(package.endpoints):
        try:
            _check_endpoint(endpoint, usual, len(package.whys))
        except RefusedError as error:
            raise RefusedError(f"endpoints[{number}].{error}") from None
    for number, coverage in enumerate(package.coverage):
        _check_coverage(f"coverage[{number}]", coverage)


def data_types(package: collector_pb2.Package) -> set[str]:
    """All that the package names."""
    return {place.data_type for one in package.endpoints for place in one.places}


def check_resume(request: collector_pb2.ResumeRequest) -> None:
    """Raises RefusedError unless the request keeps every limit."""
    _name("cluster", request.cluster)
    _name("topic", request.topic)
    _at_most("partitions", request.partitions, MOST_OFFSETS)


def check_correct(request: collector_pb2.CorrectRequest) -> None:
    """Raises RefusedError unless the request keeps every limit."""
    _name("cluster", request.cluster)


def _check_offsets(offsets: Iterable[collector_pb2.Offsets]) -> None:
    seen = set()
    is_empty = True
    for number, covered in enumerate(offsets):
        where = f"offsets[{number}]"
        _name(f"{where}.topic", covered.topic)
        if covered.partition < 0 or not 0 <= covered.first <= covered.next:
            raise RefusedError(f"{where}: is not a range of a partition")
        if covered.next > LARGEST_OFFSET:
            raise RefusedError(f"{where}.next: is too large")
        if covered.next - covered.first > MOST_RECORDS:
            raise RefusedError(f"{where}: covers more than {MOST_RECORDS} records")
        if (covered.topic, covered.partition) in seen:
            raise RefusedError(f"{where}: names a partition twice")
        _check_follows(where, covered)
        seen.add((covered.topic, covered.partition))
        is_reset = covered.HasField("follows")
        is_empty = is_empty and covered.first == covered.next and not is_reset
    if is_empty:
        raise RefusedError("offsets: a package must name the records that it covers")


def _check_follows(where: str, covered: collector_pb2.Offsets) -> None:
    if not 0 <= covered.follows <= LARGEST_OFFSET:
        raise RefusedError(f"{where}.follows: is not an offset")
    if covered.follows > covered.first and covered.first != covered.next:
        raise RefusedError(f"{where}.follows: only an empty range starts over")


def _check_endpoint(endpoint: collector_pb2.Endpoint, usual: Usual, whys: int) -> None:
    _check_workload("server", endpoint.server)
    _check_workload("client", endpoint.client)
    if endpoint.server_port > 65_535:
        raise RefusedError("server_port: is not a port")
    _matches("method", endpoint.method, _METHOD)
    _text("path", endpoint.path, PATH_BYTES)
    _text("operation", endpoint.operation, OPERATION_BYTES)
    _interval("interval_start_ns", endpoint.interval_start_ns)
    _counter("inspected", endpoint.inspected)
    _at_most("traffic", endpoint.traffic, MOST_STATUSES)
    for traffic in endpoint.traffic:
        _check_traffic(traffic)
    _window("first_seen_ns", endpoint.first_seen_ns, endpoint.last_seen_ns)
    for number, place in enumerate(endpoint.places):
        if not usual.has(place):
            _check_place(f"places[{number}]", place, whys)


def _check_traffic(traffic: collector_pb2.Traffic) -> None:
    _counter("traffic.pairs", traffic.pairs)
    _counter("traffic.request_bytes", traffic.request_bytes)
    _counter("traffic.response_bytes", traffic.response_bytes)
    _counter("traffic.truncated", traffic.truncated)
    latency = traffic.latency
    _counter("traffic.latency.sum_us", latency.sum_us)
    buckets, counts = list(latency.buckets), latency.counts
    # Strictly rising.
    is_rising = len(set(buckets)) == len(buckets) and sorted(buckets) == buckets
    if (
        len(buckets) != len(counts)
        or not is_rising
        or max(buckets, default=0) >= BUCKETS
    ):
        raise RefusedError("traffic.latency: is not a sketch")
    if sum(counts) != traffic.pairs:
        raise RefusedError("traffic.latency: does not count the pairs")


def _check_place(where: str, place: collector_pb2.Place, whys: int) -> None:
    for name, values in _ENUMS.items():
        if getattr(place, name) not in values:
            raise RefusedError(f"{where}.{name}: is not one of its names")
    _text(f"{where}.path", place.path, PATH_BYTES)
    if not _is_data_type(place.data_type):
        _text(f"{where}.data_type", place.data_type, TYPE_BYTES)
        _matches(f"{where}.data_type", place.data_type, _DATA_TYPE)
    _counter(f"{where}.count", place.count)
    if place.errors > place.count:
        raise RefusedError(f"{where}.errors: more than its count")
    if place.messages > place.count:
        raise RefusedError(f"{where}.messages: more than its count")
    if place.why > whys:
        raise RefusedError(f"{where}.why: is not there")


def _check_type(where: str, known: detector_pb2.DataType) -> None:
    _text(f"{where}.name", known.name, TYPE_BYTES)
    _matches(f"{where}.name", known.name, _DATA_TYPE)
    _text(f"{where}.title", known.title, TITLE_BYTES)
    _sensitivity(f"{where}.sensitivity", known.sensitivity)
    _at_most(f"{where}.tags", known.tags, MOST_TAGS)
    for tag in known.tags:
        _matches(f"{where}.tags", tag, _TAG)


def _check_agent(where: str, agent: collector_pb2.Agent) -> None:
    _name(f"{where}.node", agent.node)
    for name in ("version", "kernel"):
        _text(f"{where}.{name}", getattr(agent, name), TEXT_BYTES)
    _matches(f"{where}.state", agent.state, _REASON)
    _window(f"{where}.started_ns", agent.started_ns, LATEST_NS)
    _window(f"{where}.reported_ns", agent.reported_ns, LATEST_NS)


def _check_party(where: str, party: collector_pb2.Party) -> None:
    _check_workload(f"{where}.workload", party.workload)
    _matches(f"{where}.country", party.country, _COUNTRY)
    _text(f"{where}.network", party.network, NETWORK_BYTES)
    _window(f"{where}.first_seen_ns", party.first_seen_ns, party.last_seen_ns)


def _check_outward(where: str, outward: collector_pb2.Outward) -> None:
    _check_workload(f"{where}.workload", outward.workload)
    _name(f"{where}.name", outward.name)
    if not _OUTWARD.fullmatch(outward.name):
        raise RefusedError(f"{where}.name: is no address and no host name")
    if outward.port > 65_535:
        raise RefusedError(f"{where}.port: is not a port")


def _check_facts(where: str, facts: collector_pb2.WorkloadFacts) -> None:
    _check_workload(f"{where}.workload", facts.workload)
    for name in ("owner", "part_of"):
        _text(f"{where}.{name}", getattr(facts, name), TEXT_BYTES)
    _at_most(f"{where}.labels", facts.labels, MOST_LABELS)
    for text in (*facts.labels, *facts.labels.values()):
        _text(f"{where}.labels", text, TEXT_BYTES)
    _at_most(f"{where}.revisions", facts.revisions, MOST_REVISIONS)
    for revision in facts.revisions:
        _text(f"{where}.revisions", revision.name, IMAGE_BYTES)
        _text(f"{where}.revisions", revision.image, IMAGE_BYTES)
        _window(f"{where}.revisions", revision.since_ns, LATEST_NS)


def check_why(where: str, why: detector_pb2.Why) -> None:
    """Raises RefusedError unless the explanation keeps every limit."""
    for name in ("rule", "validator", "verdict", "combination"):
        _text(f"{where}.{name}", getattr(why, name), TYPE_BYTES)
    _text(f"{where}.phrase", why.phrase, PHRASE_BYTES)
    _at_most(f"{where}.context", why.context, MOST_CONTEXTS)
    for context in why.context:
        _text(f"{where}.context", context, TYPE_BYTES)
    if len(why.points) != 5 or any(abs(one) > MOST_POINTS for one in why.points):
        raise RefusedError(f"{where}.points: are not five small numbers")
    _sensitivity(f"{where}.usual", why.usual)


def _check_coverage(where: str, coverage: collector_pb2.Coverage) -> None:
    _text(f"{where}.node", coverage.node, TEXT_BYTES)
    _check_workload(f"{where}.workload", coverage.workload)
    _interval(f"{where}.interval_start_ns", coverage.interval_start_ns)
    _window(f"{where}.window", coverage.window_start_ns, coverage.window_end_ns)
    for name in ("bytes", "counts"):
        amounts: Mapping[str, int] = getattr(coverage, name)
        _at_most(f"{where}.{name}", amounts, MOST_REASONS)
        for reason, amount in amounts.items():
            _matches(f"{where}.{name}", reason, _REASON)
            _counter(f"{where}.{name}", amount)
    lasted_ns = coverage.window_end_ns - coverage.window_start_ns + LATE_NS
    if sum(coverage.bytes.values()) > lasted_ns * BYTES_PER_SECOND // 10**9:
        raise RefusedError(f"{where}.bytes: more than a node carries in its window")


def _sensitivity(where: str, value: int) -> None:
    if value == 0 or value not in detector_pb2.Sensitivity.values():
        raise RefusedError(f"{where}: is not one of its names")


def _check_workload(where: str, workload: collector_pb2.Workload) -> None:
    names = (workload.namespace, workload.kind, workload.name)
    if max(map(len, names)) > _SHORT_NAME:
        for field, text in zip(("namespace", "kind", "name"), names, strict=True):
            _text(f"{where}.{field}", text, TEXT_BYTES)


def _name(where: str, text: str) -> None:
    if not text:
        raise RefusedError(f"{where}: is empty")
    _text(where, text, TEXT_BYTES)


def _text(where: str, text: str, most_bytes: int) -> None:
    if len(text.encode()) > most_bytes:
        raise RefusedError(f"{where}: longer than {most_bytes} bytes")


def _is_data_type(text: str) -> bool:
    return len(text) <= TYPE_BYTES and bool(_DATA_TYPE.fullmatch(text))


def _matches(where: str, text: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(text):
        raise RefusedError(f"{where}: does not have the form {pattern.pattern}")


def _at_most(where: str, things: Sized, most: int) -> None:
    if len(things) > most:
        raise RefusedError(f"{where}: more than {most}")


def _counter(where: str, value: int) -> None:
    if value > LARGEST:
        raise RefusedError(f"{where}: more than {LARGEST}")


def _interval(where: str, start_ns: int) -> None:
    if not 0 <= start_ns <= LATEST_NS or start_ns % INTERVAL_NS:
        raise RefusedError(f"{where}: does not begin an interval")


def _window(where: str, start_ns: int, end_ns: int) -> None:
    if not 0 <= start_ns <= end_ns <= LATEST_NS:
        raise RefusedError(f"{where}: ends before it starts, or is out of range")
