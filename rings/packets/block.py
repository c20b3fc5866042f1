# cython: annotation_typing=False
"""Blocks: runs of captured frames in one piece of memory.

In comes memory in the layout of a kernel ring (TPACKET_V3, Linux
Documentation/networking/packet_mmap.rst), of a pcap file
(draft-ietf-opsawg-pcap) or of a pcapng file (draft-ietf-opsawg-pcapng); out comes one
frame after the other, as positions in that memory. Nothing is copied. A file's block
may end within a frame: `position` then tells where, and the reader goes on from there.
"""

import cython

if not cython.compiled:
    from rings.memory import prefetch, read_be16, read_be32, read_le16, read_le32

TPACKET_V3 = 0
PCAP = 1
PCAPNG = 2

ETHERNET = 1
"""Link types are those of pcap (https://www.tcpdump.org/linktypes.html)."""
RAW_IP = 101

_ARPHRD_NONE = 0xFFFE
_ARPHRD_RAWIP = 519
_TPACKET_HEADER_BYTES = 48
_PCAP_HEADER_BYTES = 16
_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE_DESCRIPTION = 1
_PACKET = 2
_SIMPLE_PACKET = 3
_ENHANCED_PACKET = 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_MAX_FRAME_BYTES = 16_777_216


class MalformedBlockError(Exception):
    """The memory does not hold what its layout says; no captured byte in the text."""


class Frame:
    """One captured slot. One object serves all frames of a block in turn."""

    def __init__(self) -> None:
        self.start = 0
        self.captured = 0
        self.length = 0
        self.timestamp_ns = 0
        self.interface = 0
        self.link = ETHERNET


class Layout:
    """How the frames of a source stand in its blocks; pcapng changes it on the way."""

    def __init__(
        self,
        kind: int,
        big_endian: bool = False,
        nanoseconds: bool = False,
        link: int = ETHERNET,
    ) -> None:
        self.kind = kind
        self.big_endian = big_endian
        self.nanoseconds = nanoseconds
        self.link = link
        self.interface = 0
        """A ring's frames are all of this interface; 0: as the kernel numbers them."""
        self.links: list[int] = []
        self.snap_lengths: list[int] = []
        self.ticks_per_second: list[int] = []
        self.offsets_seconds: list[int] = []


class Block:
    """Frames in `buffer[start:end]`; keeps the buffer's memory alive."""

    def __init__(
        self, buffer: memoryview, layout: Layout, start: int, end: int
    ) -> None:
        self.view = buffer
        if cython.compiled:
            self.data = cython.address(self.view[0])
        else:
            self.data = buffer
        self.layout = layout
        self.position = start
        self.end = end
        self.frames_left = 0
        if layout.kind == TPACKET_V3:
            self.frames_left = read_le32(self.data, start + 12)
            self.position = start + read_le32(self.data, start + 16)

    def next(self, frame: Frame) -> bool:
        """Moves `frame` to the next slot; false at the end.

        Raises MalformedBlockError.
        """
        if self.layout.kind == TPACKET_V3:
            return self._next_of_ring(frame)
        if self.layout.kind == PCAP:
            return self._next_of_pcap(frame)
        return self._next_of_pcapng(frame)

    def _next_of_ring(self, frame: Frame) -> bool:
        if self.frames_left == 0:
            return False
        data = self.data
        start = self.position
        frame.timestamp_ns = read_le32(data, start + 4)
        frame.timestamp_ns = frame.timestamp_ns * 1_000_000_000 + read_le32(
            data, start + 8
        )
        frame.captured = read_le32(data, start + 12)
        frame.length = read_le32(data, start + 16)
        frame.start = start + read_le16(data, start + 24)
        address = start + _TPACKET_HEADER_BYTES
        frame.interface = self.layout.interface or read_le32(data, address + 4)
        kind = read_le16(data, address + 8)
        frame.link = RAW_IP if kind in (_ARPHRD_NONE, _ARPHRD_RAWIP) else ETHERNET
        self.frames_left -= 1
        self.position = start + read_le32(data, start)
        prefetch(data, self.position)
        return True

    def _next_of_pcap(self, frame: Frame) -> bool:
        start = self.position
        if self.end - start < _PCAP_HEADER_BYTES:
            return False
        captured = self._read32(start + 8)
        if captured > _MAX_FRAME_BYTES:
            raise MalformedBlockError(f"a frame claims {captured} bytes")
        if self.end - start - _PCAP_HEADER_BYTES < captured:
            return False
        fraction = self._read32(start + 4)
        if not self.layout.nanoseconds:
            fraction *= 1000
        frame.timestamp_ns = self._read32(start)
        frame.timestamp_ns = frame.timestamp_ns * 1_000_000_000 + fraction
        frame.start = start + _PCAP_HEADER_BYTES
        frame.captured = captured
        frame.length = self._read32(start + 12)
        frame.link = self.layout.link
        self.position = frame.start + captured
        prefetch(self.data, self.position)
        return True

    def _next_of_pcapng(self, frame: Frame) -> bool:
        while self.end - self.position >= 12:
            start = self.position
            kind = self._read32(start)
            if kind == _SECTION_HEADER:
                self._begin_section(start)
            length = self._read32(start + 4)
            if length < 12 or length % 4 or length > _MAX_FRAME_BYTES:
                raise MalformedBlockError(f"a block claims {length} bytes")
            if self.end - start < length:
                return False
            self.position = start + length
            if kind == _INTERFACE_DESCRIPTION:
                self._add_interface(start, length)
            elif kind in (_ENHANCED_PACKET, _PACKET):
                self._take_packet(frame, start, length, kind)
                return True
            elif kind == _SIMPLE_PACKET:
                self._take_simple_packet(frame, start, length)
                return True
        return False

    def _begin_section(self, start: int) -> None:
        self.layout.big_endian = read_be32(self.data, start + 8) == _BYTE_ORDER_MAGIC
        if self._read32(start + 8) != _BYTE_ORDER_MAGIC:
            raise MalformedBlockError("a section has no byte-order magic")
        self.layout.links.clear()
        self.layout.snap_lengths.clear()
        self.layout.ticks_per_second.clear()
        self.layout.offsets_seconds.clear()

    def _add_interface(self, start: int, length: int) -> None:
        if length < 20:
            raise MalformedBlockError("an interface description is too short")
        ticks, offset = 1_000_000, 0
        option = start + 16
        end = start + length - 4
        while end - option >= 4:
            code, size = self._read16(option), self._read16(option + 2)
            if code == 0 or end - option - 4 < size:
                break
            if code == 9 and size == 1:
                resolution = self.data[option + 4]
                base = 2 if resolution & 0x80 else 10
                ticks = base ** min(resolution & 0x7F, 60 if base == 2 else 18)
            elif code == 14 and size == 8:
                offset = self._read64(option + 4)
            option += 4 + (size + 3) // 4 * 4
        self.layout.links.append(self._read16(start + 8))
        self.layout.snap_lengths.append(self._read32(start + 12))
        self.layout.ticks_per_second.append(ticks)
        self.layout.offsets_seconds.append(offset)

    def _take_packet(self, frame: Frame, start: int, length: int, kind: int) -> None:
        if length < 32:
            raise MalformedBlockError("a packet block is too short")
        is_old = kind == _PACKET
        index = self._read16(start + 8) if is_old else self._read32(start + 8)
        if index >= len(self.layout.links):
            raise MalformedBlockError("a packet names an unknown interface")
        frame.captured = self._read32(start + 20)
        if frame.captured > length - 32:
            raise MalformedBlockError("a packet is longer than its block")
        frame.length = self._read32(start + 24)
        frame.start = start + 28
        frame.link = self.layout.links[index]
        ticks = self.layout.ticks_per_second[index]
        stamp = self._read32(start + 12) * (1 << 32) + self._read32(start + 16)
        stamp = stamp * 1_000_000_000 // ticks
        stamp += self.layout.offsets_seconds[index] * 1_000_000_000
        frame.timestamp_ns = stamp % (1 << 63)

    def _take_simple_packet(self, frame: Frame, start: int, length: int) -> None:
        if not self.layout.links:
            raise MalformedBlockError("a packet names an unknown interface")
        if length < 16:
            raise MalformedBlockError("a packet block is too short")
        frame.length = self._read32(start + 8)
        snap = self.layout.snap_lengths[0] or frame.length
        frame.captured = min(frame.length, snap, length - 16)
        frame.start = start + 12
        frame.link = self.layout.links[0]

    def _read16(self, position: int) -> int:
        if self.layout.big_endian:
            return read_be16(self.data, position)
        return read_le16(self.data, position)

    def _read32(self, position: int) -> int:
        if self.layout.big_endian:
            return read_be32(self.data, position)
        return read_le32(self.data, position)

    def _read64(self, position: int) -> int:
        high, low = self._read32(position), self._read32(position + 4)
        if not self.layout.big_endian:
            high, low = low, high
        value = high << 32 | low
        return value - (1 << 64) if value >> 63 else value
