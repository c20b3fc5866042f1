"""What the collector accepts, and the words it refuses with."""

import random
from collections.abc import Callable

import pytest

from cloud.doors.clusters import limits
from cloud.doors.clusters.limits import check, check_resume
from cloud.errors import RefusedError
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud import packages
from tests.cloud.packages import coverage, endpoint, offsets, package, place

CANARY = "4111-canary"


def with_endpoint(**changed: object) -> c.Package:
    changed_endpoint = endpoint()
    for name, value in changed.items():
        setattr(changed_endpoint, name, value)
    return package(endpoints=[changed_endpoint])


def with_latency(buckets: list[int], counts: list[int]) -> c.Package:
    latency = c.Latency(buckets=buckets, counts=counts)
    traffic = c.Traffic(status_class=2, pairs=1, latency=latency)
    changed_endpoint = endpoint()
    del changed_endpoint.traffic[:]
    changed_endpoint.traffic.append(traffic)
    return package(endpoints=[changed_endpoint])


def with_place(**changed: object) -> c.Package:
    changed_place = place()
    for name, value in changed.items():
        setattr(changed_place, name, value)
    return package(endpoints=[endpoint(places=[changed_place])])


def with_server(**names: str) -> c.Package:
    return package(endpoints=[endpoint(server=c.Workload(**names))])


WRONG: list[tuple[Callable[[], c.Package], str]] = [
    (lambda: package(cluster=""), "cluster: is empty"),
    (lambda: package(cluster=CANARY * 30), "cluster: longer than 253 bytes"),
    (lambda: package(at=-1), "window: ends before it starts"),
    (lambda: package(at=1 << 62), "window: ends before it starts"),
    (lambda: c.Package(cluster="x"), "offsets: a package must name the records"),
    (lambda: package(offsets(5, 5)), "offsets: a package must name the records"),
    (lambda: package(offsets(5, 4)), r"offsets\[0\]: is not a range"),
    (lambda: package(offsets(-1, 4)), r"offsets\[0\]: is not a range"),
    (lambda: package(offsets(0, 4, partition=-1)), r"offsets\[0\]: is not a range"),
    (lambda: package(offsets(0, (1 << 63) - 1)), r"offsets\[0\].next: is too large"),
    (lambda: package(offsets(0, 1, topic="")), r"offsets\[0\].topic: is empty"),
    (lambda: package(offsets(0, 1, follows=-1)), r"offsets\[0\].follows: is not"),
    (lambda: package(offsets(0, 1, follows=9)), r"offsets\[0\].follows: only"),
    (lambda: package(offsets(0, 1), offsets(1, 2)), r"offsets\[1\]: names a partition"),
    (lambda: with_endpoint(server_port=65_536), r"endpoints\[0\].server_port"),
    (lambda: with_endpoint(method=CANARY), r"endpoints\[0\].method: does not have"),
    (lambda: with_endpoint(method=""), r"endpoints\[0\].method: does not have"),
    (lambda: with_endpoint(path=CANARY * 200), r"endpoints\[0\].path: longer"),
    (lambda: with_endpoint(path="€" * 700), r"endpoints\[0\].path: longer"),
    (lambda: with_endpoint(inspected=1 << 63), r"endpoints\[0\].inspected: more than"),
    (lambda: with_endpoint(operation=CANARY * 60), r"endpoints\[0\].operation: long"),
    (lambda: with_endpoint(interval_start_ns=1), r"interval_start_ns: does not begin"),
    (lambda: with_latency([5, 5], [1, 1]), r"traffic.latency: is not a sketch"),
    (lambda: with_latency([240], [1]), r"traffic.latency: is not a sketch"),
    (lambda: with_latency([5], []), r"traffic.latency: is not a sketch"),
    (lambda: with_latency([5], [2]), r"traffic.latency: does not count the pairs"),
    (lambda: with_endpoint(last_seen_ns=1), r"endpoints\[0\].first_seen_ns: ends"),
    (lambda: with_server(kind=CANARY * 30), r"endpoints\[0\].server.kind: longer"),
    (lambda: with_place(direction=0), r"places\[0\].direction: is not one of"),
    (lambda: with_place(location=9), r"places\[0\].location: is not one of"),
    (lambda: with_place(sensitivity=4), r"places\[0\].sensitivity: is not one of"),
    (lambda: with_place(likelihood=99), r"places\[0\].likelihood: is not one of"),
    (lambda: with_place(data_type=CANARY), r"places\[0\].data_type: does not have"),
    (lambda: with_place(data_type="a." + "b" * 300), r"data_type: longer than 64"),
    (lambda: with_place(path=CANARY * 200), r"places\[0\].path: longer"),
    (lambda: with_place(count=1 << 45), r"places\[0\].count: more than"),
    (
        lambda: package(endpoints=[endpoint(statuses={2: 1 << 45})]),
        r"endpoints\[0\].traffic.pairs: more than",
    ),
    (
        lambda: package(endpoints=[endpoint(statuses=dict.fromkeys(range(11), 1))]),
        r"endpoints\[0\].traffic: more than 10",
    ),
    (
        lambda: package(coverage=[coverage({CANARY: 1})]),
        r"coverage\[0\].bytes: does not have",
    ),
    (
        lambda: package(coverage=[coverage({}, {"gaps": 1 << 60})]),
        r"coverage\[0\].counts: more than",
    ),
    (
        lambda: package(coverage=[coverage({f"r{n}": 1 for n in range(101)})]),
        r"coverage\[0\].bytes: more than 100",
    ),
    (
        lambda: package(coverage=[coverage({}, node=CANARY * 30)]),
        r"coverage\[0\].node: longer",
    ),
    (
        lambda: package(coverage=[coverage({}, at=-1)]),
        r"coverage\[0\].interval_start_ns: does not begin",
    ),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_breaks_a_limit_is_refused_without_repeating_it(number: int) -> None:
    make, words = WRONG[number]
    with pytest.raises(RefusedError, match=words) as raised:
        check(make())
    assert CANARY not in str(raised.value)


def test_catalog_digest_is_no_free_text() -> None:
    wrong = package()
    wrong.catalog_digest = f"<{CANARY}>"
    with pytest.raises(RefusedError, match="catalog_digest: does not have the form"):
        check(wrong)


@pytest.mark.parametrize("name", ["offsets", "endpoints", "coverage"])
def test_too_many_of_anything_are_refused(name: str) -> None:
    wrong = package(offsets(0, 1))
    element = {"offsets": offsets(0, 1), "endpoints": endpoint()}
    many = [element.get(name, coverage({}))] * (limits.MOST_ENDPOINTS + 1)
    getattr(wrong, name).extend(many)
    with pytest.raises(RefusedError, match=f"{name}: more than 10000"):
        check(wrong)


def test_places_are_limited_in_all_endpoints_together() -> None:
    full = endpoint(places=[place()] * 2_001)
    with pytest.raises(RefusedError, match="more than 20000 places"):
        check(package(endpoints=[full] * 10))


def test_real_packages_pass() -> None:
    check(packages.shop())
    check(package(offsets(0, 1), offsets(7, 7, partition=1)))
    check(with_endpoint(method="M-SEARCH", path="*", server_port=0))
    check(with_server())


def test_resume_is_checked_too() -> None:
    check_resume(c.ResumeRequest(cluster="x", topic="y", partitions=[0, 1]))
    with pytest.raises(RefusedError, match="cluster: is empty"):
        check_resume(c.ResumeRequest(topic="y"))
    with pytest.raises(RefusedError, match="topic: is empty"):
        check_resume(c.ResumeRequest(cluster="x"))
    with pytest.raises(RefusedError, match="partitions: more than"):
        check_resume(c.ResumeRequest(cluster="x", topic="y", partitions=range(10_001)))


def test_what_passes_at_a_glance_passes_each_check() -> None:
    """And most of what is lawful passes at a glance."""
    chance = random.Random(7)
    usual = limits.Usual(frozenset(["a.b"]), whys=2)
    glanced = 0
    for _ in range(20_000):
        one = c.Place(
            direction=c.Direction.ValueType(chance.choice((0, 1, 2, 2, 1, 9))),
            location=d.Location.ValueType(chance.choice((0, 1, 2, 3, 4, 5))),
            sensitivity=d.Sensitivity.ValueType(chance.choice((0, 1, 2, 3, 4))),
            likelihood=d.Likelihood.ValueType(chance.choice((0, 1, 3, 5, 6))),
            path="\N{GRINNING FACE}" * chance.choice((0, 1, 511, 512, 513, 2_048)),
            data_type=chance.choice(("a.b", "a.b", "a.c", "A", "")),
            count=chance.choice((0, 1, limits.LARGEST, limits.LARGEST + 1)),
            errors=chance.choice((0, 0, 1, 2)),
            why=chance.choice((0, 1, 2, 3)),
            messages=chance.choice((0, 0, 1, 2)),
        )
        if usual.has(one):
            glanced += 1
            limits._check_place("place", one, whys=2)
    assert glanced > 100
