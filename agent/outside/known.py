"""Hosts that manifests tell: targets of ExternalName services, and hosts of ingresses.

Sinks of the cluster's watches (`agent/cluster/watching/sink.py`).
"""

from collections.abc import Set

from agent.cluster.watching.objects import Gateway, Ingress, Route, Service
from agent.outside.hosts import Hosts

MOST_RULES = 500
"""Hosts of one object."""


class Aliases:
    """Services that stand for a host outside."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._names: dict[str, tuple[str, str]] = {}
        """By uid."""

    def put(self, service: Service) -> None:
        metadata, target = service.metadata, service.spec.externalName
        self.drop(metadata.uid)
        if target:
            self._names[metadata.uid] = metadata.namespace, metadata.name
            self._hosts.point(metadata.namespace, metadata.name, target)

    def drop(self, uid: str) -> None:
        if named := self._names.pop(uid, None):
            self._hosts.point(*named, "")

    def uids(self) -> Set[str]:
        return self._names.keys()


class Fronts:
    """Ingresses, routes or gateways: under these hosts the cluster itself is reached
    from outside."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._served: dict[str, tuple[str, ...]] = {}
        """By uid."""

    def put(self, front: Ingress | Route | Gateway) -> None:
        self.drop(front.metadata.uid)
        served = tuple(front.hosts[:MOST_RULES])
        self._served[front.metadata.uid] = served
        for host in served:
            self._hosts.keep(host)

    def drop(self, uid: str) -> None:
        for host in self._served.pop(uid, ()):
            self._hosts.drop(host)

    def uids(self) -> Set[str]:
        return self._served.keys()
