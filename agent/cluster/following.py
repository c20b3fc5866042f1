"""What is watched of a cluster, and what for.

Only what is used, each kind once: `kustomize/base/digger/clusterrole.yaml` grants just
this, and the component `filters` what its rules need beside.
"""

from collections.abc import Callable
from functools import partial

import msgspec
import urllib3

from agent.cluster.addresses import AddressIndex
from agent.cluster.claims import (
    node_claims,
    pod_claims,
    service_claims,
    slice_claims,
)
from agent.cluster.filters import Ask, Filters
from agent.cluster.host_ports import HostPorts
from agent.cluster.owners import Owners
from agent.cluster.sinks import Claims
from agent.cluster.watching.api import AS_PARTIAL, Api, ApiError, GoneError
from agent.cluster.watching.objects import (
    EndpointSlice,
    Gateway,
    Ingress,
    Node,
    Partial,
    Pod,
    Route,
    Service,
)
from agent.cluster.watching.resources import Resource
from agent.cluster.watching.sink import Sink

NOT_PODS = "endpointslice.kubernetes.io/managed-by!=endpointslice-controller.k8s.io"
"""Slices of pods tell nothing that pods do not."""


def resources(
    index: AddressIndex,
    owners: Owners,
    pods: tuple[Sink, ...] = (),
    services: tuple[Sink, ...] = (),
    fronts: Callable[[], Sink] | None = None,
    filters: Filters | None = None,
) -> list[Resource]:
    """All kinds, into the index and into further sinks; `fronts` makes one for the
    hosts under which the cluster is reached."""
    filters = filters or Filters()
    of_services = Claims(index, partial(service_claims, filters))
    ports = HostPorts(index, owners, filters)
    of_pods = Claims(index, partial(pod_claims, owners, filters))
    found = [
        Resource(
            "/apis/batch/v1/jobs", Partial, owners, need="perhaps", is_partial=True
        ),
        *_namespaces(filters),
        Resource("/api/v1/nodes", Node, Claims(index, node_claims), need="more"),
        Resource(
            "/apis/discovery.k8s.io/v1/endpointslices",
            EndpointSlice,
            Claims(index, slice_claims),
            need="more",
            selector=NOT_PODS,
        ),
        Resource(
            "/api/v1/services",
            Service,
            of_services,
            ports.services,
            *services,
            after=("namespaces",),
            renewed=filters.renewed(),
        ),
        Resource(
            "/api/v1/pods",
            Pod,
            of_pods,
            ports.pods,
            *pods,
            after=("jobs", "namespaces"),
            renewed=filters.renewed(),
        ),
    ]
    if fronts is not None:
        ingresses = "/apis/networking.k8s.io/v1/ingresses"
        found.append(Resource(ingresses, Ingress, fronts(), need="more"))
        for name, kind in (("httproutes", Route), ("gateways", Gateway)):
            path = f"/apis/gateway.networking.k8s.io/v1/{name}"
            found.append(Resource(path, kind, fronts(), need="perhaps"))
    return found


def _namespaces(filters: Filters) -> list[Resource]:
    """Where rules may ask for their labels."""
    if not filters.may_select_namespaces:
        return []
    sink = filters.namespaces
    path = "/api/v1/namespaces"
    return [Resource(path, Partial, sink, need="more", is_partial=True)]


def asking(api: Api) -> Ask:
    """Asks for metadata by path."""

    def ask(path: str) -> Partial | None:
        try:
            return msgspec.json.decode(api.get(path, {}, AS_PARTIAL), type=Partial)
        except (ApiError, GoneError, OSError, urllib3.exceptions.HTTPError):
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    return ask
