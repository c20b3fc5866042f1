"""What the collector accepts: every package is checked before it is stored.

In: a decoded package. Out: nothing, or RefusedError with the name of the field and the
rule that it breaks. The offending text is never repeated: whatever it is, it does not
belong into a log.
"""

import re
from collections.abc import Iterable, Mapping, Sized
from itertools import pairwise

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
_DIGEST = re.compile(r"[A-Za-z0-9:_.-]{0,128}")


def check(package: collector_pb2.Package) -> None:
    """Raises RefusedError unless the package keeps every limit."""
    _name("cluster", package.cluster)
    _window("window", package.window_start_ns, package.window_end_ns)
    _matches("catalog_digest", package.catalog_digest, _DIGEST)
    _at_most("offsets", package.offsets, MOST_OFFSETS)
    _at_most("endpoints", package.endpoints, MOST_ENDPOINTS)
    _at_most("coverage", package.coverage, MOST_COVERAGE)
    if sum(len(endpoint.places) for endpoint in package.endpoints) > MOST_PLACES:
        raise RefusedError(f"endpoints: more than {MOST_PLACES} places")
    _at_most("data types", data_types(package), MOST_DATA_TYPES)
    _check_offsets(package.offsets)
    for number, endpoint in enumerate(package.endpoints):
        _check_endpoint(f"endpoints[{number}]", endpoint)
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


def _check_endpoint(where: str, endpoint: collector_pb2.Endpoint) -> None:
    _check_workload(f"{where}.server", endpoint.server)
    _check_workload(f"{where}.client", endpoint.client)
    if endpoint.server_port > 65_535:
        raise RefusedError(f"{where}.server_port: is not a port")
    _matches(f"{where}.method", endpoint.method, _METHOD)
    _text(f"{where}.path", endpoint.path, PATH_BYTES)
    _text(f"{where}.operation", endpoint.operation, OPERATION_BYTES)
    _interval(f"{where}.interval_start_ns", endpoint.interval_start_ns)
    _counter(f"{where}.inspected", endpoint.inspected)
    _at_most(f"{where}.traffic", endpoint.traffic, MOST_STATUSES)
    for traffic in endpoint.traffic:
        _check_traffic(f"{where}.traffic", traffic)
    _window(f"{where}.first_seen_ns", endpoint.first_seen_ns, endpoint.last_seen_ns)
    for number, place in enumerate(endpoint.places):
        _check_place(f"{where}.places[{number}]", place)


def _check_traffic(where: str, traffic: collector_pb2.Traffic) -> None:
    for name in ("pairs", "request_bytes", "response_bytes", "truncated"):
        _counter(f"{where}.{name}", getattr(traffic, name))
    latency = traffic.latency
    _counter(f"{where}.latency.sum_us", latency.sum_us)
    buckets = list(latency.buckets)
    if len(buckets) != len(latency.counts) or any(
        one >= other for one, other in pairwise([-1, *buckets, BUCKETS])
    ):
        raise RefusedError(f"{where}.latency: is not a sketch")
    if sum(latency.counts) != traffic.pairs:
        raise RefusedError(f"{where}.latency: does not count the pairs")


_ENUMS = {
    "direction": collector_pb2.Direction,
    "location": detector_pb2.Location,
    "sensitivity": detector_pb2.Sensitivity,
    "likelihood": detector_pb2.Likelihood,
}


def _check_place(where: str, place: collector_pb2.Place) -> None:
    for name, enum in _ENUMS.items():
        value = getattr(place, name)
        if value == 0 or value not in enum.values():
            raise RefusedError(f"{where}.{name}: is not one of its names")
    _text(f"{where}.path", place.path, PATH_BYTES)
    _text(f"{where}.data_type", place.data_type, TYPE_BYTES)
    _matches(f"{where}.data_type", place.data_type, _DATA_TYPE)
    _counter(f"{where}.count", place.count)


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


def _check_workload(where: str, workload: collector_pb2.Workload) -> None:
    for name in ("namespace", "kind", "name"):
        _text(f"{where}.{name}", getattr(workload, name), TEXT_BYTES)


def _name(where: str, text: str) -> None:
    if not text:
        raise RefusedError(f"{where}: is empty")
    _text(where, text, TEXT_BYTES)


def _text(where: str, text: str, most_bytes: int) -> None:
    if len(text.encode()) > most_bytes:
        raise RefusedError(f"{where}: longer than {most_bytes} bytes")


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
