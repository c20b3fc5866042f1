"""Where each pod interface is captured: in the host, inside its namespace, or not.

In come the interfaces found and the addresses wanted, out goes a `Plan`. In the host is
best: it costs no memory of its own. Where there is no end in the host, or packets pass
it by, the ring is inside the pod; so is one on loopback, where a mesh proxy speaks
plain text to its pod. Rings inside have a fixed budget: who comes when it is used up is
told as not captured.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.interceptor.inside import RING_BYTES, Inside
from agent.interceptor.pods import PodInterface

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
        self, found: Iterable[PodInterface], listed: frozenset[bytes] | None
    ) -> Plan:
        """`listed`: only pods with one of these addresses; None: all."""
        wanted = [i for i in found if _is_wanted(i, listed)]
        plan = Plan(own=frozenset(ip for i in wanted for ip in i.addresses))
        keys = {key for i in wanted for key, _ in _rings_of(i)}
        self._known = {k: known for k, known in self._known.items() if k in keys}
        numbers = {number for number, _ in self._known.values()}
        self._refused = {n: r for n, r in self._refused.items() if n in numbers}
        for interface in wanted:
            if interface.host_index and not interface.is_bypassed:
                plan.host[interface.host_index] = _sorted(interface.addresses)
                plan.where[interface.host_index] = HOST
            views = [interface.host_index]
            for key, is_loopback in _rings_of(interface):
                views.append(self._place(plan, interface, key, is_loopback))
            if interface.proxy and views[-1]:
                plan.proxied[views[-2]] = views[-1]
        return plan

    def _place(
        self, plan: Plan, interface: PodInterface, key: _Key, is_loopback: bool
    ) -> int:
        """The number of the ring; 0: it cannot be had."""
        addresses = _sorted(interface.addresses)
        reason = "" if interface.namespace_path else "no_path"
        reason = reason or self._allot(key)
        if reason:
            if addresses:
                plan.missed.setdefault(addresses[0], reason)
            return 0
        number, worker = self._known[key]
        if before := plan.inside.get(number):
            addresses = _sorted({*addresses, *before.addresses})
        plan.inside[number] = Inside(
            path=interface.namespace_path,
            inode=interface.namespace_inode,
            index=key[1],
            addresses=addresses,
            is_loopback=is_loopback,
            worker=worker,
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


def _is_wanted(interface: PodInterface, listed: frozenset[bytes] | None) -> bool:
    """Without a list all pods are, but not before their addresses are known: if the
    interface's name is known, they are too."""
    if listed is None:
        return bool(interface.addresses) or not interface.pod_name_in_ns
    return not interface.addresses.isdisjoint(listed)


def _rings_of(interface: PodInterface) -> Iterator[tuple[_Key, bool]]:
    """The rings that it needs inside, and whether they are on loopback."""
    inode = interface.namespace_inode
    if not interface.host_index or interface.is_bypassed:
        yield (inode, interface.pod_index), False
    if interface.proxy:
        yield (inode, _LOOPBACK_INDEX), True


def _sorted(addresses: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted(addresses, key=lambda ip: (len(ip), ip)))
