"""What a real API server does to watches: refuses, fails, restarts, forgets, goes back.

Judged by its audit log as well: it must see few requests.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cluster.addresses import AddressIndex
from agent.cluster.freshness import Freshness
from agent.cluster.watching import watch
from agent.cluster.watching.resources import PAGE
from tests.kubernetes.apiserver import ApiServer, missing
from tests.kubernetes.following import NOW, Namespace, configured, following, ip
from tests.waiting import eventually


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One of these tests' own: with the cache that streams lists."""
    if reason := missing():
        pytest.skip(reason)
    server = ApiServer(tmp_path_factory.mktemp("kubernetes"), has_cache=True)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def shop(cluster: ApiServer) -> Namespace:
    return Namespace(cluster)


@pytest.fixture
def index(cluster: ApiServer, tmp_path: Path) -> Iterator[AddressIndex]:
    made = AddressIndex()
    with following(configured(cluster, tmp_path), made, Freshness()):
        assert eventually(lambda: made.is_complete)
        yield made


def asked(cluster: ApiServer, before: int) -> list[tuple[str, str]]:
    """What we asked for after the first `before` lines, and of which resource: a list,
    a watch, or a list as the beginning of a watch."""
    found = {}
    for line in cluster.audited()[before:]:
        if line["userAgent"] == "vethscope" and "objectRef" in line:
            is_stream = "sendInitialEvents" in line["requestURI"]
            verb = "stream" if is_stream else line["verb"]
            found[line["auditID"]] = verb, line["objectRef"]["resource"]
    return list(found.values())


def test_each_resource_is_asked_for_once(
    cluster: ApiServer, shop: Namespace, tmp_path: Path
) -> None:
    """A server whose store is too old to stream lists is asked for that once too."""
    before, index = len(cluster.audited()), AddressIndex()
    with following(configured(cluster, tmp_path), index, Freshness()):
        assert eventually(lambda: index.is_complete)
        shop.pod("one", "10.1.1.1")
        assert eventually(lambda: index.find(ip("10.1.1.1"), NOW) is not None)
        threading.Event().wait(2)
        seen = asked(cluster, before)
    assert ("watch", "pods") in seen or ("stream", "pods") in seen
    assert len(seen) == len(set(seen))


def test_a_restarted_server_is_taken_up_again_without_a_new_list(
    cluster: ApiServer, index: AddressIndex, shop: Namespace
) -> None:
    shop.pod("one", "10.1.2.1")
    assert eventually(lambda: index.find(ip("10.1.2.1"), NOW) is not None)
    before = len(cluster.audited())
    cluster.stop_api()
    cluster.start_api()
    shop.pod("two", "10.1.2.2")
    assert eventually(lambda: index.find(ip("10.1.2.2"), NOW) is not None)
    assert index.find(ip("10.1.2.1"), NOW) == (shop.name, "Pod", "one")
    assert lists(cluster, before) == 0


def lists(cluster: ApiServer, before: int) -> int:
    """Of pods; asking for one of them only, to see whether a version still holds, does
    not count."""
    return sum(
        ("sendInitialEvents" in line["requestURI"] or f"limit={PAGE}" in uri)
        for line in cluster.audited()[before:]
        if line["userAgent"] == "vethscope"
        and "/pods?" in (uri := line["requestURI"])
        and line["stage"] == "ResponseComplete"
    )


def test_a_restored_store_means_a_new_list(
    cluster: ApiServer,
    index: AddressIndex,
    shop: Namespace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Resource versions go back: what was after the copy never was."""
    shop.pod("before", "10.1.3.1")
    copy = cluster.back_up()
    for number in range(30):
        shop.pod(f"after-{number}", f"10.1.3.{number + 10}")
    assert eventually(lambda: index.find(ip("10.1.3.39"), NOW) is not None)
    cluster.restore(copy)
    assert eventually(lambda: index.find(ip("10.1.3.39"), NOW) is None)
    assert index.find(ip("10.1.3.1"), NOW) == (shop.name, "Pod", "before")
    shop.pod("new", "10.1.3.99")
    assert eventually(lambda: index.find(ip("10.1.3.99"), NOW) is not None)
    assert eventually(lambda: "kubernetes: pods is back" in caplog.text)


def test_a_version_forgotten_while_away_means_a_new_list(
    cluster: ApiServer,
    index: AddressIndex,
    shop: Namespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.pod("one", "10.1.4.1")
    assert eventually(lambda: index.find(ip("10.1.4.1"), NOW) is not None)
    monkeypatch.setattr(watch, "PAUSE_SECONDS", (3.0, 3.0))
    before = len(cluster.audited())
    cluster.stop_api()
    cluster.start_api()
    shop.delete("one")
    for number in range(5):
        shop.pod(f"more-{number}", f"10.1.4.{number + 10}")
    version = cluster.request("GET", "/api/v1/namespaces")["metadata"]
    cluster.forget(int(version["resourceVersion"]))
    cluster.stop_api()
    cluster.start_api()
    assert eventually(lambda: index.find(ip("10.1.4.14"), NOW) is not None)
    assert eventually(lambda: index.find(ip("10.1.4.1"), NOW) is None)
    assert lists(cluster, before) <= 2


def test_who_may_not_look_is_told_and_looks_on_until_it_may(
    cluster: ApiServer,
    shop: Namespace,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "PAUSE_SECONDS", (0.5, 2.0))
    index, age = AddressIndex(), Freshness()
    before = len(cluster.audited())
    with following(configured(cluster, tmp_path, "viewer"), index, age):
        words = "kubernetes: pods cannot be listed (HTTP status 403), trying on"
        assert eventually(lambda: words in caplog.text)
        threading.Event().wait(5)
        assert caplog.text.count(words) == 1
        assert not index.is_complete
        assert age.age_seconds > 5
        requests = [r for r in asked(cluster, before) if "pods" in r]
        assert len(requests) < 10
        allow(cluster)
        assert eventually(lambda: index.is_complete)
        assert age.age_seconds < 5
        shop.pod("one", "10.1.5.1")
        assert eventually(lambda: index.find(ip("10.1.5.1"), NOW) is not None)


def allow(cluster: ApiServer) -> None:
    """The user may look at all."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    binding: dict[str, Any] = {
        "metadata": {"name": "viewer"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [
            {
                "kind": "User",
                "name": "viewer",
                "apiGroup": "rbac.authorization.k8s.io",
            }
        ],
    }
    cluster.request("POST", path, binding)


def test_a_server_that_is_away_is_told_and_not_pressed(
    cluster: ApiServer,
    index: AddressIndex,
    shop: Namespace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.stop_api()
    try:
        assert eventually(lambda: "kubernetes: pods cannot be watched (" in caplog.text)
        began = time.monotonic()
        while time.monotonic() - began < 3:
            threading.Event().wait(0.1)
        told = [r.message for r in caplog.records if "pods" in r.message]
        assert len(told) == len(set(told)) <= 3
    finally:
        cluster.start_api()
    shop.pod("one", "10.1.6.1")
    assert eventually(lambda: index.find(ip("10.1.6.1"), NOW) is not None, 60)
