"""Which addresses an object claims, under which name, and since when.

In: objects of the API. Out: claims for the address index. When a pod got its address
is read off its own status, by its node's clock: pods are scheduled, and even started,
while the one before them still has it.
"""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import msgspec

from agent.cluster.addresses import DOOR, LATE_NS, NAMED, NODE, POD, SERVICE, Workload
from agent.cluster.filters import Filters
from agent.cluster.owners import Owners
from agent.cluster.watching.objects import (
    NETWORKS_KEY,
    ContainerStatus,
    EndpointSlice,
    Metadata,
    Network,
    Node,
    Pod,
    Service,
)

MOST_KEYS = 256
"""Addresses and ports of one object."""
TUNNELS = (
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
    "network.cilium.io/ipv4-cilium-host",
    "network.cilium.io/ipv6-cilium-host",
)
"""Annotations of nodes with more addresses of theirs, by what the networks document."""
_networks = msgspec.json.Decoder(list[Network])
_OVER = frozenset(("Succeeded", "Failed"))
_SANDBOX = "PodReadyToStartContainers"


class Claim(NamedTuple):
    """Addresses, or single ports of them (2 bytes more), under one name."""

    workload: Workload
    kind: int
    keys: frozenset[bytes]
    start_ns: int
    earliest_ns: int
    is_seen: bool = False
    """It did not tell when it began: `start_ns` is when it was seen."""
    node: str = ""


class Claimed(NamedTuple):
    """All that an object claims."""

    claims: tuple[Claim, ...]
    ended_ns: int | None = None
    """What it claims no more ended then, by its node's clock."""


def pod_claims(owners: Owners, filters: Filters, pod: Pod, now_ns: int) -> Claimed:
    """A finished pod has no address, and one that the filters leave out only a name. On
    the host's network its address is the node's, and its ports are its own."""
    statuses = pod.status.containerStatuses or []
    ends = [_ns(s.state.terminated.finishedAt) for s in statuses if s.state.terminated]
    is_dead = bool(statuses) and len(ends) == len(statuses)
    if pod.status.phase in _OVER or (is_dead and pod.metadata.deletion_timestamp):
        # The last second counts whole.
        return Claimed((), max(ends) + 10**9 if is_dead and all(ends) else None)
    texts = [address.ip for address in pod.status.pod_ips or ()] or [pod.status.pod_ip]
    texts += _further_addresses(pod)
    start_ns, earliest_ns, is_seen = _since(pod, now_ns)
    since = start_ns, earliest_ns, is_seen, pod.spec.node_name
    ips, workload = _packed(texts), owners.workload(pod)
    containers = [p for c in pod.spec.containers or () for p in c.ports or ()]
    tcp = [port for port in containers if port.protocol == "TCP"]
    if pod.spec.host_network:
        node = Workload("", "Node", pod.spec.node_name)
        ports = frozenset(at_port(ip, p.container_port) for ip in ips for p in tcp)
        named = Claim(workload, NAMED, ports, *since)
        return Claimed((Claim(node, NODE, ips, *since), *((named,) if ports else ())))
    kind = POD if filters.admits(workload, pod.metadata.labels) else NAMED
    claims = [Claim(workload, kind, ips, *since)]
    hosts = _packed([pod.status.host_ip])
    ports = frozenset(
        at_port(ip, p.host_port) for ip in hosts for p in tcp if p.host_port
    )
    if ports:
        claims.append(Claim(workload, DOOR if kind == POD else NAMED, ports, *since))
    return Claimed(tuple(claims))


def _further_addresses(pod: Pod) -> list[str]:
    """On networks beside the cluster's own; of a pod that has any of its own."""
    told = (pod.metadata.annotations or {}).get(NETWORKS_KEY, "")
    if not told or pod.spec.host_network:
        return []
    try:
        return [ip for network in _networks.decode(told) for ip in network.ips or ()]
    except msgspec.DecodeError:
        return []


def service_claims(filters: Filters, service: Service, now_ns: int) -> Claimed:
    """Headless services have no address of their own. Those outside, of a load balancer
    for one, may be a node's: only the service's ports are its own there."""
    spec, metadata = service.spec, service.metadata
    workload = Workload(metadata.namespace, "Service", metadata.name)
    since = _created(metadata)
    inner = _packed(spec.cluster_ips or [spec.cluster_ip])
    kind = SERVICE if filters.admits(workload, metadata.labels) else NAMED
    claims = [Claim(workload, kind, inner, since, since)]
    fronts = [front.ip for front in service.fronts if front.ip]
    outer = _packed([*fronts, *(spec.externalIPs or ())])
    tcp = [p.port for p in spec.ports or () if p.protocol == "TCP"]
    if keys := [at_port(ip, port) for ip in outer for port in tcp][:MOST_KEYS]:
        claims.append(Claim(workload, NAMED, frozenset(keys), since, since))
    return Claimed(tuple(claims))


def node_claims(node: Node, now_ns: int) -> Claimed:
    """Its own addresses, those of its tunnels, and the first two of its pods' ranges:
    there the network plugin has its bridge or tunnel, from which the kubelet's probes
    and what is translated come."""
    metadata = node.metadata
    told = metadata.annotations or {}
    texts = [address.address for address in node.status.addresses or ()]
    texts += [told.get(key, "").partition("/")[0] for key in TUNNELS]
    ips = _packed(texts) | frozenset(_gateways(node))
    since = _created(metadata)
    workload = Workload("", "Node", metadata.name)
    return Claimed((Claim(workload, NODE, ips, since, since, False, metadata.name),))


def slice_claims(found: EndpointSlice, now_ns: int) -> Claimed:
    """Ends of a service that are no pods of the cluster: at its ports they are the
    service."""
    metadata = found.metadata
    name = (metadata.labels or {}).get("kubernetes.io/service-name", "")
    ports = [p.port for p in found.ports or () if p.port and p.protocol == "TCP"]
    ips = _packed([ip for e in found.endpoints or () for ip in e.addresses or ()])
    keys = frozenset([at_port(ip, port) for ip in ips for port in ports][:MOST_KEYS])
    if not (name and keys):
        return Claimed(())
    since = _created(metadata)
    workload = Workload(metadata.namespace, "Service", name)
    return Claimed((Claim(workload, NAMED, keys, since, since),))


def _since(pod: Pod, now_ns: int) -> tuple[int, int, bool]:
    """When it surely and perhaps had its address, and whether that was just seen."""
    status = pod.status
    begun = _ns(status.startTime) or _ns(pod.metadata.creation_timestamp) or 0
    statuses = [*(status.initContainerStatuses or ())]
    statuses += status.containerStatuses or ()
    runs = [ns for one in statuses if (ns := _run_ns(one))]
    made = [
        ns
        for condition in status.conditions or ()
        if condition.type == _SANDBOX and condition.status == "True"
        if (ns := _ns(condition.lastTransitionTime))
    ]
    if made:
        # Containers that ran long before were in another sandbox.
        start_ns = min([*made, *(ns for ns in runs if ns > made[0] - LATE_NS)])
        return start_ns, start_ns, False
    if runs:
        has_restarted = any(one.lastState.terminated for one in statuses)
        return min(runs), begun if has_restarted else min(runs), False
    return now_ns, min(begun, now_ns), True


def _run_ns(status: ContainerStatus) -> int:
    run = status.state.running or status.state.terminated
    return _ns(run.startedAt) if run is not None else 0


def _gateways(node: Node) -> Iterator[bytes]:
    for text in node.spec.pod_cidrs or [node.spec.pod_cidr]:
        try:
            network = ip_network(text)
        except ValueError:
            continue
        if network.num_addresses > 2:
            yield network[0].packed
            yield network[1].packed


def _created(metadata: Metadata) -> int:
    return _ns(metadata.creation_timestamp)


def _ns(time: datetime | None) -> int:
    return int(time.timestamp()) * 10**9 if time is not None else 0


def at_port(ip: bytes, port: int) -> bytes:
    """The key of a single port of an address."""
    return ip + (port & 0xFFFF).to_bytes(2, "big")


def _packed(texts: list[str]) -> frozenset[bytes]:
    packed = set()
    for text in texts[:MOST_KEYS]:
        try:
            packed.add(ip_address(text).packed)
        except ValueError:
            continue  # "" before scheduling, "None" of a headless service
    return frozenset(packed)
