"""The company's Kubernetes API, asked by the digger's own code."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.cluster.addresses import AddressIndex, Workload
from agent.cluster.following import resources
from agent.cluster.freshness import Freshness
from agent.cluster.owners import Owners
from agent.cluster.watching import api, watch
from agent.cluster.workloads import Workloads
from agent.demo.cluster import Cluster
from agent.demo.company import PODS, PROCESSOR
from agent.naming.endpoints import Endpoints
from agent.outside.hosts import Hosts
from agent.outside.known import Aliases, Fronts
from tests.waiting import eventually

ORDERS = Workload("shop", "Deployment", "orders")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as made:
        for number, name in enumerate(PODS):
            if name != "orders-next":
                made.run(name, (f"192.0.2.{number}",))
        yield made


class Followed:
    """What a digger knows of it."""

    def __init__(self, cluster: Cluster) -> None:
        configuration = api.configuration(str(cluster.file))
        assert configuration is not None
        self.index, self.workloads = AddressIndex(), Workloads(["team"], ["tier"])
        self.hosts = Hosts(Endpoints(b"").segments)
        self.stop = threading.Event()
        self.thread = threading.Thread(
            target=watch.follow,
            args=(
                api.Api(configuration),
                self.index,
                resources(
                    self.index,
                    Owners(),
                    pods=(self.workloads,),
                    services=(Aliases(self.hosts),),
                    fronts=partial(Fronts, self.hosts),
                ),
                Freshness(),
                self.stop,
            ),
        )

    def owner(self, address: str) -> Workload | None:
        return self.index.find(ip_address(address).packed, time.time_ns())


@pytest.fixture
def followed(cluster: Cluster) -> Iterator[Followed]:
    made = Followed(cluster)
    made.thread.start()
    try:
        assert eventually(lambda: made.index.is_complete)
        yield made
    finally:
        made.stop.set()
        made.thread.join(5)
        assert not made.thread.is_alive()


def test_every_pod_is_called_by_its_workload(followed: Followed) -> None:
    for number, name in enumerate(PODS):
        pod = PODS[name]
        expected = Workload(pod.namespace, pod.kind, pod.workload)
        if name != "orders-next":
            assert followed.owner(f"192.0.2.{number}") == expected


def test_owner_group_and_image_are_those_of_the_company(followed: Followed) -> None:
    [facts] = followed.workloads.news([ORDERS])
    assert (facts.owner, facts.part_of) == ("team-orders", "shop")
    assert dict(facts.labels) == {"tier": "backend"}
    assert [r.image for r in facts.revisions] == ["registry.example/shop/orders:2.4.0"]


def test_hosts_outside_and_of_the_ingress_are_known(followed: Followed) -> None:
    assert eventually(
        lambda: followed.hosts.name(b"card-processor.payments") == PROCESSOR
    )
    assert eventually(lambda: followed.hosts.name(b"shop.example") == "shop.example")


def test_a_roll_out_is_one_more_revision_of_the_same_workload(
    cluster: Cluster, followed: Followed
) -> None:
    followed.workloads.news([ORDERS])
    cluster.run("orders-next", ("192.0.2.99",), is_new=True)
    assert eventually(lambda: followed.owner("192.0.2.99") == ORDERS)
    [facts] = followed.workloads.news([ORDERS])
    before, after = facts.revisions
    assert after.image.endswith(":2.5.0")
    assert after.since_ns > before.since_ns
    assert abs(after.since_ns - time.time_ns()) < 60 * 10**9
    cluster.end("orders")
    number = list(PODS).index("orders")
    assert eventually(
        lambda: (
            followed.index.snapshot()[1].get(ip_address(f"192.0.2.{number}").packed)
            is None
        )
    )


def test_it_tells_of_nothing_else(cluster: Cluster) -> None:
    kept = cluster.file.read_text()
    port = kept.partition("127.0.0.1:")[2].partition('"')[0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/secrets", timeout=5)
    with refused.value:
        assert refused.value.code == 404
