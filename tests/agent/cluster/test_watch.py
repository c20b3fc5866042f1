"""Lists and watches, against a real HTTP server that speaks their wire format."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kubernetes import client

from agent.cluster import watch
from agent.cluster.addresses import AddressIndex
from agent.cluster.api import Api
from tests.agent.cluster.apiserver import END, ApiServer
from tests.waiting import eventually

NOW = 2**62


def ip(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", (0.01, 0.1))
    with ApiServer() as started:
        yield started


@contextmanager
def followed(server: ApiServer) -> Iterator[AddressIndex]:
    configuration = client.Configuration()
    configuration.host = server.url
    configuration.api_key["BearerToken"] = "token"
    configuration.api_key_prefix["BearerToken"] = "Bearer"
    index, stop = AddressIndex(), threading.Event()
    follow = threading.Thread(
        target=watch.follow, args=(Api(configuration), index, stop)
    )
    follow.start()
    try:
        yield index
    finally:
        stop.set()
        follow.join(3)
        assert not follow.is_alive()


def test_the_list_and_then_changes_reach_the_index(server: ApiServer) -> None:
    server.objects["pods"] = [server.pod("orders-1", "10.0.0.1")]
    server.objects["services"] = [
        {
            "metadata": {"name": "orders", "namespace": "shop", "uid": "s"},
            "spec": {"clusterIP": "10.96.0.1"},
        }
    ]
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        assert not index.is_static
        assert index.find(ip("10.0.0.1"), NOW) == ("shop", "DaemonSet", "orders")
        assert index.find(ip("10.96.0.1"), NOW) == ("shop", "Service", "orders")
        server.tell("pods", "ADDED", server.pod("users-1", "10.0.0.2"))
        server.tell("pods", "MODIFIED", server.pod("orders-1", "10.0.0.3"))
        assert eventually(lambda: index.find(ip("10.0.0.3"), NOW) is not None)
        assert index.find(ip("10.0.0.2"), NOW) == ("shop", "DaemonSet", "users")
        server.tell("pods", "DELETED", server.pod("users-1", "10.0.0.2"))
        assert eventually(lambda: index.find(ip("10.0.0.2"), NOW) is None)
        assert index.find(ip("10.0.0.1"), NOW) is None
    assert server.authorizations == {"Bearer token"}


def test_long_lists_come_in_pages(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PAGE", 10)
    server.objects["pods"] = [
        server.pod(f"orders-{n}", f"10.0.0.{n}") for n in range(35)
    ]
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        assert len(index.snapshot()[1]) == 35
    pages = [q for r, q in server.requests if r == "pods" and "watch" not in q]
    assert len(pages) == 4


def test_a_watch_goes_on_from_the_last_version(server: ApiServer) -> None:
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        server.tell("pods", "BOOKMARK", {"metadata": {"resourceVersion": "99"}})
        server.events["pods"].put(END)
        assert eventually(lambda: "99" in versions(server))
    lists = [q for r, q in server.requests if r == "pods" and "watch" not in q]
    assert len(lists) == 1


def versions(server: ApiServer) -> list[str]:
    return [q.get("resourceVersion", "") for r, q in server.requests if r == "pods"]


def test_a_version_that_is_gone_means_a_new_list(server: ApiServer) -> None:
    server.objects["pods"] = [server.pod("orders-1", "10.0.0.1")]
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        server.objects["pods"] = [server.pod("users-1", "10.0.0.2")]
        server.tell("pods", "ERROR", {"kind": "Status", "code": 410})
        server.events["pods"].put(END)
        assert eventually(lambda: index.find(ip("10.0.0.2"), NOW) is not None)
        assert eventually(lambda: index.find(ip("10.0.0.1"), NOW) is None)


def test_failures_are_retried_and_told_once(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.failures = [503, 500, 403, 503]
    server.objects["pods"] = [server.pod("orders-1", "10.0.0.1")]
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        assert eventually(lambda: "is back" in caplog.text)
    told = [r for r in caplog.records if "trying on" in r.message]
    assert 1 <= len(told) <= 2  # one for each resource


@pytest.mark.parametrize("event", [{"type": 5}, b'{"type": "\xff"}', b"no JSON"])
def test_an_answer_that_is_not_json_is_survived(
    server: ApiServer, caplog: pytest.LogCaptureFixture, event: object
) -> None:
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        server.events["pods"].put(event)
        server.events["pods"].put(END)
        assert eventually(lambda: "not the Kubernetes API" in caplog.text)
        server.tell("pods", "ADDED", server.pod("users-1", "10.0.0.2"))
        assert eventually(lambda: index.find(ip("10.0.0.2"), NOW) is not None)


def test_following_ends_at_once_in_the_middle_of_a_watch(server: ApiServer) -> None:
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        began = time.monotonic()
    assert time.monotonic() - began < 2
