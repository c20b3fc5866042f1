"""Which workload an address belongs to, and when.

In: addresses with their owners as the cluster or a file tells them, with the time from
which and until which that holds. Out: the owner of an address at a capture time, and
the list of addresses that interceptors monitor, with its changes. An address used again
by another pod does not relabel older traffic. Thread-safe; history is bounded.
"""

import threading
from collections import OrderedDict, deque
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from proto.v1.addresses_pb2 import Address

POD, SERVICE, NODE = Address.POD, Address.SERVICE, Address.NODE

MOST_HISTORY = 200_000
"""Ended ownerships remembered."""
GRACE_NS = 10 * 10**9
"""An address still belongs to its last owner for so long if nobody else has it: the
watch tells of an end, or of a start, a little before or after the packets do."""
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
    """At one revision an address came (with its kind) or went (kind None)."""

    revision: int
    ip: bytes
    kind: int | None


class _Ownership:
    __slots__ = ("end_ns", "holder", "kind", "start_ns", "workload")

    def __init__(
        self, workload: Workload, kind: int, start_ns: int, holder: str
    ) -> None:
        self.holder = holder
        self.workload = workload
        self.kind = kind
        self.start_ns = start_ns
        self.end_ns: int | None = None


class AddressIndex:
    """Ownership of addresses in time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._current: dict[bytes, _Ownership] = {}
        self._ended: OrderedDict[bytes, list[_Ownership]] = OrderedDict()
        self._ended_count = 0
        self._changes: deque[Change] = deque(maxlen=MOST_CHANGES)
        self.revision = 0
        self.is_complete = False
        self.is_static = True
        """Whether names may still come: if not, nobody need wait for them."""

    def add(
        self, ip: bytes, workload: Workload, kind: int, start_ns: int, holder: str
    ) -> None:
        """From `start_ns` on the address is the workload's; `holder` tells its pods
        apart, so that the end of one does not end another's."""
        with self._changed:
            known = self._current.get(ip)
            if known and (known.workload, known.kind) == (workload, kind):
                known.holder = holder
                return
            if known:
                self._end(ip, known, start_ns)
            self._current[ip] = _Ownership(workload, kind, start_ns, holder)
            if not known or known.kind != kind:
                self._note(ip, kind)

    def remove(self, ip: bytes, holder: str, end_ns: int) -> None:
        """From `end_ns` on the holder does not have the address any more."""
        with self._changed:
            known = self._current.get(ip)
            if known and known.holder == holder:
                del self._current[ip]
                self._end(ip, known, end_ns)
                self._note(ip, None)

    def complete(self) -> None:
        """The whole list was added once."""
        with self._changed:
            self.is_complete = True
            self._changed.notify_all()

    def find(self, ip: bytes, at_ns: int) -> Workload | None:
        """The owner at a capture time, if known."""
        current = self._current.get(ip)
        if current and current.start_ns <= at_ns:
            return current.workload
        with self._changed:
            current, ended = self._current.get(ip), list(self._ended.get(ip, ()))
        for past in reversed(ended):
            if past.start_ns <= at_ns and at_ns < (past.end_ns or 0):
                return past.workload
        if ended and 0 <= at_ns - (ended[-1].end_ns or 0) < GRACE_NS:
            return ended[-1].workload
        if current and (not ended or current.start_ns - at_ns < GRACE_NS):
            # Known from a list made after the packet, and nobody else had it.
            return current.workload
        return None

    def snapshot(self) -> tuple[int, dict[bytes, int]]:
        """Revision, and each address in use with its kind."""
        with self._changed:
            return self.revision, {ip: o.kind for ip, o in self._current.items()}

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

    def _note(self, ip: bytes, kind: int | None) -> None:
        self.revision += 1
        self._changes.append(Change(self.revision, ip, kind))
        self._changed.notify_all()

    def _end(self, ip: bytes, ownership: _Ownership, end_ns: int) -> None:
        ownership.end_ns = end_ns
        self._ended.setdefault(ip, []).append(ownership)
        self._ended.move_to_end(ip)
        self._ended_count += 1
        while self._ended_count > MOST_HISTORY:
            oldest, past = next(iter(self._ended.items()))
            del past[0]
            self._ended_count -= 1
            if not past:
                del self._ended[oldest]


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
