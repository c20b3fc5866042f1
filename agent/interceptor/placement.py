"""Where each pod interface is captured: in the host, inside its namespace, or not.

In come the interfaces found and the addresses wanted, out goes a `Plan`. A pod is
wanted if one of its addresses is, and then with all its interfaces and addresses: a
list from the Kubernetes API may know those of its first network only. In the host is
best: it costs no memory of its own. Where there is no end in the host, or packets pass
it by, the ring is inside the pod; so is one on loopback, where a mesh proxy speaks
plain text to its pod. Rings inside have a fixed budget: who comes when it is used up is
told as not captured.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from agent.interceptor.reading.inside import RING_BYTES, Inside
from agent.interceptor.search.namespaces import AMBIENT
from agent.interceptor.search.pods import PodInterface

HOST, INSIDE, LOOPBACK = "host", "inside", "loopback"

FIRST_NUMBER = 1 << 31
"""Views of rings inside are numbered from here on: above every interface index."""

_LOOPBACK_INDEX = 1
"""In every network namespace."""

_Key = tuple[int, int]
"""Inode of a namespace and index of an interface in it."""


@dataclass
class Plan:
    """What to capture."""

    host: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    """Host interface index → the pod's addresses."""
    inside: dict[int, Inside] = field(default_factory=dict)
    """Number of the view → where."""
    own: frozenset[bytes] = frozenset()
    """All addresses of the wanted pods, captured or not."""
    captured: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    """Number of the view → addresses of the interface that it captures."""
    aliases: dict[bytes, bytes] = field(default_factory=dict)
    """Addresses by which nobody else knows a pod → one by which the pod is known."""
    where: dict[int, str] = field(default_factory=dict)
    """Number of the view → host, inside or loopback."""
    proxied: dict[int, int] = field(default_factory=dict)
    """Number of a view → that of its pod's loopback, if a proxy is there."""
    missed: dict[bytes, str] = field(default_factory=dict)
    """A pod's first address → why it is not captured, or not all of it."""

    @property
    def addresses(self) -> dict[int, tuple[bytes, ...]]:
        """Number of the view → the pod's addresses."""
        return {**self.host, **{n: i.addresses for n, i in self.inside.items()}}


class Placement:
    """Remembers which ring belongs to which interface."""

    def __init__(self, inside_bytes: int, workers: int) -> None:
        self._most = inside_bytes // RING_BYTES
        self._workers = workers
        self._known: dict[_Key, tuple[int, int]] = {}
        self._refused: dict[int, str] = {}
        self._next = FIRST_NUMBER

    def refuse(self, refused: dict[int, str]) -> bool:
        """A worker could not make these rings; true if that is news."""
        news = {n: r for n, r in refused.items() if n not in self._refused}
        self._refused.update(news)
        return bool(news)

    def plan(
        self, found: Iterable[PodInterface], listed: Container[bytes] | None
    ) -> Plan:
        """`listed`: only pods with one of these addresses; None: all."""
        pods = [_Pod.of(i, listed) for i in _by_namespace(found)]
        wanted = [(i, p) for p in pods if p.is_wanted for i in p.interfaces]
        plan = Plan(own=frozenset(ip for _, pod in wanted for ip in pod.all_addresses))
        plan.aliases = {ip: to for _, pod in wanted for ip, to in pod.aliases().items()}
        keys = {key for i, _ in wanted for key, _ in _rings_of(i)}
        self._known = {k: known for k, known in self._known.items() if k in keys}
        numbers = {number for number, _ in self._known.values()}
        self._refused = {n: r for n, r in self._refused.items() if n in numbers}
        for interface, pod in wanted:
            own = tuple(ip for ip in pod.addresses if ip in interface.addresses)
            if interface.host_index and not interface.is_bypassed:
                plan.host[interface.host_index] = pod.all_addresses
                plan.captured[interface.host_index] = own
                plan.where[interface.host_index] = HOST
            views = [interface.host_index]
            for key, is_loopback in _rings_of(interface):
                views.append(self._place(plan, interface, pod, key, is_loopback))
                if views[-1] and not is_loopback:
                    plan.captured[views[-1]] = own
            if interface.proxy and views[-1]:
                plan.proxied[views[-2]] = views[-1]
        return plan

    def _place(
        self,
        plan: Plan,
        interface: PodInterface,
        pod: "_Pod",
        key: _Key,
        is_loopback: bool,
    ) -> int:
        """The number of the ring; 0: it cannot be had."""
        reason = "" if interface.namespace_path else "no_path"
        reason = reason or self._allot(key)
        if reason:
            if pod.addresses:
                plan.missed.setdefault(pod.addresses[0], reason)
            return 0
        number, worker = self._known[key]
        plan.inside[number] = Inside(
            path=interface.namespace_path,
            inode=interface.namespace_inode,
            index=key[1],
            addresses=pod.all_addresses,
            is_loopback=is_loopback,
            worker=worker,
            is_transparent=is_loopback and interface.proxy == AMBIENT,
        )
        plan.where[number] = LOOPBACK if is_loopback else INSIDE
        return number

    def _allot(self, key: _Key) -> str:
        """Gives the interface a number and a worker; else the reason why not."""
        if key not in self._known:
            if len(self._known) >= self._most:
                return "no_budget"
            loads = [0] * self._workers
            for _, worker in self._known.values():
                loads[worker] += 1
            self._known[key] = (self._next, loads.index(min(loads)))
            self._next += 1
        return self._refused.get(self._known[key][0], "")


@dataclass
class _Pod:
    """The interfaces of one namespace."""

    interfaces: list[PodInterface]
    """Those whose addresses are known; or all, if none can be known."""
    addresses: tuple[bytes, ...]
    """Of all of them, listed ones first: the pod is called by the first."""
    link_local: tuple[bytes, ...]
    listed: Container[bytes] | None

    @classmethod
    def of(
        cls, interfaces: Iterable[PodInterface], listed: Container[bytes] | None
    ) -> "_Pod":
        """If an interface's name is known, its addresses are too, sooner or later."""
        known = [i for i in interfaces if i.addresses or not i.pod_name_in_ns]

        def rank(ip: bytes) -> tuple[bool, int, bytes]:
            return listed is not None and ip not in listed, len(ip), ip

        addresses = {ip for i in known for ip in i.addresses}
        link_local = {ip for i in known for ip in i.link_local}
        ordered = tuple(sorted(addresses, key=rank))
        return cls(known, ordered, tuple(sorted(link_local)), listed)

    @property
    def is_wanted(self) -> bool:
        """Without a list all are."""
        listed = self.listed
        return listed is None or any(ip in listed for ip in self.addresses)

    @property
    def all_addresses(self) -> tuple[bytes, ...]:
        return self.addresses + self.link_local

    def aliases(self) -> dict[bytes, bytes]:
        """What is not listed, or not known beyond a link → what the pod is called by,
        of the same family if there is one."""
        listed = self.listed
        strange = [
            ip for ip in self.addresses if listed is not None and ip not in listed
        ]
        called = [ip for ip in self.addresses if ip not in strange]
        return {
            ip: next((name for name in called if len(name) == len(ip)), called[0])
            for ip in (*strange, *self.link_local)
            if called
        }


def _by_namespace(found: Iterable[PodInterface]) -> Iterable[list[PodInterface]]:
    """Where it is not known which namespace an interface is in, it stands alone."""
    pods: dict[int, list[PodInterface]] = {}
    for interface in found:
        key = interface.namespace_inode or -interface.host_index
        pods.setdefault(key, []).append(interface)
    return pods.values()


def _rings_of(interface: PodInterface) -> Iterator[tuple[_Key, bool]]:
    """The rings that it needs inside, and whether they are on loopback."""
    inode = interface.namespace_inode
    if not interface.host_index or interface.is_bypassed:
        yield (inode, interface.pod_index), False
    if interface.proxy:
        yield (inode, _LOOPBACK_INDEX), True
