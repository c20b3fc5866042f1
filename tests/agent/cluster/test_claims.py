"""Which addresses objects claim, and since when."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from agent.cluster.addresses import DOOR, NAMED, NODE, POD, SERVICE
from agent.cluster.claims import (
    Claim,
    node_claims,
    pod_claims,
    service_claims,
    slice_claims,
)
from agent.cluster.filters import Filters
from agent.cluster.owners import Owners
from agent.cluster.watching.objects import (
    NETWORKS_KEY,
    EndpointSlice,
    Node,
    Pod,
    Service,
)

SECOND = 10**9
OWNERS = Owners()
FILTERS = Filters()
NOW = 1000 * SECOND
IP = b"\x0a\0\0\2"


def at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def pod(
    status: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Pod:
    told = {
        "metadata": {"name": "p-1", "namespace": "shop", "uid": "u"} | (metadata or {}),
        "spec": {"nodeName": "n1"} | (spec or {}),
        "status": {"phase": "Running", "podIP": "10.0.0.2"} | (status or {}),
    }
    return msgspec.convert(told, Pod, strict=False)


def one(found: Pod) -> Claim:
    (claim,) = pod_claims(OWNERS, FILTERS, found, NOW).claims
    return claim


def ran(seconds: int, restarted: bool = False) -> dict[str, Any]:
    last = {"terminated": {"startedAt": at(1)}} if restarted else {}
    return {"state": {"running": {"startedAt": at(seconds)}}, "lastState": last}


def made(seconds: int, status: str = "True") -> list[dict[str, Any]]:
    kind = "PodReadyToStartContainers"
    return [{"type": kind, "status": status, "lastTransitionTime": at(seconds)}]


NETWORKS = json.dumps(
    [
        {"name": "cbr0", "interface": "eth0", "ips": ["10.0.0.2"], "default": True},
        {"name": "shop/storage", "interface": "net1", "ips": ["10.9.0.7", "fd09::7"]},
        {"name": "shop/raw", "interface": "net2"},
    ]
)


@pytest.mark.parametrize(
    ("told", "more"),
    [
        (NETWORKS, {bytes([10, 9, 0, 7]), bytes.fromhex("fd09" + "00" * 13 + "07")}),
        ("[", set()),
        ("{}", set()),
        ('[{"ips": ["no address"]}]', set()),
    ],
)
def test_a_pod_claims_what_its_further_networks_are_said_to_be(
    told: str, more: set[bytes]
) -> None:
    claim = one(pod(metadata={"annotations": {NETWORKS_KEY: told}}))
    assert claim.keys == {IP} | more


def test_a_pod_claims_all_its_addresses() -> None:
    claim = one(pod({"podIPs": [{"ip": "10.0.0.2"}, {"ip": "fd00::2"}]}))
    assert claim.kind == POD
    assert claim.keys == {IP, bytes.fromhex("fd" + "00" * 14 + "02")}
    assert claim.node == "n1"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        # Scheduled only: seen now, and perhaps since then.
        ({"startTime": at(100)}, (NOW, 100 * SECOND, True)),
        # Its network was made; containers that ran long before were elsewhere.
        (
            {
                "startTime": at(100),
                "conditions": made(300),
                "containerStatuses": [ran(299), ran(120)],
            },
            (299 * SECOND, 299 * SECOND, False),
        ),
        ({"conditions": made(300, "False")}, (NOW, 0, True)),
        # Servers before 1.29 tell of containers only.
        (
            {"startTime": at(100), "initContainerStatuses": [ran(140), ran(150)]},
            (140 * SECOND, 140 * SECOND, False),
        ),
        (
            {"startTime": at(100), "containerStatuses": [ran(300, restarted=True)]},
            (300 * SECOND, 100 * SECOND, False),
        ),
    ],
)
def test_a_pod_has_its_address_since_its_network_was_made(
    status: dict[str, Any], expected: tuple[int, int, bool]
) -> None:
    claim = one(pod(status))
    assert (claim.start_ns, claim.earliest_ns, claim.is_seen) == expected


def test_a_pod_on_the_hosts_network_is_its_ports_and_names_the_node() -> None:
    ports = [{"containerPort": 9100}, {"containerPort": 53, "protocol": "UDP"}]
    spec = {"hostNetwork": True, "containers": [{"ports": ports}]}
    node, own = pod_claims(OWNERS, FILTERS, pod(spec=spec), NOW).claims
    assert (node.kind, node.workload) == (NODE, ("", "Node", "n1"))
    assert node.keys == {IP}
    assert (own.kind, own.workload) == (NAMED, ("shop", "Pod", "p-1"))
    assert own.keys == {IP + b"\x23\x8c"}


def test_a_port_of_the_host_is_the_pod_s() -> None:
    spec = {"containers": [{"ports": [{"containerPort": 80, "hostPort": 8080}]}]}
    _, own = pod_claims(OWNERS, FILTERS, pod({"hostIP": "10.9.0.1"}, spec), NOW).claims
    assert own.keys == {b"\x0a\x09\0\1\x1f\x90"}
    assert own.kind == DOOR


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_claims_nothing(phase: str) -> None:
    assert pod_claims(OWNERS, FILTERS, pod({"phase": phase}), NOW) == ((), None)


def test_a_pod_that_is_deleted_ends_when_its_last_container_did() -> None:
    ended = [{"state": {"terminated": {"finishedAt": at(n)}}} for n in (7, 9)]
    dead = pod({"containerStatuses": ended}, metadata={"deletionTimestamp": at(3)})
    assert pod_claims(OWNERS, FILTERS, dead, NOW) == ((), 10 * SECOND)
    # Its containers are started again.
    assert pod_claims(OWNERS, FILTERS, pod({"containerStatuses": ended}), NOW).claims


def service(spec: str, status: str = "{}") -> Service:
    text = (
        '{"metadata": {"name": "orders", "namespace": "shop",'
        f' "creationTimestamp": "{at(5)}"}}, "spec": {spec}, "status": {status}}}'
    )
    return msgspec.json.decode(text, type=Service)


@pytest.mark.parametrize(
    ("spec", "ips"),
    [
        ('{"clusterIP": "10.96.0.9"}', {b"\x0a\x60\0\x09"}),
        (
            '{"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9", "10.96.0.8"]}',
            {b"\x0a\x60\0\x09", b"\x0a\x60\0\x08"},
        ),
        ('{"clusterIP": "None"}', set()),
        ("{}", set()),
    ],
)
def test_a_service_claims_its_own_addresses(spec: str, ips: set[bytes]) -> None:
    (claim,) = service_claims(FILTERS, service(spec), NOW).claims
    assert claim.kind == SERVICE
    assert claim.keys == ips
    assert claim.workload == ("shop", "Service", "orders")
    assert claim.start_ns == 5 * SECOND


def test_outside_a_service_is_its_ports_only() -> None:
    """A load balancer's address may be a node's."""
    balancer = '{"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "x"}]}}'
    spec = '{"externalIPs": ["192.0.2.2"], "ports": [{"port": 443}]}'
    _, outer = service_claims(FILTERS, service(spec, balancer), NOW).claims
    assert outer.kind == NAMED
    assert outer.keys == {b"\xc0\0\2\1\1\xbb", b"\xc0\0\2\2\1\xbb"}


def test_a_node_is_its_addresses_its_tunnels_and_its_gateways() -> None:
    told = {
        "metadata": {
            "name": "n1",
            "annotations": {"projectcalico.org/IPv4IPIPTunnelAddr": "10.244.7.9"},
        },
        "spec": {"podCIDRs": ["10.244.1.0/24", "fd00:1::/64", "nonsense"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.7"},
                {"type": "Hostname", "address": "n1"},
            ]
        },
    }
    (claim,) = node_claims(msgspec.convert(told, Node), NOW).claims
    assert (claim.workload, claim.kind) == (("", "Node", "n1"), NODE)
    v6 = bytes.fromhex("fd000001" + "00" * 12)
    assert claim.keys == {
        *(b"\xc0\0\2\7", b"\x0a\xf4\7\x09", b"\x0a\xf4\1\0", b"\x0a\xf4\1\1"),
        *(v6, v6[:-1] + b"\1"),
    }


def test_a_slice_without_pods_names_what_is_behind_a_service() -> None:
    told = {
        "metadata": {
            "name": "db-1",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "endpoints": [{"addresses": ["192.0.2.5"]}],
        "ports": [{"port": 5432, "protocol": "TCP"}, {"port": None}],
    }
    found = msgspec.convert(told, EndpointSlice)
    (claim,) = slice_claims(found, NOW).claims
    assert claim.workload == ("shop", "Service", "db")
    assert claim.keys == {b"\xc0\0\2\5\x15\x38"}
    found.metadata.labels = None
    assert slice_claims(found, NOW) == ((), None)
