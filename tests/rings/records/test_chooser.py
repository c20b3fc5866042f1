"""The chooser: first sights, the interval, the rate, and what floods cannot do."""

from typing import Any

import pytest

from rings.pairs.message import Message
from rings.records.chooser import Chooser
from tests.rings.wire import START_NS, pairs_of, request, response

SERVER = b"\x0a\0\0\1\0\x50"
SECOND = 10**9
SIGHTS = 1000
"""First sights that are saved up."""


class Traffic:
    """Exchanges with one chooser."""

    def __init__(self, per_second: float = 0.0, interval_seconds: float = 30.0) -> None:
        self.chooser = Chooser(per_second, interval_seconds, 0xABCDEF)
        (pair,) = pairs_of(request(), response())
        assert pair.response is not None
        self._response = pair.response

    def wants(
        self,
        target: str = "/a",
        seconds: float = 0.0,
        method: str = "GET",
        status: int = 200,
        shape: int = 1,
        operation: bytes = b"",
        server: bytes = SERVER,
    ) -> bool:
        self._response.first_ns = START_NS + int(seconds * SECOND)
        self._response.status = status
        asked = asking(target, method)
        return self.chooser.wants(asked, self._response, server, shape, operation)


def asking(target: str, method: str) -> Message:
    made = Message()
    made.is_request = True
    made.head = f"{method} {target} HTTP/1.1\r\n\r\n".encode()
    made.method_end = len(method)
    made.target_start = len(method) + 1
    made.target_end = made.target_start + len(target.encode())
    return made


def test_each_kind_is_wanted_at_first_sight_and_only_then() -> None:
    traffic = Traffic()
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"target": "/b"},
        {"target": "/a/b"},
        {"method": "POST"},
        {"status": 404},
        {"shape": 2},
        {"operation": b"login"},
        {"operation": b"logout"},
        {"server": SERVER[:-1] + b"\x51"},
    )
    for kind in kinds:
        assert traffic.wants(**kind)
        assert not traffic.wants(**kind)
    assert not traffic.wants(status=201)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/users/1", "/users/299"),
        ("/users/1?a=b", "/users/2#c"),
        ("/users/1/orders", "/users/2/orders"),
        ("/f/7b0e3c1a-8a55-4a5b-9a53-000000000001", "/f/7b0e3c1a-8a55-4a5b-9a53-99"),
        ("/f/" + "a" * 60, "/f/" + "b" * 60),
        ("/u/jane@example.com", "/u/bob@example.com"),
        ("/f/12345.json", "/f/99.json"),
        ("/a/" + "b/" * 15 + "x", "/a/" + "b/" * 15 + "y"),
        ("/a//b", "/a/b"),
        ("/n/%41%42", "/n/%43%44"),
        ("/n/1234.56", "/n/7890.12"),
        ("/n/1234." + "x" * 30, "/n/7890." + "y" * 30),
    ],
)
def test_data_in_the_path_makes_no_kind(one: str, other: str) -> None:
    traffic = Traffic()
    assert traffic.wants(one)
    assert not traffic.wants(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/v1/users", "/v2/users"),
        ("/users/1", "/orders/1"),
        ("/users/1", "/users/jane@example.com"),
        ("/f/12345.json", "/f/12345.xml"),
        ("/jobs/12345:cancel", "/jobs/12345:start"),
        ("/a", "/a/1"),
        ("/", "/a"),
        ("*", "/"),
        ("/oauth2", "/oauth1"),
    ],
)
def test_what_templates_tell_apart_are_kinds(one: str, other: str) -> None:
    traffic = Traffic()
    assert traffic.wants(one)
    assert traffic.wants(other)


def test_each_kind_is_wanted_again_after_the_interval() -> None:
    traffic = Traffic(interval_seconds=30)
    wanted = [at for at in range(100) if traffic.wants(seconds=at)]
    assert wanted == [0, 30, 60, 90]


def test_active_kinds_share_the_rate_evenly() -> None:
    traffic = Traffic(per_second=10, interval_seconds=1e6)
    counts = {"/rare": 0, "/often": 0, "/always": 0}
    for step in range(6000):
        at = step / 100
        counts["/always"] += traffic.wants("/always", at)
        counts["/often"] += step % 4 == 0 and traffic.wants("/often", at)
        counts["/rare"] += step % 100 == 0 and traffic.wants("/rare", at)
    assert counts["/rare"] == 60
    assert abs(counts["/often"] - counts["/always"]) < 40
    assert 400 < sum(counts.values()) <= 640


def test_time_that_runs_back_earns_nothing() -> None:
    traffic = Traffic(per_second=1, interval_seconds=1e6)
    assert traffic.wants(seconds=100)
    assert not traffic.wants(seconds=50)
    assert traffic.wants(seconds=102)
    assert not traffic.wants(seconds=101)


def words(count: int) -> list[str]:
    """Paths that read like words."""
    letters = "abcdefghij"
    return ["/" + "".join(letters[int(d)] for d in str(n)) for n in range(count)]


def test_first_sights_over_the_budget_come_later() -> None:
    traffic = Traffic()
    paths = words(SIGHTS + 200)
    assert [traffic.wants(path) for path in paths] == [True] * SIGHTS + [False] * 200
    assert traffic.chooser.delayed == 200
    assert all(traffic.wants(path, seconds=1) for path in paths[SIGHTS:])


def test_the_interval_is_within_the_budget_too() -> None:
    traffic = Traffic(interval_seconds=10)
    paths = words(SIGHTS)
    assert all(traffic.wants(path) for path in paths)
    others = words(2 * SIGHTS)[SIGHTS:]
    assert all(traffic.wants(path, seconds=5) for path in others)
    assert sum(traffic.wants(path, seconds=15) for path in paths + others) == SIGHTS
    assert traffic.chooser.delayed == SIGHTS
    assert sum(traffic.wants(path, seconds=17) for path in paths + others) == SIGHTS


def test_a_server_without_end_of_kinds_takes_nothing_from_others() -> None:
    traffic = Traffic(per_second=1, interval_seconds=1e9)
    paths = words(10_000)
    wanted = sum(
        traffic.wants(path, seconds=number / 100) for number, path in enumerate(paths)
    )
    assert 2048 < wanted < 2200
    assert traffic.wants("/a", seconds=101, server=SERVER[:-1] + b"\x51")
    assert traffic.chooser.delayed == 0


def test_the_table_is_bounded_and_keeps_what_is_in_use() -> None:
    traffic = Traffic(interval_seconds=1e9)
    assert traffic.wants("/kept")
    path = words(2000)
    for number in range(80_000):
        server = SERVER[:-2] + (number // 2000).to_bytes(2, "big")
        assert traffic.wants(path[number % 2000], seconds=number / 400, server=server)
        if number % 1000 == 0:
            assert not traffic.wants("/kept", seconds=number / 400)
    gone = SERVER[:-2] + bytes(2)
    assert traffic.wants(path[0], seconds=202, server=gone)
