"""What we need of Kubernetes objects, and who owns an address.

In: pods and services as JSON from the API (msgspec skips all else, so that large
clusters fit). Out: the addresses of an object and their workload. Owners follow the
controller reference one step further by names alone: a ReplicaSet made by a Deployment
is called <deployment>-<pod-template-hash>, a Job made by a CronJob <cronjob>-<minutes>.
"""

import re
from datetime import datetime
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from agent.cluster.addresses import NODE, POD, SERVICE, Workload


class Owner(msgspec.Struct, rename="camel"):
    kind: str = ""
    name: str = ""
    controller: bool = False


class Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    owner_references: list[Owner] | None = None


class PodSpec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    host_network: bool = False


class PodAddress(msgspec.Struct):
    ip: str = ""


class PodStatus(msgspec.Struct, rename={"pod_ips": "podIPs", "pod_ip": "podIP"}):
    phase: str = ""
    pod_ip: str = ""
    pod_ips: list[PodAddress] | None = None
    startTime: datetime | None = None  # noqa: N815


class Pod(msgspec.Struct):
    metadata: Metadata
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class ServiceSpec(
    msgspec.Struct, rename={"cluster_ips": "clusterIPs", "cluster_ip": "clusterIP"}
):
    cluster_ip: str = ""
    cluster_ips: list[str] | None = None


class Service(msgspec.Struct):
    metadata: Metadata
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)


class Claim(NamedTuple):
    """An object's addresses and what they are called."""

    workload: Workload
    kind: int
    ips: frozenset[bytes]
    start_ns: int


_CRON_JOB = re.compile(r"(.+)-\d{8,10}")
_OVER = frozenset(("Succeeded", "Failed"))


def pod_claim(pod: Pod, now_ns: int) -> Claim:
    """A finished pod has no address; one on the host's network names the node."""
    texts = [address.ip for address in pod.status.pod_ips or ()] or [pod.status.pod_ip]
    ips = frozenset() if pod.status.phase in _OVER else _packed(texts)
    if pod.spec.host_network:
        return Claim(Workload("", "Node", pod.spec.node_name), NODE, ips, 0)
    started = pod.status.startTime
    start_ns = int(started.timestamp()) * 10**9 if started else now_ns
    return Claim(pod_workload(pod), POD, ips, start_ns)


def service_claim(service: Service, now_ns: int) -> Claim:
    """Headless services have no address of their own."""
    spec = service.spec
    metadata = service.metadata
    workload = Workload(metadata.namespace, "Service", metadata.name)
    return Claim(
        workload, SERVICE, _packed(spec.cluster_ips or [spec.cluster_ip]), now_ns
    )


def pod_workload(pod: Pod) -> Workload:
    """What the pod belongs to, as its user calls it."""
    metadata = pod.metadata
    owner = next((o for o in metadata.owner_references or () if o.controller), None)
    if owner is None or owner.kind == "Node":
        return Workload(metadata.namespace, "Pod", metadata.name)
    kind, name = owner.kind, owner.name
    suffix = "-" + (metadata.labels or {}).get("pod-template-hash", "")
    if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
        kind, name = "Deployment", name.removesuffix(suffix)
    elif kind == "Job" and (made := _CRON_JOB.fullmatch(name)):
        kind, name = "CronJob", made[1]
    return Workload(metadata.namespace, kind, name)


def _packed(texts: list[str]) -> frozenset[bytes]:
    packed = set()
    for text in texts:
        try:
            packed.add(ip_address(text).packed)
        except ValueError:
            continue  # "" before scheduling, "None" of a headless service
    return frozenset(packed)
