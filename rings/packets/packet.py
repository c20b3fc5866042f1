# cython: annotation_typing=False
"""Packets: from a captured frame to a TCP segment.

In comes a frame, out goes what its headers say: link layer (Ethernet, 802.1Q and QinQ,
Linux cooked v1 and v2, raw IP, BSD null and loop), IPv4 (RFC 791), IPv6 with extension
headers (RFC 8200), TCP (RFC 9293). Lengths are those of the IP header, so Ethernet
padding never becomes payload; an IP length of zero means a segment of 64 KiB and more
(BIG TCP). A capture file's frames may also be `tunnel`s and `fragments`: the kernel
has undone those before a live ring.

A wrong checksum does not refuse a segment: offload leaves them unset on local traffic,
and what a receiver refuses it does not acknowledge either. A file's are counted.
"""

from typing import Any

import cython

from rings.memory import Octets
from rings.packets.block import Block, Frame
from rings.packets.fragments import Fragments
from rings.packets.tunnel import Tunnel

if not cython.compiled:
    from rings.memory import copy, equals, read_be16, read_be32
    from rings.packets.tunnel import IP, MOST_LAYERS

SEGMENT = 0
NOT_IP = 1
NOT_TCP = 2
FRAGMENT = 3
MALFORMED = 4
SAMPLE = 5
"""A frame of a shed connection: only `missing` counts, its payload's length."""

FIN = 0x01
SYN = 0x02
RST = 0x04
ACK = 0x10

_LINK_NULL = 0
_LINK_ETHERNET = 1
_LINK_LOOP = 108
_LINK_COOKED = 113
_LINK_COOKED_2 = 276
_LINK_RAW_BSD = 12
_LINK_RAW_OPENBSD = 14
_LINK_RAW = 101
_LINK_IPV4 = 228
_LINK_IPV6 = 229

_PROTOCOL_TCP = 6
_PROTOCOL_AUTHENTICATION = 51
_NEXT_FRAGMENT = 44
_NEXT_AUTHENTICATION = 51

_NONE: Any = None


class Segment:
    """One TCP packet. One object serves all packets of a block in turn.

    `key` is source address, destination address, source port, destination port as on
    the wire: 12 bytes for IPv4, 36 for IPv6. `payload_start` to `payload_end` are
    positions in the block; `missing` payload bytes were cut off by the capture.
    """

    def __init__(self, tunnels: bool = False, offline: bool = False) -> None:
        """`tunnels`: looks into them; `offline`: puts fragments together and verifies
        checksums, which is the kernel's work before a live ring.
        """
        self.tunnel: Tunnel = Tunnel() if tunnels else _NONE
        self.fragments = Fragments() if offline else None
        self.has_bad_checksum = False
        self.cut = 0
        self.depth = 0
        """IP packets within each other, in this frame."""
        self.protocol = 0
        self.transport = 0
        self.whole = b""
        """A datagram that was put together last."""
        self.memory = b""
        """The one that `data` points into, if it does not point into the block."""
        self.key = b""
        self.expected_key = b""
        """That of the last packet's opposite direction: an object with a known hash."""
        self.sequence = 0
        self.acknowledgement = 0
        self.flags = 0
        self.payload_start = 0
        self.payload_end = 0
        self.missing = 0
        self.stands_for = 0
        """Frames, if this is a sample of them."""
        self.timestamp_ns = 0
        self.interface = 0

    def decode(self, block: Block, frame: Frame) -> int:
        """Fills this from the frame; SEGMENT, or why it is none."""
        self.data = block.data
        self.timestamp_ns = frame.timestamp_ns
        self.interface = frame.interface
        self.depth = 0
        self.cut = frame.length - frame.captured
        start = self._skip_link(frame)
        end = frame.start + frame.captured
        if start >= 0:
            kind = self._decode_ip(start, end)
            return kind if kind == SEGMENT else self._descend_from_ip(kind, end)
        if self.tunnel is None:
            return NOT_IP
        self.tunnel.enter_link(frame.link, frame.start)
        return self._descend(NOT_IP, end)

    def opening(self) -> "Segment":
        """A SYN of its own, without payload."""
        made = Segment()
        made.key = self.key
        made.sequence = self.sequence
        made.acknowledgement = self.acknowledgement
        made.flags = self.flags
        made.timestamp_ns = self.timestamp_ns
        made.interface = self.interface
        return made

    def _descend_from_ip(self, kind: int, end: int) -> int:
        """Goes on within an IP packet that is no segment."""
        tunnel = self.tunnel
        if kind == FRAGMENT and self.whole:
            end = len(self.whole)
            self.memory = self.whole
            self.data = self.memory
            self.cut = 0
            kind = self._decode_ip(0, end)
        if kind != NOT_TCP or tunnel is None:
            return kind
        tunnel.enter_protocol(self.protocol, self.transport)
        return self._descend(kind, end)

    def _descend(self, kind: int, end: int) -> int:
        """Goes down the tunnel to the next IP packet, and on within it."""
        tunnel = self.tunnel
        for _ in range(MOST_LAYERS):
            if tunnel.layer == IP:
                return self._enter_ip(tunnel.start, end)
            if not tunnel.descend(self.data, end):
                return kind
        return kind

    def _enter_ip(self, start: int, end: int) -> int:
        """An IP packet within another header."""
        self.depth += 1
        kind = self._decode_ip(start, end)
        if kind == SEGMENT or self.depth > MOST_LAYERS:
            return kind
        return self._descend_from_ip(kind, end)

    def _decode_ip(self, start: int, end: int) -> int:
        if end - start < 1:
            return MALFORMED
        version = self.data[start] >> 4
        if version == 4:
            return self._decode_ipv4(start, end)
        if version == 6:
            return self._decode_ipv6(start, end)
        return NOT_IP

    def _skip_link(self, frame: Frame) -> int:
        start = frame.start
        end = start + frame.captured
        if frame.link == _LINK_ETHERNET:
            return self._skip_vlan(start + 12, end)
        if frame.link in (
            _LINK_RAW_BSD,
            _LINK_RAW_OPENBSD,
            _LINK_RAW,
            _LINK_IPV4,
            _LINK_IPV6,
        ):
            return start
        if frame.link == _LINK_COOKED:
            return self._skip_vlan(start + 14, end)
        if frame.link == _LINK_COOKED_2:
            if end - start < 20:
                return -1
            kind = read_be16(self.data, start)
            if _is_tag(kind):
                return self._skip_vlan(start + 22, end)
            return start + 20 if _is_ip(kind) else -1
        if frame.link in (_LINK_NULL, _LINK_LOOP) and end - start > 4:
            return start + 4
        return -1

    def _skip_vlan(self, start: int, end: int) -> int:
        while end - start >= 2:
            kind = read_be16(self.data, start)
            if _is_ip(kind):
                return start + 2
            if not _is_tag(kind):
                return -1
            start += 4
        return -1

    def _decode_ipv4(self, start: int, end: int) -> int:
        data = self.data
        header = (data[start] & 15) * 4
        if header < 20 or end - start < header:
            return MALFORMED
        length = read_be16(data, start + 2)
        if length == 0:
            length = end - start + self.cut
        if length < header:
            return MALFORMED
        if read_be16(data, start + 6) & 0x3FFF:
            return self._hold_ipv4(start, min(end, start + length), header)
        if data[start + 9] != _PROTOCOL_TCP:
            self.protocol = data[start + 9]
            self.transport = start + header
            return self._skip_authentication(start, end, start + length)
        return self._decode_tcp(
            start + header, end, start + length, start + 12, start + 20
        )

    def _decode_ipv6(self, start: int, end: int) -> int:
        data = self.data
        if end - start < 40:
            return MALFORMED
        length = read_be16(data, start + 4) + 40
        if length == 40:
            length = end - start + self.cut
        protocol = data[start + 6]
        header = start + 40
        while protocol != _PROTOCOL_TCP:
            if end - header < 8:
                self.protocol = protocol
                self.transport = header
                return MALFORMED if _is_extension(protocol) else NOT_TCP
            if protocol == _NEXT_FRAGMENT:
                if read_be16(data, header + 2) & 0xFFF9:
                    return self._hold_ipv6(start, header, min(end, start + length))
                size = 8
            elif protocol == _NEXT_AUTHENTICATION:
                size = data[header + 1] * 4 + 8
            elif _is_extension(protocol):
                size = data[header + 1] * 8 + 8
            else:
                self.protocol = protocol
                self.transport = header
                return NOT_TCP
            protocol = data[header]
            header += size
        return self._decode_tcp(header, end, start + length, start + 8, start + 40)

    def _skip_authentication(self, start: int, end: int, stop: int) -> int:
        """An authentication header (RFC 4302) may stand before TCP."""
        data, header = self.data, self.transport
        if self.protocol != _PROTOCOL_AUTHENTICATION or end - header < 8:
            return NOT_TCP
        self.protocol = data[header]
        self.transport = header + data[header + 1] * 4 + 8
        if self.protocol != _PROTOCOL_TCP:
            return NOT_TCP
        return self._decode_tcp(self.transport, end, stop, start + 12, start + 20)

    def _hold_ipv4(self, start: int, end: int, header: int) -> int:
        """Keeps a fragment; the datagram is in `whole` if it was the last one."""
        self.whole = b""
        if self.fragments is not None:
            data = self.data
            word = read_be16(data, start + 6)
            first = bytearray(copy(data, start, start + 20))
            key = bytes(first[4:6] + first[9:10] + first[12:20])
            first[0] = 0x45
            first[2:4] = first[6:8] = bytes(2)
            self.whole = self.fragments.add(
                key,
                bytes(first),
                (word & 0x1FFF) * 8,
                copy(data, start + header, max(end, start + header)),
                word & 0x2000 != 0,
                self.timestamp_ns,
            )
        return FRAGMENT

    def _hold_ipv6(self, start: int, header: int, end: int) -> int:
        self.whole = b""
        if self.fragments is not None:
            data = self.data
            word = read_be16(data, header + 2)
            first = bytearray(copy(data, start, start + 40))
            first[4:6] = bytes(2)
            first[6] = data[header]
            self.whole = self.fragments.add(
                copy(data, start + 8, start + 40) + copy(data, header + 4, header + 8),
                bytes(first),
                word & 0xFFF8,
                copy(data, header + 8, max(end, header + 8)),
                word & 1 != 0,
                self.timestamp_ns,
            )
        return FRAGMENT

    def _decode_tcp(
        self, start: int, end: int, stop: int, addresses: int, addresses_end: int
    ) -> int:
        data = self.data
        if end - start < 20:
            return self._measure(start, end, stop)
        header = (data[start + 12] >> 4) * 4
        if header < 20 or stop - start < header:
            return MALFORMED
        if addresses_end == start:
            if equals(data, addresses, start + 4, self.expected_key):
                self.key = self.expected_key
            elif not equals(data, addresses, start + 4, self.key):
                self.key = copy(data, addresses, start + 4)
        else:
            self.key = copy(data, addresses, addresses_end) + copy(
                data, start, start + 4
            )
        self.sequence = read_be32(data, start + 4)
        self.acknowledgement = read_be32(data, start + 8)
        self.flags = data[start + 13]
        self.payload_start = start + header
        self.payload_end = min(end, stop)
        if self.payload_end < self.payload_start:
            self.payload_end = self.payload_start
        self.missing = stop - max(end, self.payload_start) if end < stop else 0
        if self.fragments is not None:
            self.has_bad_checksum = stop <= end and not _is_checked(
                data, addresses, addresses_end, start, stop
            )
        return SEGMENT

    def _measure(self, start: int, end: int, stop: int) -> int:
        """Where the filter cut it tells what a sample stands for (`filters`)."""
        place = end - start - 13
        if self.cut == 0 or self.fragments is not None or not 0 <= place < 4:
            return MALFORMED
        size = stop - start - (self.data[start + 12] >> 4) * 4
        if size < 0:
            return MALFORMED
        self.missing = size
        self.stands_for = 16 << 2 * place
        return SAMPLE


def _is_checked(
    data: Octets, addresses: int, addresses_end: int, start: int, stop: int
) -> bool:
    """Whether the TCP checksum (RFC 9293 section 3.1) is right."""
    total = _PROTOCOL_TCP + (stop - start)
    for position in range(addresses, addresses_end - 1, 2):
        total += read_be16(data, position)
    for position in range(start, stop - 1, 2):
        total += read_be16(data, position)
    if (stop - start) & 1:
        total += data[stop - 1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def _is_extension(protocol: int) -> bool:
    """Hop-by-hop, routing, destination, mobility, HIP, shim6 and test headers."""
    return protocol in (0, 43, 60, 135, 139, 140, 253, 254)


def _is_ip(ethertype: int) -> bool:
    return ethertype in (0x0800, 0x86DD)


def _is_tag(ethertype: int) -> bool:
    """A VLAN's; its number and another EtherType follow."""
    return ethertype in (0x8100, 0x88A8, 0x9100)
