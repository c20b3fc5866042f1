"""Which workload an address belongs to, and when.

In: addresses with their owners as the cluster or a file tells them, in any order, with
the time from which and until which that holds. Out: the owner of an address at a
capture time, and the addresses that interceptors monitor, with their changes.

An owner has an address surely within one interval and perhaps within a wider one: the
cluster tells late and by seconds, and clocks differ. Who alone may have had it then is
its owner; of several, who surely had it. Else nobody is: no name is better than a wrong
one. Thread-safe; history is bounded.
"""

import threading
from collections import deque
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from proto.v1.addresses_pb2 import Address

POD, SERVICE, NODE = Address.POD, Address.SERVICE, Address.NODE
NAMED = Address.KIND_UNSPECIFIED
"""It has a name, but nothing is captured there."""
DOOR = max(Address.Kind.values()) + 1
"""A port of a node that leads to a pod which is captured; only told with nodes."""
MONITORED = frozenset((POD, SERVICE))

MOST_HISTORY = 200_000
"""Ended ownerships remembered."""
DOUBT_NS = 2 * 10**9
"""Around the times that the cluster tells: they are cut to seconds, and clocks of nodes
differ."""
LATE_NS = 10 * 10**9
"""What only was noticed happened at most so long before."""
GRACE_NS = 10 * 10**9
"""An address still belongs to its last owner for so long if nobody else has it: an end
may be told before it comes (a pod deleted by force)."""
MOST_CHANGES = 10_000
"""Changes remembered for followers; one further behind gets the whole list."""


class Workload(NamedTuple):
    """A name for the user: what a pod belongs to, a service, a node or a place."""

    namespace: str
    kind: str
    name: str


INTERNET = Workload("", "External", "internet")
BEHIND_PROXY = Workload("", "Unresolved", "behind a proxy")
"""A client of which a mesh's proxy tells nothing."""


class Change(NamedTuple):
    """At one revision an address came to be monitored or went."""

    revision: int
    ip: bytes
    is_in: bool
    node: str
    """Where it is, if that is known."""
    is_node: bool = False
    """It is a node's own address, or a port of it, which is not monitored."""


class Ownership(NamedTuple):
    """Of one address, by one holder."""

    start_ns: int
    """Surely the holder's from here …"""
    earliest_ns: int
    """… perhaps from here."""
    end_ns: int | None
    """None: it lasts."""
    is_end_exact: bool
    """By the node's own clock, not just noticed."""
    workload: Workload
    kind: int
    holder: str
    node: str


class AddressIndex:
    """Ownership of addresses in time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[bytes, tuple[Ownership, ...]] = {}
        """By start; replaced, never changed, so readers need no lock."""
        self._ended: deque[tuple[bytes, Ownership]] = deque()
        self._monitored: dict[bytes, str] = {}
        """With the node."""
        self._nodes: set[bytes] = set()
        self._changes: deque[Change] = deque(maxlen=MOST_CHANGES)
        self._began_ns = 0
        self.revision = 0
        self.is_complete = False
        self.is_static = True
        """Whether names may still come: if not, nobody need wait for them."""

    def add(
        self,
        ip: bytes,
        workload: Workload,
        kind: int,
        start_ns: int,
        holder: str,
        earliest_ns: int | None = None,
        node: str = "",
    ) -> None:
        """From `start_ns` on the address is the workload's, perhaps from `earliest_ns`
        on; `holder` tells its pods apart. What is told again is corrected. An address
        may end with a port (2 bytes): then it is only that port's."""
        if earliest_ns is None:
            earliest_ns = start_ns
        with self._changed:
            held = self._held.get(ip, ())
            known = next(
                (o for o in held if o.holder == holder and o.end_ns is None), None
            )
            if known is not None and known.start_ns < start_ns:
                start_ns = known.start_ns
                earliest_ns = max(known.earliest_ns, min(earliest_ns, start_ns))
            new = Ownership(
                start_ns,
                min(earliest_ns, start_ns),
                None,
                False,
                workload,
                kind,
                holder,
                node,
            )
            if new != known:
                rest = (o for o in held if o is not known)
                self._hold(ip, (*rest, new))

    def remove(
        self, ip: bytes, holder: str, end_ns: int, is_exact: bool = False
    ) -> None:
        """From `end_ns` on the holder does not have the address any more."""
        with self._changed:
            held = self._held.get(ip, ())
            for known in held:
                if known.holder == holder and known.end_ns is None:
                    end_ns = max(end_ns, known.start_ns)
                    ended = known._replace(end_ns=end_ns, is_end_exact=is_exact)
                    self._ended.append((ip, ended))
                    self._hold(ip, (*(o for o in held if o is not known), ended))
                    self._forget()
                    return

    def begin(self, now_ns: int) -> None:
        """From now on owners are told; who had addresses before is not known."""
        self._began_ns = self._began_ns or now_ns

    def complete(self) -> None:
        """The whole list was added once."""
        with self._changed:
            self.is_complete = True
            self._changed.notify_all()

    def find(self, ip: bytes, at_ns: int, port: int = 0) -> Workload | None:
        """The owner at a capture time, if known; with a port, of that port if it has
        one of its own."""
        if port:
            held = self._held.get(ip + port.to_bytes(2, "big"))
            if held is not None and (found := self._owner(held, at_ns)) is not None:
                return found
        held = self._held.get(ip)
        return None if held is None else self._owner(held, at_ns)

    def snapshot(self) -> tuple[int, dict[bytes, str]]:
        """Revision, and each monitored address with its node."""
        with self._changed:
            return self.revision, dict(self._monitored)

    def nodes(self) -> set[bytes]:
        """The nodes' own addresses, and with a port those that lead to a pod."""
        with self._changed:
            return set(self._nodes)

    def changes_since(self, revision: int) -> list[Change] | None:
        """Changes after a revision, oldest first; None if they are forgotten."""
        with self._changed:
            wanted = self.revision - revision
            if wanted > len(self._changes) or wanted < 0:
                return None
            return list(self._changes)[len(self._changes) - wanted :]

    def wait(self, revision: int, seconds: float) -> None:
        """Until there is something newer than `revision`, or the time is over."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.is_complete and self.revision > revision, seconds
            )

    def _owner(self, held: tuple[Ownership, ...], at_ns: int) -> Workload | None:
        """Who had it then. `held` is by start."""
        last = held[-1]
        if len(held) == 1 and last.end_ns is None and at_ns > last.start_ns + LATE_NS:
            return last.workload
        perhaps, surely, begun = set(), set(), False
        for number, owner in enumerate(held):
            others = (o for o in held[number + 1 :] if o.workload != owner.workload)
            following = next(others, None)
            if _may_have(owner, following, at_ns):
                perhaps.add(owner.workload)
                begun = begun or self._had_begun(owner, at_ns)
                if _surely_has(owner, following, at_ns):
                    surely.add(owner.workload)
        likely = perhaps if len(perhaps) == 1 and begun else surely
        return likely.pop() if len(likely) == 1 else None

    def _had_begun(self, owner: Ownership, at_ns: int) -> bool:
        """Lest it be one before, of which nobody told."""
        doubt = DOUBT_NS if owner.earliest_ns < self._began_ns else 0
        return at_ns >= owner.earliest_ns + doubt * (owner.earliest_ns > 0)

    def _hold(self, ip: bytes, held: tuple[Ownership, ...]) -> None:
        if held:
            self._held[ip] = tuple(sorted(held, key=lambda o: o.start_ns))
        else:
            del self._held[ip]
        lasting = [o for o in self._held.get(ip, ()) if o.end_ns is None]
        last = lasting[-1] if lasting else None
        is_node = last is not None and last.kind in (NODE, DOOR)
        if is_node != (ip in self._nodes):
            self._nodes ^= {ip}
            self._note(ip, is_node, "", is_node=True)
        node = last.node if last is not None and last.kind in MONITORED else None
        if node == self._monitored.get(ip):
            return
        if node is None:
            self._note(ip, False, self._monitored.pop(ip))
        else:
            self._monitored[ip] = node
            self._note(ip, True, node)

    def _note(self, ip: bytes, is_in: bool, node: str, is_node: bool = False) -> None:
        self.revision += 1
        self._changes.append(Change(self.revision, ip, is_in, node, is_node))
        self._changed.notify_all()

    def _forget(self) -> None:
        while len(self._ended) > MOST_HISTORY:
            ip, ended = self._ended.popleft()
            self._hold(ip, tuple(o for o in self._held.get(ip, ()) if o is not ended))


def _may_have(owner: Ownership, following: Ownership | None, at_ns: int) -> bool:
    if at_ns < owner.earliest_ns - DOUBT_NS:
        return False
    if following is not None and at_ns >= following.start_ns + DOUBT_NS:
        return False
    grace = DOUBT_NS if owner.is_end_exact else GRACE_NS
    return owner.end_ns is None or at_ns < owner.end_ns + grace


def _surely_has(owner: Ownership, following: Ownership | None, at_ns: int) -> bool:
    if at_ns < owner.start_ns + DOUBT_NS:
        return False
    if following is not None:
        earliest = max(following.earliest_ns, following.start_ns - LATE_NS)
        if at_ns >= earliest - DOUBT_NS:
            return False
    doubt = DOUBT_NS if owner.is_end_exact else LATE_NS
    return owner.end_ns is None or at_ns < owner.end_ns - doubt


@lru_cache(maxsize=65_536)
def place(ip: bytes) -> Workload | None:
    """What an address without an owner is called: INTERNET if public, else nothing."""
    if len(ip) == 16 and ip.startswith(bytes(10) + b"\xff\xff"):
        ip = ip[12:]
    return INTERNET if ip_address(ip).is_global else None


@lru_cache(maxsize=65_536)
def unresolved(ip: bytes) -> Workload:
    """The name of a private address that nobody claimed."""
    return Workload("", "Unresolved", str(ip_address(ip)))
