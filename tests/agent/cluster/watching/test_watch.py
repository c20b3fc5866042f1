"""Lists and watches, against a real HTTP server that speaks their wire format."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kubernetes import client

from agent.cluster import filters, freshness
from agent.cluster.addresses import AddressIndex
from agent.cluster.filters import Filters
from agent.cluster.following import resources
from agent.cluster.freshness import Freshness
from agent.cluster.owners import Owners
from agent.cluster.watching import api, watch
from agent.cluster.watching import resources as kinds
from agent.cluster.watching.api import Api
from agent.cluster.watching.objects import Pod
from agent.cluster.watching.resources import Resource
from agent.lifecycle import RoleError
from tests.agent.cluster.apiserver import END, ApiServer
from tests.replacing import replace
from tests.waiting import busyness, eventually

NOW = 2**62


def ip(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", (0.01, 0.1))
    with ApiServer() as started:
        yield started


@contextmanager
def followed(
    server: ApiServer,
    freshness: Freshness | None = None,
    rules: Filters | None = None,
) -> Iterator[AddressIndex]:
    configuration = client.Configuration()
    configuration.host = server.url
    configuration.api_key["BearerToken"] = "token"
    configuration.api_key_prefix["BearerToken"] = "Bearer"
    index, stop = AddressIndex(), threading.Event()
    follow = threading.Thread(
        target=watch.follow,
        args=(
            Api(configuration),
            index,
            [r for r in resources(index, Owners(), filters=rules) if r.need == "names"],
            freshness or Freshness(),
            stop,
        ),
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
    monkeypatch.setattr(kinds, "PAGE", 10)
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


def test_each_new_reason_of_failure_is_told_once_with_verb_and_resource(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.failures = [503, 500, 403, 503, 403, 500, 503, 403]
    server.objects["pods"] = [server.pod("orders-1", "10.0.0.1")]
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        server.tell("pods", "ADDED", server.pod("users-1", "10.0.0.2"))
        server.events["services"].put(END)
        assert eventually(lambda: caplog.text.count("is back") >= 2)
    told = [r.message for r in caplog.records if "trying on" in r.message]
    assert len(told) == len(set(told))
    assert all("cannot be listed (HTTP status " in words for words in told)
    assert {words.split()[1] for words in told} <= {"pods", "services", "jobs"}


def test_lists_come_as_the_beginning_of_a_watch_where_the_server_streams_them(
    server: ApiServer,
) -> None:
    server.streams = True
    server.objects["pods"] = [server.pod("orders-1", "10.0.0.1")]
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        assert index.find(ip("10.0.0.1"), NOW) == ("shop", "DaemonSet", "orders")
        server.objects["pods"] = [server.pod("users-1", "10.0.0.2")]
        server.tell("pods", "ERROR", {"kind": "Status", "code": 410})
        server.events["pods"].put(END)
        assert eventually(lambda: index.find(ip("10.0.0.2"), NOW) is not None)
        assert eventually(lambda: index.find(ip("10.0.0.1"), NOW) is None)
    assert all("watch" in query for resource, query in server.requests)
    assert [r for r, _ in server.requests].count("pods") == 2


def test_a_silent_server_is_noticed_and_names_become_old(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes connections, but says nothing on any."""
    assert api.SILENT_SECONDS + api.ASK_SECONDS <= 45 < freshness.OLD_SECONDS
    monkeypatch.setattr(api, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(api, "ASK_SECONDS", 0.3)
    monkeypatch.setattr(freshness, "OLD_SECONDS", 2.0)
    age = Freshness()
    with followed(server, age) as index:
        assert eventually(lambda: index.is_complete)
        threading.Event().wait(3)
        assert not age.is_old
        assert "silent" not in caplog.text
        server.is_silent = True
        words = "kubernetes: pods cannot be watched (the server is silent)"
        assert eventually(lambda: words in caplog.text)
        assert eventually(lambda: age.is_old)


def test_a_thread_that_fails_ends_the_role_by_its_name(server: ApiServer) -> None:
    class Broken:
        def put(self, thing: object) -> None:
            raise ArithmeticError

    broken = Resource("/api/v1/pods", Pod, Broken())  # type: ignore[arg-type]
    server.objects["pods"] = [server.pod("orders-1", "10.0.0.1")]
    configuration = client.Configuration()
    configuration.host = server.url
    with pytest.raises(RoleError, match="watch of pods: ArithmeticError"):
        watch.follow(
            Api(configuration), AddressIndex(), [broken], Freshness(), threading.Event()
        )


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


def test_what_is_captured_changes_while_all_runs(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "LOOK_SECONDS", 0.0)
    file = tmp_path / "rules"
    file.write_text("deny shop/*/users")
    server.objects["pods"] = [
        server.pod("orders-1", "10.0.0.1"),
        server.pod("users-1", "10.0.0.2"),
    ]
    with followed(server, rules=Filters(str(file))) as index:
        assert eventually(lambda: index.is_complete)
        assert set(index.snapshot()[1]) == {ip("10.0.0.1")}
        assert index.find(ip("10.0.0.2"), NOW) == ("shop", "DaemonSet", "users")
        replace(file, "deny shop/*/orders")
        server.tell("pods", "BOOKMARK", {"metadata": {"resourceVersion": "9"}})
        server.events["pods"].put(END)
        assert eventually(lambda: set(index.snapshot()[1]) == {ip("10.0.0.2")})
        assert index.find(ip("10.0.0.1"), NOW) == ("shop", "DaemonSet", "orders")


def test_following_ends_at_once_in_the_middle_of_a_watch(server: ApiServer) -> None:
    with followed(server) as index:
        assert eventually(lambda: index.is_complete)
        began = time.monotonic()
    assert time.monotonic() - began < 2 * busyness()
