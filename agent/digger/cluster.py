"""The cluster as the digger knows it.

In: the Kubernetes API, or a file of names. Out: names of addresses (`index`), what
packages tell of workloads and of ways into the cluster, and how old all of that is.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from agent.cluster import names
from agent.cluster.addresses import AddressIndex, Workload
from agent.cluster.filters import Filters, own_namespace
from agent.cluster.following import asking, resources
from agent.cluster.freshness import Freshness
from agent.cluster.outward import Outward
from agent.cluster.owners import Owners
from agent.cluster.watching import api
from agent.cluster.watching.references import References
from agent.cluster.watching.watch import follow
from agent.cluster.workloads import Workloads
from agent.lifecycle import Roles
from agent.outside.hosts import Hosts
from agent.outside.known import Aliases, Fronts
from agent.settings import Addresses, Cluster, split_list
from proto.v1.collector_pb2 import Package


class Surroundings:
    """One cluster's."""

    def __init__(self, addresses: Addresses, cluster: Cluster, hosts: Hosts) -> None:
        """`hosts` learns under which names the cluster is reached."""
        self.index = AddressIndex()
        self.freshness = Freshness()
        self._addresses = addresses
        self._hosts = hosts
        self._workloads = Workloads(
            split_list(cluster.owner_keys), split_list(cluster.labels)
        )
        self._outward = Outward()

    def follow(self, roles: Roles) -> None:
        """Reads the file, and follows the Kubernetes API in a role of its own."""
        file, kubeconfig = self._addresses.file, self._addresses.kubeconfig_file
        configuration = None if file else api.configuration(kubeconfig)
        if file:
            names.load(Path(file), self.index)
        if configuration is None:
            self.index.complete()
            return
        server = api.Api(configuration)
        owners = Owners(References(server))
        self._workloads.owners = self._outward.owners = owners
        rules = self._addresses.filter_file
        watched = resources(
            self.index,
            owners,
            pods=(self._workloads, self._outward.pods),
            services=(Aliases(self._hosts), self._outward.services),
            fronts=partial(Fronts, self._hosts),
            filters=Filters(rules, own_namespace(), ask=asking(server)),
        )
        roles.start(
            "watch", partial(follow, server, self.index, watched, self.freshness)
        )

    def tell(self, package: Package, workloads: Iterable[Workload]) -> None:
        """Adds what is news of these workloads, and of ways in."""
        package.workloads.extend(self._workloads.news(workloads))
        package.outward.extend(self._outward.news())

    def clear(self) -> None:
        """What was told may have been lost: tell it anew."""
        self._workloads.clear()
        self._outward.clear()
