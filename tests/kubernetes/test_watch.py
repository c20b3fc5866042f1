"""Names of a real Kubernetes API server reach the index and the interceptors."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.cluster import api, watch
from agent.cluster.addresses import AddressIndex
from tests.kubernetes.apiserver import TOKEN, ApiServer
from tests.waiting import eventually

NOW = 2**62
numbers = itertools.count(1)


def ip(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


class Namespace:
    """A namespace of the test's own, and what it does there."""

    def __init__(self, cluster: ApiServer) -> None:
        self.name = f"shop-{next(numbers)}"
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{self.name}"
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.name}})

    def pod(self, name: str, address: str, owner: str = "") -> None:
        """The owner is written kind/name."""
        metadata: dict[str, Any] = {"name": name}
        if owner:
            kind, _, owned_by = owner.partition("/")
            reference = {"apiVersion": "apps/v1", "uid": "u", "controller": True}
            reference |= {"kind": kind, "name": owned_by}
            metadata["ownerReferences"] = [reference]
            metadata["labels"] = {"pod-template-hash": name.split("-")[-2]}
        spec = {"containers": [{"name": "main", "image": "none"}]}
        self._cluster.request(
            "POST", f"{self._path}/pods", {"metadata": metadata, "spec": spec}
        )
        self.status(name, address)

    def status(self, name: str, address: str, phase: str = "Running") -> None:
        status = {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]}
        path = f"{self._path}/pods/{name}/status"
        self._cluster.request("PATCH", path, {"status": status})

    def delete(self, name: str) -> None:
        self._cluster.request(
            "DELETE", f"{self._path}/pods/{name}", {"gracePeriodSeconds": 0}
        )

    def service(self, name: str) -> str:
        """Returns the address that the server chose."""
        made = self._cluster.request(
            "POST",
            f"{self._path}/services",
            {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}},
        )
        return str(made["spec"]["clusterIP"])


@pytest.fixture
def shop(cluster: ApiServer) -> Namespace:
    return Namespace(cluster)


@pytest.fixture
def index(
    cluster: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AddressIndex]:
    """An index that follows the cluster, configured as kubectl would be."""
    file = tmp_path / "config"
    user = {"name": "u", "user": {"token": TOKEN}}
    server = {"server": cluster.url, "certificate-authority": str(cluster.ca_file)}
    document = {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": server}],
        "users": [user],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    file.write_text(yaml.safe_dump(document))
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file)
    )
    configuration = api.configuration()
    assert configuration is not None
    made, stop = AddressIndex(), threading.Event()
    thread = threading.Thread(
        target=watch.follow, args=(api.Api(configuration), made, stop)
    )
    thread.start()
    try:
        assert eventually(lambda: made.is_complete)
        yield made
    finally:
        stop.set()
        thread.join(3)
        assert not thread.is_alive()


def test_pods_are_called_by_their_owners(index: AddressIndex, shop: Namespace) -> None:
    shop.pod("orders-7d9f8-abcde", "10.0.1.1", "ReplicaSet/orders-7d9f8")
    shop.pod("db-x-0", "10.0.1.2", "StatefulSet/db")
    shop.pod("bare", "10.0.1.3")
    assert eventually(lambda: index.find(ip("10.0.1.3"), NOW) is not None)
    assert index.find(ip("10.0.1.1"), NOW) == (shop.name, "Deployment", "orders")
    assert index.find(ip("10.0.1.2"), NOW) == (shop.name, "StatefulSet", "db")
    assert index.find(ip("10.0.1.3"), NOW) == (shop.name, "Pod", "bare")


def test_a_service_is_known_by_its_address(
    index: AddressIndex, shop: Namespace
) -> None:
    address = shop.service("orders")
    assert eventually(lambda: index.find(ip(address), NOW) is not None)
    assert index.find(ip(address), NOW) == (shop.name, "Service", "orders")


def test_an_address_goes_over_to_the_next_pod(
    index: AddressIndex, shop: Namespace
) -> None:
    shop.pod("one", "10.0.2.1")
    assert eventually(lambda: index.find(ip("10.0.2.1"), NOW) is not None)
    shop.delete("one")
    assert eventually(lambda: index.find(ip("10.0.2.1"), NOW) is None)
    between = time.time_ns()
    shop.pod("two", "10.0.2.1")
    assert eventually(lambda: index.find(ip("10.0.2.1"), NOW) is not None)
    assert index.find(ip("10.0.2.1"), NOW) == (shop.name, "Pod", "two")
    assert index.find(ip("10.0.2.1"), between) == (shop.name, "Pod", "one")


def test_a_finished_pod_gives_its_address_back(
    index: AddressIndex, shop: Namespace
) -> None:
    shop.pod("job", "10.0.3.1")
    assert eventually(lambda: index.find(ip("10.0.3.1"), NOW) is not None)
    shop.status("job", "10.0.3.1", phase="Succeeded")
    assert eventually(lambda: index.find(ip("10.0.3.1"), NOW) is None)


def test_a_version_the_server_forgot_is_gone(
    cluster: ApiServer,
    index: AddressIndex,
    shop: Namespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "WATCH_SECONDS", 5)
    pods = watch.Resource.pods(index)
    configuration = api.configuration()
    assert configuration is not None
    server = api.Api(configuration)
    before = pods.list(server)
    shop.pod("one", "10.0.4.1")
    cluster.forget(int(pods.list(server)))
    with pytest.raises(api.GoneError):
        pods.watch(server, before, lambda: None)


def test_the_server_refuses_whom_it_does_not_know(
    cluster: ApiServer, index: AddressIndex
) -> None:
    configuration = api.configuration()
    assert configuration is not None
    configuration.refresh_api_key_hook = None
    configuration.api_key["BearerToken"] = "Bearer wrong"
    with pytest.raises(api.ApiError, match="HTTP status 401"):
        watch.Resource.pods(index).list(api.Api(configuration))
