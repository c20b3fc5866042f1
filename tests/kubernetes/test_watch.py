"""Names of a real Kubernetes API server reach the index and the interceptors."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.cluster.addresses import AddressIndex, Workload
from agent.cluster.freshness import Freshness
from agent.cluster.watching import api
from agent.cluster.watching.objects import Pod
from agent.cluster.watching.resources import Resource
from tests.kubernetes.apiserver import ApiServer
from tests.kubernetes.following import NOW, Namespace, configured, following, ip
from tests.waiting import eventually


@pytest.fixture
def shop(cluster: ApiServer) -> Namespace:
    return Namespace(cluster)


@pytest.fixture
def index(
    cluster: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AddressIndex]:
    """An index that follows the cluster, configured as kubectl would be."""
    file = configured(cluster, tmp_path)
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file)
    )
    made = AddressIndex()
    with following(file, made, Freshness()):
        assert eventually(lambda: made.is_complete)
        yield made


def test_pods_are_called_by_their_owners(index: AddressIndex, shop: Namespace) -> None:
    shop.pod("orders-7d9f8-abcde", "10.0.1.1", "apps/v1/ReplicaSet/orders-7d9f8")
    shop.pod("db-x-0", "10.0.1.2", "apps/v1/StatefulSet/db")
    shop.pod("bare", "10.0.1.3")
    assert eventually(lambda: index.find(ip("10.0.1.3"), NOW) is not None)
    assert index.find(ip("10.0.1.1"), NOW) == (shop.name, "Deployment", "orders")
    assert index.find(ip("10.0.1.2"), NOW) == (shop.name, "StatefulSet", "db")
    assert index.find(ip("10.0.1.3"), NOW) == (shop.name, "Pod", "bare")


@pytest.mark.parametrize(
    ("net", "kind", "maker"),
    [
        ("10.0.6", "ReplicaSet", "Rollout"),
        ("10.0.7", "ReplicaSet", "Fleet"),
        ("10.0.8", "ReplicationController", "DeploymentConfig"),
    ],
)
def test_a_maker_is_asked_for_and_keeps_its_name_over_revisions(
    index: AddressIndex, shop: Namespace, net: str, kind: str, maker: str
) -> None:
    for number, revision in enumerate(("web-blue", "web-green")):
        uid = shop.controller(kind, revision, f"example.org/v1/{maker}/web")
        version = "apps/v1" if kind == "ReplicaSet" else "v1"
        owner = f"{version}/{kind}/{revision}"
        shop.pod(f"{revision}-a-{number}", f"{net}.{number}", owner, uid=uid)
    blue, green = ip(f"{net}.0"), ip(f"{net}.1")
    assert eventually(lambda: index.find(green, NOW) is not None)
    assert index.find(blue, NOW) == (shop.name, maker, "web")
    assert index.find(green, NOW) == (shop.name, maker, "web")


def test_a_pod_on_the_hosts_network_has_the_ports_that_services_lead_to(
    index: AddressIndex, shop: Namespace
) -> None:
    ports = [{"port": 80, "targetPort": 8080}]
    shop.service("proxy", selector={"app": "proxy"}, ports=ports)
    shop.pod("proxy", "10.9.0.1", hostNetwork=True)
    host = ip("10.9.0.1")
    assert eventually(
        lambda: index.find(host, NOW, 8080) == (shop.name, "Pod", "proxy")
    )
    assert index.find(host, NOW, 80) != (shop.name, "Pod", "proxy")


def test_a_service_is_known_by_its_address(
    index: AddressIndex, shop: Namespace
) -> None:
    address = shop.service("orders")
    assert eventually(lambda: index.find(ip(address), NOW) is not None)
    assert index.find(ip(address), NOW) == (shop.name, "Service", "orders")


def test_an_address_goes_over_to_the_next_pod(
    index: AddressIndex, shop: Namespace
) -> None:
    shop.pod("one", "10.0.2.1", made="2026-01-01T10:00:00Z")
    shop.pod("two", "10.0.2.1", made="2026-01-01T10:05:00Z")
    assert eventually(lambda: owner(index, 6) == (shop.name, "Pod", "two"))
    assert owner(index, 4) == (shop.name, "Pod", "one")
    shop.delete("one")
    shop.pod("three", "10.0.2.3")
    assert eventually(lambda: index.find(ip("10.0.2.3"), NOW) is not None)
    assert owner(index, 4) == (shop.name, "Pod", "one")
    assert owner(index, 6) == (shop.name, "Pod", "two")
    assert owner(index, -1) is None


def owner(index: AddressIndex, minute: int) -> Workload | None:
    ten = datetime(2026, 1, 1, 10, tzinfo=UTC).timestamp()
    return index.find(ip("10.0.2.1"), int(ten + 60 * minute) * 10**9)


def monitors(index: AddressIndex, address: bytes) -> bool:
    return address in index.snapshot()[1]


def test_a_finished_pod_gives_its_address_back(
    index: AddressIndex, shop: Namespace
) -> None:
    shop.pod("job", "10.0.3.1")
    assert eventually(lambda: index.find(ip("10.0.3.1"), NOW) is not None)
    shop.status("job", "10.0.3.1", phase="Succeeded")
    assert eventually(lambda: index.find(ip("10.0.3.1"), NOW) is None)


def test_labels_of_a_namespace_say_what_is_captured_while_all_runs(
    cluster: ApiServer, shop: Namespace, tmp_path: Path
) -> None:
    """A pod that comes before the watch of namespaces tells its own is asked for it."""
    rules = tmp_path / "rules"
    rules.write_text("deny * namespace:stage=test")
    shop.label(stage="test")
    shop.pod("one", "10.0.5.1")
    index, other = AddressIndex(), Namespace(cluster)
    with following(configured(cluster, tmp_path), index, Freshness(), str(rules)):
        assert eventually(lambda: index.is_complete)
        assert not monitors(index, ip("10.0.5.1"))
        assert index.find(ip("10.0.5.1"), NOW) == (shop.name, "Pod", "one")
        other.pod("two", "10.0.5.2")
        assert eventually(lambda: monitors(index, ip("10.0.5.2")))
        shop.label(stage="live")
        other.label(stage="test")
        other.pod("three", "10.0.5.3")
        assert eventually(lambda: monitors(index, ip("10.0.5.1")))
        assert eventually(lambda: not monitors(index, ip("10.0.5.2")))
        assert not monitors(index, ip("10.0.5.3"))


def test_a_version_the_server_forgot_is_gone(
    cluster: ApiServer,
    index: AddressIndex,
    shop: Namespace,
) -> None:
    pods = Resource("/api/v1/pods", Pod)
    configuration = api.configuration()
    assert configuration is not None
    server = api.Api(configuration)
    pods.list(server)
    before = pods.version
    shop.pod("one", "10.0.4.1")
    pods.list(server)
    cluster.forget(int(pods.version))
    pods.version = before
    with pytest.raises(api.GoneError):
        pods.follow(server, lambda: None)


def test_the_server_refuses_whom_it_does_not_know(
    cluster: ApiServer, index: AddressIndex
) -> None:
    configuration = api.configuration()
    assert configuration is not None
    configuration.refresh_api_key_hook = None
    configuration.api_key["BearerToken"] = "Bearer wrong"
    with pytest.raises(api.ApiError, match="HTTP status 401"):
        Resource("/api/v1/pods", Pod).list(api.Api(configuration))
