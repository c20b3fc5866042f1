"""Ports of pods on the host's network that services tell.

Such a pod has its node's address and need not declare its ports. In: services and pods
(sinks of their watches, which are threads of their own). Out: claims of single ports
(`claims.py`), where a service's selector chooses the pod and its target port is a
number; one with a name is a port that the pod declares. So nobody has to watch the
slices of all services, which a rollout resends with each of its pods.
"""

import threading
import time
from collections.abc import Set
from typing import NamedTuple

import msgspec

from agent.cluster.addresses import NAMED, AddressIndex
from agent.cluster.claims import MOST_KEYS, Claim, Claimed, at_port, pod_claims
from agent.cluster.filters import Filters
from agent.cluster.owners import Owners
from agent.cluster.sinks import Claims
from agent.cluster.watching.objects import Metadata, Pod, Service


class _Open(NamedTuple):
    """What a service leads to."""

    selector: dict[str, str]
    ports: frozenset[int]

    def chooses(self, behind: "_Behind") -> bool:
        return self.selector.items() <= (behind.metadata.labels or {}).items()


class _Behind(msgspec.Struct):
    """A pod on the host's network; its metadata are those of its claims."""

    metadata: Metadata
    whole: Claim | None
    """Of its addresses; None: it is over."""
    ended_ns: int | None


class HostPorts:
    """Both sinks; about 1 kB for each pod on a host's network."""

    def __init__(self, index: AddressIndex, owners: Owners, filters: Filters) -> None:
        self.services = _Services(self)
        self.pods = _Pods(self)
        self._owners = owners
        self._filters = filters
        self._lock = threading.Lock()
        self._claims = Claims(index, self._claims_of)
        self._open: dict[str, dict[str, _Open]] = {}
        self._behind: dict[str, dict[str, _Behind]] = {}
        """Both by namespace and uid."""

    def open(self, namespace: str, uid: str, made: _Open | None) -> None:
        """What a service leads to now; None: nowhere."""
        with self._lock:
            of_namespace = self._open.setdefault(namespace, {})
            before = of_namespace.pop(uid, None)
            if made is not None:
                of_namespace[uid] = made
            if not of_namespace:
                del self._open[namespace]
            if made == before:
                return
            for behind in self._behind.get(namespace, {}).values():
                if any(
                    one is not None and one.chooses(behind) for one in (before, made)
                ):
                    self._claims.put(behind)

    def put(self, pod: Pod, now_ns: int) -> None:
        """A pod on the host's network."""
        metadata = pod.metadata
        workload = self._owners.workload(pod)
        claims, ended_ns = pod_claims(self._owners, self._filters, pod, now_ns)
        whole = claims[0]._replace(workload=workload, kind=NAMED) if claims else None
        own = Metadata(uid=f"{metadata.uid}/ports", namespace=metadata.namespace)
        own.labels = metadata.labels
        behind = _Behind(own, whole, ended_ns)
        with self._lock:
            self._behind.setdefault(metadata.namespace, {})[metadata.uid] = behind
            self._claims.put(behind)

    def drop(self, namespace: str, uid: str) -> None:
        """A pod."""
        with self._lock:
            of_namespace = self._behind[namespace]
            self._claims.drop(of_namespace.pop(uid).metadata.uid)
            if not of_namespace:
                del self._behind[namespace]

    def _claims_of(self, behind: _Behind, now_ns: int) -> Claimed:
        whole = behind.whole
        if whole is None:
            return Claimed((), behind.ended_ns)
        found = self._open.get(behind.metadata.namespace, {}).values()
        ports = {port for one in found if one.chooses(behind) for port in one.ports}
        keys = [at_port(ip, port) for ip in whole.keys for port in sorted(ports)]
        if not keys:
            return Claimed(())
        return Claimed((whole._replace(keys=frozenset(keys[:MOST_KEYS])),))


class _Services:
    """A sink of services."""

    def __init__(self, ports: HostPorts) -> None:
        self._ports = ports
        self._namespaces: dict[str, str] = {}
        """By uid, of those that lead somewhere."""

    def put(self, service: Service) -> None:
        metadata, spec = service.metadata, service.spec
        ports = frozenset(
            number
            for port in spec.ports or ()
            if port.protocol == "TCP"
            if isinstance(number := port.targetPort or port.port, int)
        )
        if not (spec.selector and ports):
            self.drop(metadata.uid)
            return
        self._namespaces[metadata.uid] = metadata.namespace
        self._ports.open(metadata.namespace, metadata.uid, _Open(spec.selector, ports))

    def drop(self, uid: str) -> None:
        if (namespace := self._namespaces.pop(uid, None)) is not None:
            self._ports.open(namespace, uid, None)

    def uids(self) -> Set[str]:
        return self._namespaces.keys()


class _Pods:
    """A sink of pods."""

    def __init__(self, ports: HostPorts) -> None:
        self._ports = ports
        self._namespaces: dict[str, str] = {}
        """By uid, of those on the host's network."""

    def put(self, pod: Pod) -> None:
        if pod.spec.host_network:
            self._namespaces[pod.metadata.uid] = pod.metadata.namespace
            self._ports.put(pod, time.time_ns())

    def drop(self, uid: str) -> None:
        if (namespace := self._namespaces.pop(uid, None)) is not None:
            self._ports.drop(namespace, uid)

    def uids(self) -> Set[str]:
        return self._namespaces.keys()
