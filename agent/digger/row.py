# cython: annotation_typing=False
"""A row of a package: what one edge asked in one interval, and what was found in it.

In: exchanges as numbers, findings as places. Out: sums that merge exactly: traffic by
status class with its latencies, and data types by place.
"""

import cython

_CLASSES = 6
"""Status classes: 1 to 5, and 0 for all else."""
_MOST_US = (1 << 32) - 1
"""Longer answers count as 71 minutes."""


def bucket_of(duration_us: int) -> int:
    """The bucket of a duration, as collector.proto's Latency defines it: 0 to 239."""
    duration = min(max(duration_us, 0), _MOST_US)
    shift = 0
    while duration >= 16:
        duration >>= 1
        shift += 1
    return 8 * shift + duration


@cython.cclass
class Traffic:
    """The exchanges of one status class."""

    def __init__(self) -> None:
        self.pairs = self.truncated = 0
        self.request_bytes = self.response_bytes = 0
        self.sum_us = 0
        self.buckets: dict[int, int] = {}

    def took(self, duration_us: int, times: int) -> None:
        """So many exchanges took so long."""
        self.sum_us += duration_us * times
        bucket = bucket_of(duration_us)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + times

    def add(self, other: "Traffic") -> None:
        self.pairs += other.pairs
        self.truncated += other.truncated
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes
        self.sum_us += other.sum_us
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count


@cython.cclass
class Row:
    """Traffic and places of one edge in one interval."""

    def __init__(self, at_ns: int) -> None:
        self.inspected = 0
        self.names = 0
        """As collector.proto's Names: of the protobuf messages inspected last."""
        self.first_ns = self.last_ns = at_ns
        self.traffic: dict[int, Traffic] = {}
        """By status class."""
        self.places: dict[tuple[int, int, str, str], list[int]] = {}
        """Direction, location, path and data type → sensitivity, likelihood, count,
        how many of these stand in error answers, and messages that hold it."""

    def count(
        self,
        status: int,
        at_ns: int,
        duration_us: int,
        request_bytes: int,
        response_bytes: int,
        truncated: int = 0,
        times: int = 1,
    ) -> None:
        """One exchange, or several that took about the same time; sizes, and how many
        had a body that is not whole, are those of all together. No exchange: later
        parts of some."""
        status_class = status // 100
        if status_class >= _CLASSES:
            status_class = 0
        traffic = self.traffic.get(status_class)
        if traffic is None:
            traffic = self.traffic[status_class] = Traffic()
        traffic.pairs += times
        traffic.request_bytes += request_bytes
        traffic.response_bytes += response_bytes
        traffic.truncated += truncated
        if times:
            traffic.took(min(max(duration_us, 0), _MOST_US), times)
        if at_ns < self.first_ns:
            self.first_ns = at_ns
        elif at_ns > self.last_ns:
            self.last_ns = at_ns

    def reach(self, last_ns: int) -> None:
        """The last of what was counted began then."""
        if last_ns > self.last_ns:
            self.last_ns = last_ns

    def place(self, key: tuple[int, int, str, str], found: list[int]) -> bool:
        """Adds what was found at a place; true if the place is new."""
        known = self.places.get(key)
        if known is None:
            self.places[key] = found[:]
            return True
        known[0] = max(known[0], found[0])
        known[1] = max(known[1], found[1])
        known[2] += found[2]
        known[3] += found[3]
        known[4] += found[4]
        return False

    def merge(self, other: "Row") -> None:
        self.inspected += other.inspected
        self.names = other.names or self.names
        self.first_ns = min(self.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)
        for status_class, traffic in other.traffic.items():
            self.traffic.setdefault(status_class, Traffic()).add(traffic)
        for key, found in other.places.items():
            self.place(key, found)
