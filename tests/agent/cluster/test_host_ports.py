"""Ports of pods on the host's network, as services tell them, in any order."""

import time
from typing import Any

import msgspec
import pytest

from agent.cluster.addresses import AddressIndex, Workload
from agent.cluster.filters import Filters
from agent.cluster.host_ports import HostPorts
from agent.cluster.owners import Owners
from agent.cluster.watching.objects import Pod, Service

IP = b"\x0a\0\0\2"
PROXY = Workload("net", "DaemonSet", "proxy")


def pod(uid: str = "p", phase: str = "Running", **spec: Any) -> Pod:
    owner = {"kind": "DaemonSet", "name": "proxy", "controller": True}
    metadata: dict[str, Any] = {"name": uid, "namespace": "net", "uid": uid}
    metadata |= {"labels": {"app": "proxy", "tier": "1"}, "ownerReferences": [owner]}
    whole = {"nodeName": "n1", "hostNetwork": True} | spec
    status = {"phase": phase, "podIP": "10.0.0.2"}
    told = {"metadata": metadata, "spec": whole, "status": status}
    return msgspec.convert(told, Pod, strict=False)


def service(*ports: dict[str, Any], uid: str = "s", namespace: str = "net") -> Service:
    metadata = {"name": uid, "namespace": namespace, "uid": uid}
    spec = {"selector": {"app": "proxy"}, "ports": list(ports)}
    return msgspec.convert({"metadata": metadata, "spec": spec}, Service)


HTTP = {"port": 80, "targetPort": 8080}


@pytest.fixture
def index() -> AddressIndex:
    return AddressIndex()


@pytest.fixture
def ports(index: AddressIndex) -> HostPorts:
    return HostPorts(index, Owners(), Filters())


def owner(index: AddressIndex, port: int, later: int = 60) -> Workload | None:
    return index.find(IP, time.time_ns() + later * 10**9, port)


@pytest.mark.parametrize("is_pod_first", [True, False])
def test_a_port_that_a_service_leads_to_is_the_pod_s(
    index: AddressIndex, ports: HostPorts, is_pod_first: bool
) -> None:
    if is_pod_first:
        ports.pods.put(pod())
    ports.services.put(service(HTTP))
    if not is_pod_first:
        ports.pods.put(pod())
    assert owner(index, 8080) == PROXY
    assert owner(index, 80) is None
    assert (ports.pods.uids(), ports.services.uids()) == ({"p"}, {"s"})
    ports.services.put(service({"port": 90}))
    assert owner(index, 90) == PROXY
    assert owner(index, 8080) is None
    ports.services.drop("s")
    assert owner(index, 90) is None
    assert not ports.services.uids()


@pytest.mark.parametrize(
    "made",
    [
        service({"port": 80, "targetPort": "http"}),
        service({"port": 80, "protocol": "UDP"}),
        service(HTTP, namespace="other"),
    ],
)
def test_other_ports_and_namespaces_tell_nothing(
    index: AddressIndex, ports: HostPorts, made: Service
) -> None:
    ports.pods.put(pod())
    ports.services.put(made)
    assert owner(index, 80) is owner(index, 8080) is None


def test_pods_on_the_cluster_s_network_have_addresses_of_their_own(
    index: AddressIndex, ports: HostPorts
) -> None:
    ports.services.put(service(HTTP))
    ports.pods.put(pod(hostNetwork=False))
    assert owner(index, 8080) is None
    assert not ports.pods.uids()


def test_a_pod_that_goes_leaves_its_port_to_the_next(
    index: AddressIndex, ports: HostPorts
) -> None:
    ports.services.put(service(HTTP))
    ports.pods.put(pod("one"))
    ports.pods.put(pod("one", "Failed"))
    assert owner(index, 8080) is None
    ports.pods.drop("one")
    ports.pods.put(pod("two"))
    assert owner(index, 8080) == PROXY
    ports.pods.drop("two")
    ports.pods.drop("two")
    assert owner(index, 8080) is None
