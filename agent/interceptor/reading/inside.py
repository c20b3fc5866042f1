"""Rings inside pods' network namespaces, as one worker has them.

In come `Inside`s: where a namespace can be entered and which interface to capture
there. Out go rings, each of a small fixed size. A thread enters the namespace, makes a
socket and ends: no other ever is in a foreign namespace. Socket and memory keep the
namespace alive, so a ring ends as soon as it is not wanted any more.
Needs CAP_SYS_ADMIN (setns(2)); opening a process's namespace needs CAP_SYS_PTRACE.
"""

import ctypes
import errno
import os
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from rings.packets.block import Block
from rings.packets.filters import NOTHING, FilterError, Shed
from rings.packets.ring import Place, Ring, RingError, RingStatistics, packet_socket

BLOCK_BYTES = 1 << 17
"""Holds the largest frame of an interface without BIG TCP (64 KiB) whole; longer ones
are cut and counted."""
RING_BYTES = 4 * BLOCK_BYTES
"""One ring: blocks enough to let a worker turn to other rings for milliseconds."""

_CLONE_NEWNET = 0x40000000
PROXY_ADDRESSES = (bytes([127, 0, 0, 6]), bytes(15) + b"\6")
"""Istio's proxy speaks to its own pod from 127.0.0.6 and ::6."""

_libc = ctypes.CDLL(None, use_errno=True)


class Inside(msgspec.Struct, frozen=True):
    """An interface to capture inside its namespace."""

    path: str
    """A file to enter the namespace by."""
    inode: int
    """The namespace's: what stands at the path may have changed."""
    index: int
    """The interface's, in there."""
    addresses: tuple[bytes, ...]
    is_loopback: bool
    """Only what a proxy in the pod and the pod's own addresses exchange is passed."""
    worker: int
    """Number of the worker that captures it."""
    is_transparent: bool = False
    """The proxy speaks to the pod from its clients' own addresses: all is passed that
    is not between loopback addresses."""


class GoneError(Exception):
    """The namespace has ended, or is not the one that was meant."""


class Rings:
    """The rings of one worker, read and measured as if they were one.

    The host's, and those inside namespaces by the number that their frames get.
    """

    def __init__(self, host: Ring) -> None:
        self._rings: dict[int, tuple[Inside, Ring]] = {}
        self._files = {host.fileno(): host}
        self._ready = select.epoll()
        self._ready.register(host, select.EPOLLIN)
        self._shed = NOTHING
        self._ended = RingStatistics(0, 0, 0)
        self._ended_frames_read = 0
        self._ended_losing_blocks = 0
        self.refused: dict[int, str] = {}
        """Those that could not be made, with the reason."""

    @property
    def frames_read(self) -> int:
        """In the blocks read so far."""
        return self._ended_frames_read + sum(r.frames_read for r in self._all())

    @property
    def losing_blocks(self) -> int:
        """Blocks read so far that the kernel closed while it had dropped frames."""
        return self._ended_losing_blocks + sum(r.losing_blocks for r in self._all())

    def backlog(self) -> float:
        """Share of the blocks that wait to be read, of the ring that has most."""
        return max(ring.backlog() for ring in self._all())

    def statistics(self) -> RingStatistics:
        """Counts since the last call."""
        statistics = self._ended
        self._ended = RingStatistics(0, 0, 0)
        for ring in self._all():
            statistics = _sum(statistics, ring.statistics())
        return statistics

    def set_shed(self, shed: Shed) -> None:
        """Leaves out these connections from now on, in later rings too."""
        self._shed = shed
        for ring in self._all():
            ring.set_shed(shed)

    def fileno(self) -> int:
        """Readable when a ring is."""
        return self._ready.fileno()

    def ready(self, timeout_seconds: float) -> Iterator[Ring]:
        """The rings that have something to read; waits for the first."""
        for file, what in self._ready.poll(timeout_seconds):
            ring = self._files[file]
            if what & select.EPOLLERR:
                ring.clear_error()
            yield ring

    def open(self, wanted: Mapping[int, Inside]) -> None:
        """Makes the rings that are missing; a number stands for one interface."""
        self.refused = {n: r for n, r in self.refused.items() if n in wanted}
        for number, place in wanted.items():
            if number in self._rings:
                _, ring = self._rings[number]
                ring.set_addresses(_spoken_between(place))
                ring.set_interfaces(frozenset({place.index}))
                self._rings[number] = (place, ring)
            elif number not in self.refused:
                self._add(number, place)

    def mute_all(self) -> None:
        """Captures nothing more, anywhere; what was captured can still be read."""
        for ring in self._all():
            ring.set_interfaces(frozenset())

    def rest(self, number: int) -> Iterator[Block]:
        """All blocks that wait in this ring, if it is one inside."""
        if number in self._rings:
            yield from self._rings[number][1].read(0, RING_BYTES // BLOCK_BYTES)

    def mute(self, number: int) -> None:
        """Captures nothing more; what was captured can still be read."""
        if number in self._rings:
            self._rings[number][1].set_interfaces(frozenset())

    def close(self, number: int) -> None:
        if number in self._rings:
            _, ring = self._rings.pop(number)
            self._ready.unregister(ring)
            del self._files[ring.fileno()]
            self._ended = _sum(self._ended, ring.statistics())
            self._ended_frames_read += ring.frames_read
            self._ended_losing_blocks += ring.losing_blocks
            ring.close()

    def close_all(self) -> None:
        """But the host's."""
        for number in list(self._rings):
            self.close(number)
        self._ready.close()

    def _all(self) -> Iterable[Ring]:
        return self._files.values()

    def _add(self, number: int, place: Inside) -> None:
        try:
            ring = _ring(number, place)
        except GoneError:
            self.refused[number] = "namespace_gone"
        except PermissionError:
            self.refused[number] = "no_right"
        except (OSError, RingError, FilterError):
            self.refused[number] = "kernel_refused"
        else:
            ring.set_shed(self._shed)
            self._rings[number] = (place, ring)
            self._files[ring.fileno()] = ring
            self._ready.register(ring, select.EPOLLIN)


def _sum(one: RingStatistics, other: RingStatistics) -> RingStatistics:
    return RingStatistics(
        one.passed + other.passed,
        one.dropped + other.dropped,
        one.freezes + other.freezes,
    )


def socket_inside(
    path: str, inode: int, make: Callable[[], socket.socket]
) -> socket.socket:
    """What `make` makes in the namespace. Raises GoneError, OSError or RingError."""
    made: list[socket.socket | BaseException] = []
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        raise GoneError from None

    def enter() -> None:
        try:
            if _libc.setns(file, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            made.append(make())
        except (OSError, RingError) as error:
            made.append(error)

    try:
        if os.fstat(file).st_ino != inode:
            raise GoneError
        thread = threading.Thread(target=enter, name="entering")
        thread.start()
        thread.join()
    finally:
        os.close(file)
    (result,) = made
    if isinstance(result, BaseException):
        raise result
    return result


def _spoken_between(place: Inside) -> frozenset[bytes]:
    """On loopback: the proxy and the pod, if it has an address there; elsewhere all."""
    pod = (*PROXY_ADDRESSES, *place.addresses)
    is_named = place.is_loopback and not place.is_transparent
    return frozenset(pod if is_named else ())


def _ring(number: int, place: Inside) -> Ring:
    opened = socket_inside(place.path, place.inode, packet_socket)
    try:
        return Ring(
            RING_BYTES,
            place=Place(
                opened=opened,
                index=place.index,
                number=number,
                addresses=_spoken_between(place),
                is_loopback=place.is_loopback,
                is_outward=place.is_transparent,
                block_bytes=BLOCK_BYTES,
            ),
        )
    except RingError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in (errno.ENODEV, errno.ENXIO):
            raise GoneError from None
        raise
