"""Packages of many clusters, as their diggers would send them.

A cluster has services with endpoints, each with fields at its places, a gateway or a
neighbour as client, and two nodes that report coverage. A round is one interval: each
cluster sends all its endpoints in packages of fifty.
"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d

TOPIC = "vethscope.records"
ENDPOINTS = 50
"""Of a package."""
TYPES = [
    f"{group}.{name}"
    for group in ("contact", "financial", "id", "person", "secret", "network")
    for name in ("email", "phone", "number", "name", "token", "address", "code")
]


class Size(NamedTuple):
    """Of the whole deployment."""

    clusters: int
    services: int
    endpoints: int
    fields: int

    @property
    def rows(self) -> int:
        """Of one round: endpoints and places."""
        return self.endpoints + self.fields


class Fleet:
    """All clusters; one random seed, the same packages each time."""

    def __init__(self, size: Size, seed: int = 1) -> None:
        self._size = size
        self._chance = random.Random(seed)
        self._next = [0] * size.clusters
        self._made = [self._cluster(number) for number in range(size.clusters)]

    def round(self, start_seconds: int) -> Iterator[bytes]:
        """The packages of one interval, serialized, of all clusters in turn."""
        for position in range(max(map(len, self._made))):
            for number, packages in enumerate(self._made):
                if position < len(packages):
                    yield self._stamped(number, packages[position], start_seconds)

    def resume(self, stored: Callable[[str], int]) -> None:
        """Goes on where the store is, by cluster."""
        self._next = [stored(packages[0].cluster) for packages in self._made]

    def grow(self, places: int) -> None:
        """About so many places appear at the endpoints, of types not seen there."""
        each = max(places // self._size.endpoints, 1)
        number = 0
        for packages in self._made:
            for package in packages:
                for endpoint in package.endpoints:
                    for _ in range(each if number < places else 0):
                        endpoint.places.append(self._place(1_000 + number))
                        number += 1

    def _stamped(self, number: int, package: c.Package, start: int) -> bytes:
        start_ns = start * 10**9
        first = self._next[number]
        self._next[number] += 1
        covered = package.offsets[0]
        covered.first, covered.next = first, first + 1
        package.window_start_ns, package.window_end_ns = start_ns, start_ns + 10**10
        for endpoint in package.endpoints:
            endpoint.interval_start_ns = start_ns
            endpoint.first_seen_ns, endpoint.last_seen_ns = start_ns, start_ns + 10**9
        for coverage in package.coverage:
            coverage.interval_start_ns = coverage.window_start_ns = start_ns
            coverage.window_end_ns = start_ns + 10**9
        return package.SerializeToString()

    def _cluster(self, number: int) -> list[c.Package]:
        size = self._size
        endpoints = size.endpoints // size.clusters
        services = max(size.services // size.clusters, 1)
        made = [self._endpoint(n, n % services) for n in range(endpoints)]
        packages = []
        for first in range(0, endpoints, ENDPOINTS):
            package = c.Package(
                cluster=f"cluster-{number}",
                offsets=[c.Offsets(topic=TOPIC, partition=0)],
                endpoints=made[first : first + ENDPOINTS],
                catalog_digest="sha256:0f3a",
            )
            if first == 0:
                package.coverage.extend(_coverage(services))
            packages.append(package)
        return packages

    def _endpoint(self, number: int, service: int) -> c.Endpoint:
        chance = self._chance
        pairs = chance.randint(1, 500)
        buckets = sorted(chance.sample(range(40, 120), min(pairs, 5)))
        counts = [1] * (len(buckets) - 1) + [pairs - len(buckets) + 1]
        return c.Endpoint(
            server=_workload(service),
            client=_workload(chance.randrange(service + 1)),
            server_port=8080,
            method=chance.choice(("GET", "POST", "PUT")),
            path=f"/v1/resource-{number}/{{id}}/items/{{id}}",
            protocol=c.HTTP_1,
            inspected=1,
            traffic=[
                c.Traffic(
                    status_class=2,
                    pairs=pairs,
                    request_bytes=pairs * 300,
                    response_bytes=pairs * 2_000,
                    latency=c.Latency(sum_us=pairs, buckets=buckets, counts=counts),
                )
            ],
            places=[
                self._place(n) for n in range(self._size.fields // self._size.endpoints)
            ],
        )

    def _place(self, number: int) -> c.Place:
        return c.Place(
            direction=c.RESPONSE,
            location=d.BODY,
            path=f"$.items[*].field_{number}",
            data_type=self._chance.choice(TYPES),
            sensitivity=self._chance.choice((d.LOW, d.MEDIUM, d.HIGH)),
            likelihood=self._chance.choice((d.POSSIBLE, d.LIKELY, d.VERY_LIKELY)),
            count=3,
        )


def _workload(service: int) -> c.Workload:
    return c.Workload(
        namespace=f"team-{service % 7}", kind="Deployment", name=f"service-{service}"
    )


def _coverage(services: int) -> Iterator[c.Coverage]:
    for service in range(services):
        yield c.Coverage(
            node=f"node-{service % 2}",
            workload=_workload(service),
            bytes={"paired": 100_000, "tls": 20_000, "gap": 10, "not_json": 5_000},
            counts={"connections": 50, "pairs": 100},
        )
