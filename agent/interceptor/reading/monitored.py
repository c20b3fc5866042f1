"""Which addresses are monitored, as a worker's views ask.

In come the list of the cluster and this node's share, as they change; out goes whether
an address is among them. The time is the capture's.
"""

from collections.abc import Iterable

from agent.cluster.address_list.blocks import AddressSet
from agent.interceptor.orders import Cluster
from rings.streams.assembler import Assembler


class Monitored:
    """The addresses monitored anywhere: the list is long, this node's share is not.

    Who leaves is known on while frames from before are read: their exchanges belong to
    the views that know them.
    """

    def __init__(self, assembler: Assembler) -> None:
        self._assembler = assembler
        self._cluster = AddressSet()
        self._own: frozenset[bytes] = frozenset()
        self._left_ns: dict[object, int] = {}

    def __contains__(self, address: object) -> bool:
        return (
            address in self._own
            or address in self._cluster
            or self._left_ns.get(address, 0) > self._assembler.now_ns
        )

    def set_cluster(self, order: Cluster, now_ns: int) -> None:
        added = AddressSet.decode(order.added)
        if order.is_whole:
            gone, self._cluster = self._cluster.minus(added), added
        else:
            gone = AddressSet.decode(order.removed)
            self._cluster.remove(gone)
            self._cluster.update(added)
        self._leave(gone, now_ns)

    def set_own(self, addresses: frozenset[bytes], now_ns: int) -> None:
        gone, self._own = self._own - addresses, addresses
        self._leave(gone, now_ns)

    def _leave(self, gone: Iterable[bytes], now_ns: int) -> None:
        read_ns = self._assembler.now_ns
        self._left_ns = {ip: at for ip, at in self._left_ns.items() if at > read_ns}
        self._left_ns |= dict.fromkeys(gone, now_ns)


class Everywhere:
    """All addresses: on a pod's loopback nobody is reported but the pod, as a server.
    Of what it asks through its proxy only the answers bear true addresses there."""

    def __contains__(self, address: object) -> bool:
        return True


EVERYWHERE = Everywhere()
