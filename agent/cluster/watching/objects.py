"""What we need of Kubernetes objects.

msgspec skips all else of their JSON, so that large clusters fit.
"""

from datetime import datetime

import msgspec


class Owner(msgspec.Struct, rename="camel"):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    api_version: str = ""


class Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class Port(msgspec.Struct, rename="camel"):
    container_port: int = 0
    host_port: int = 0
    protocol: str = "TCP"


class Container(msgspec.Struct):
    name: str = ""
    image: str = ""
    ports: list[Port] | None = None


class PodSpec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    host_network: bool = False
    containers: list[Container] | None = None


class Run(msgspec.Struct):
    """Of a container, if it runs or ended."""

    startedAt: datetime | None = None  # noqa: N815
    finishedAt: datetime | None = None  # noqa: N815


class ContainerState(msgspec.Struct):
    running: Run | None = None
    terminated: Run | None = None


class ContainerStatus(msgspec.Struct, rename={"image_id": "imageID"}):
    name: str = ""
    image_id: str = ""
    state: ContainerState = msgspec.field(default_factory=ContainerState)
    lastState: ContainerState = msgspec.field(default_factory=ContainerState)  # noqa: N815


class Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    lastTransitionTime: datetime | None = None  # noqa: N815


class PodAddress(msgspec.Struct):
    ip: str = ""


class PodStatus(
    msgspec.Struct,
    rename={"pod_ips": "podIPs", "pod_ip": "podIP", "host_ip": "hostIP"},
):
    phase: str = ""
    host_ip: str = ""
    pod_ip: str = ""
    pod_ips: list[PodAddress] | None = None
    startTime: datetime | None = None  # noqa: N815
    containerStatuses: list[ContainerStatus] | None = None  # noqa: N815
    initContainerStatuses: list[ContainerStatus] | None = None  # noqa: N815
    conditions: list[Condition] | None = None


class Pod(msgspec.Struct):
    metadata: Metadata
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class ServicePort(msgspec.Struct):
    port: int = 0
    protocol: str = "TCP"
    targetPort: int | str = 0  # noqa: N815
    """A name: of a container's port."""


class ServiceSpec(
    msgspec.Struct, rename={"cluster_ips": "clusterIPs", "cluster_ip": "clusterIP"}
):
    cluster_ip: str = ""
    cluster_ips: list[str] | None = None
    externalName: str = ""  # noqa: N815
    externalIPs: list[str] | None = None  # noqa: N815
    ports: list[ServicePort] | None = None
    selector: dict[str, str] | None = None


class Front(msgspec.Struct):
    """Where a load balancer lets traffic in."""

    ip: str = ""
    hostname: str = ""


class LoadBalancer(msgspec.Struct):
    ingress: list[Front] | None = None


class ServiceStatus(msgspec.Struct, rename="camel"):
    load_balancer: LoadBalancer = msgspec.field(default_factory=LoadBalancer)


class Service(msgspec.Struct):
    metadata: Metadata
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)
    status: ServiceStatus = msgspec.field(default_factory=ServiceStatus)

    @property
    def fronts(self) -> list[Front]:
        """Of its load balancer, if it has one."""
        return self.status.load_balancer.ingress or []


class NodeSpec(msgspec.Struct, rename={"pod_cidrs": "podCIDRs", "pod_cidr": "podCIDR"}):
    pod_cidr: str = ""
    pod_cidrs: list[str] | None = None


class NodeAddress(msgspec.Struct):
    type: str = ""
    address: str = ""


class NodeStatus(msgspec.Struct):
    addresses: list[NodeAddress] | None = None


class Node(msgspec.Struct):
    metadata: Metadata
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class Endpoint(msgspec.Struct):
    addresses: list[str] | None = None


class EndpointPort(msgspec.Struct):
    port: int | None = None
    protocol: str | None = "TCP"


class EndpointSlice(msgspec.Struct):
    metadata: Metadata
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None


class IngressRule(msgspec.Struct):
    host: str = ""


class IngressSpec(msgspec.Struct):
    rules: list[IngressRule] | None = None


class Ingress(msgspec.Struct):
    metadata: Metadata
    spec: IngressSpec = msgspec.field(default_factory=IngressSpec)

    @property
    def hosts(self) -> list[str]:
        return [rule.host for rule in self.spec.rules or () if rule.host]


class RouteSpec(msgspec.Struct):
    hostnames: list[str] | None = None


class Route(msgspec.Struct):
    """Of the Gateway API, for HTTP."""

    metadata: Metadata
    spec: RouteSpec = msgspec.field(default_factory=RouteSpec)

    @property
    def hosts(self) -> list[str]:
        return self.spec.hostnames or []


class Listener(msgspec.Struct):
    hostname: str = ""


class GatewaySpec(msgspec.Struct):
    listeners: list[Listener] | None = None


class Gateway(msgspec.Struct):
    metadata: Metadata
    spec: GatewaySpec = msgspec.field(default_factory=GatewaySpec)

    @property
    def hosts(self) -> list[str]:
        return [one.hostname for one in self.spec.listeners or () if one.hostname]


class Network(msgspec.Struct):
    """One of a pod's networks, as the annotation below tells them."""

    ips: list[str] | None = None


NETWORKS_KEY = "k8s.v1.cni.cncf.io/network-status"
"""Multus and its like write a pod's further networks there, not into its status (the
Kubernetes Network Custom Resource Definition De-facto Standard, version 1)."""


class Partial(msgspec.Struct):
    """Any object's metadata (PartialObjectMetadata)."""

    metadata: Metadata
