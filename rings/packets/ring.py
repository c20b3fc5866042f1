"""Rings: AF_PACKET TPACKET_V3 receive rings, memory shared with the kernel.

Theory of operation (Linux Documentation/networking/packet_mmap.rst). The kernel fills
one block after the other with frames and hands a block over when it is full or
`RETIRE_MS` old; the reader walks it in place and hands it back. A reader that is too
slow finds all blocks taken: then the kernel drops frames and counts them, nothing
waits. The socket is bound to all interfaces; a filter passes the monitored ones. It is
attached before the socket is bound, so no other frame ever enters, and replaced in one
step: each frame meets the old program or the new one. Rings of one fanout
group share the load by a hash that is the same for both directions of a connection.
Needs CAP_NET_RAW. This module knows the kernel's side only; frames are `block`'s.
"""

import ctypes
import mmap
import os
import select
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rings.packets.among import among, outward
from rings.packets.block import TPACKET_V3, Block, Layout
from rings.packets.filters import NOTHING, Shed, encode, monitoring, sock_fprog

BLOCK_BYTES = 1 << 20
"""Holds the largest GSO frame (512 KiB) whole."""
MOST_BLOCKS = 8
"""Read in one go: a busy reader has other things to do too."""
RETIRE_MS = 50
"""A block that is not full is handed over after this. A reader may sleep for as long
times the number of blocks without loss, however few frames there are."""

_SOL_PACKET = 263
_PACKET_RX_RING = 5
_PACKET_STATISTICS = 6
_PACKET_VERSION = 10
_PACKET_FANOUT = 18
_PACKET_IGNORE_OUTGOING = 23
_TPACKET_V3 = 2
_FANOUT_HASH = 0
_FANOUT_FLAG_DEFRAG = 0x8000
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_FRAME_BYTES = 2048
_STATUS = 8
_COUNT = 12
_FRAMES = struct.Struct("=I")
_USER = 1
_LOSING = 4

_libc = ctypes.CDLL(None, use_errno=True)


class RingError(Exception):
    """The kernel refused a ring; the text says which right or limit is missing."""


def packet_socket() -> socket.socket:
    """In the namespace of this thread; hears nothing yet. Raises RingError."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise RingError("capturing needs root or the capability NET_RAW") from None


@dataclass(frozen=True, slots=True)
class RingStatistics:
    """Frames since the last reading."""

    passed: int
    """Passed by the filter, dropped ones among them."""
    dropped: int
    """Found all blocks taken."""
    freezes: int
    """Times that the ring was full."""


@dataclass(frozen=True, slots=True)
class Place:
    """One interface, of the network namespace that the socket was made in."""

    opened: socket.socket
    """Made by `packet_socket`; the ring owns it from now on."""
    index: int
    """The interface's, in that namespace."""
    number: int
    """Frames are told to be of this interface: indexes of namespaces overlap."""
    addresses: frozenset[bytes]
    """Only packets from one of these to one of these; none: all packets."""
    is_loopback: bool
    """There each packet comes twice, outgoing and received: the latter is taken."""
    block_bytes: int
    """A power of two that holds the largest frame."""
    is_outward: bool = False
    """Nothing that has a loopback address at either end."""


class Ring:
    """One ring; close it, or use it as a context."""

    def __init__(
        self,
        size_bytes: int,
        fanout_group: int | None = None,
        place: Place | None = None,
    ) -> None:
        """Of interfaces of this namespace, or of one `place`.

        `size_bytes` is rounded down to whole blocks. Raises RingError, FilterError.
        """
        self._block_bytes = place.block_bytes if place else BLOCK_BYTES
        self._blocks = max(2, size_bytes // self._block_bytes)
        self._next = 0
        self._indexes = frozenset({place.index} if place else ())
        self._addresses = place.addresses if place else frozenset()
        self._is_outward = place is not None and place.is_outward
        self._shed = NOTHING
        self.frames_read = 0
        """In the blocks read so far."""
        self.losing_blocks = 0
        """Blocks read so far that the kernel closed while it had dropped frames."""
        self._layout = Layout(TPACKET_V3)
        self._view = memoryview(b"")
        self._socket = place.opened if place else packet_socket()
        try:
            self._open(fanout_group, place)
        except OSError as error:
            self.close()
            raise RingError(f"the kernel refused a ring: {error.strerror}") from error

    def set_interfaces(self, indexes: frozenset[int]) -> None:
        """Captures on exactly these interfaces from now on. Raises FilterError."""
        self._attach(indexes, self._shed)

    def set_shed(self, shed: Shed) -> None:
        """Leaves out these connections from now on."""
        self._attach(self._indexes, shed)

    def set_addresses(self, addresses: frozenset[bytes]) -> None:
        """Passes only packets between these from now on. Raises FilterError."""
        self._addresses = addresses
        self._attach(self._indexes, self._shed)

    def read(
        self, timeout_seconds: float, most_blocks: int = MOST_BLOCKS
    ) -> Iterator[Block]:
        """Blocks that are ready, each valid until the next is asked for.

        Waits at most `timeout_seconds` for the first; ends when none is ready, at
        the latest after `most_blocks`.
        """
        if not self._is_ready() and not self._poller.poll(timeout_seconds * 1000):
            return
        for _ in range(most_blocks):
            if not self._is_ready():
                return
            start = self._next * self._block_bytes
            self.losing_blocks += bool(self._view[start + _STATUS] & _LOSING)
            self.frames_read += _FRAMES.unpack_from(self._view, start + _COUNT)[0]
            yield Block(self._view, self._layout, start, start + self._block_bytes)
            self._release()

    def backlog(self) -> float:
        """Share of the blocks that wait to be read; not while reading."""
        ready = 0
        while ready < self._blocks and self._is_ready(ready):
            ready += 1
        return ready / self._blocks

    def statistics(self) -> RingStatistics:
        """Counts since the last call; the kernel resets them when read."""
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
        return RingStatistics(*struct.unpack("=III", raw))

    def clear_error(self) -> None:
        """An interface that goes down leaves an error; it may come up again."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """Gives back socket and memory, which keep their namespace alive.

        Blocks read before keep the memory until they are gone too.
        """
        self._socket.close()
        self._view = memoryview(b"")

    def __enter__(self) -> "Ring":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, fanout_group: int | None, place: Place | None) -> None:
        self._attach(self._indexes, self._shed)
        self._set(_PACKET_VERSION, struct.pack("=i", _TPACKET_V3))
        if place:
            self._layout.interface = place.number
            self._set(_PACKET_IGNORE_OUTGOING, struct.pack("=i", place.is_loopback))
        block_bytes = self._block_bytes
        size = self._blocks * block_bytes
        frames = size // _FRAME_BYTES
        request = (block_bytes, self._blocks, _FRAME_BYTES, frames, RETIRE_MS, 0, 0)
        self._set(_PACKET_RX_RING, struct.pack("=7I", *request))
        self._view = memoryview(mmap.mmap(self._socket.fileno(), size))
        self._poller = select.poll()
        self._poller.register(self._socket, select.POLLIN | select.POLLERR)
        self._bind(place.index if place else 0)
        if fanout_group is not None:
            kind = _FANOUT_HASH | _FANOUT_FLAG_DEFRAG
            self._set(
                _PACKET_FANOUT, struct.pack("=I", fanout_group & 0xFFFF | kind << 16)
            )

    def _bind(self, index: int) -> None:
        """To an interface, or all: the socket module's bind knows no index 0."""
        protocol = socket.htons(_ETH_P_ALL)
        address = struct.pack(
            "=HHiHBB8s", socket.AF_PACKET, protocol, index, 0, 0, 0, b""
        )
        if _libc.bind(self._socket.fileno(), address, len(address)) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def _attach(self, indexes: frozenset[int], shed: Shed) -> None:
        beginning = outward() if self._is_outward else among(self._addresses)
        program = beginning + monitoring(indexes, shed)
        option, memory = sock_fprog(encode(program))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)
        del memory
        self._indexes, self._shed = indexes, shed

    def _set(self, option: int, value: bytes) -> None:
        self._socket.setsockopt(_SOL_PACKET, option, value)

    def _is_ready(self, ahead: int = 0) -> bool:
        block = (self._next + ahead) % self._blocks
        status = block * self._block_bytes + _STATUS
        return bool(self._view[status] & _USER)

    def _release(self) -> None:
        status = self._next * self._block_bytes + _STATUS
        self._view[status : status + 4] = b"\0\0\0\0"
        self._next = (self._next + 1) % self._blocks
