"""The demo's traffic as a capture file, for machines where none can be captured.

In: numbers of calls, times and a seed. Out: pcap bytes of the same requests and answers
that the company exchanges, as TCP segments over IPv4 and IPv6 with handshakes,
acknowledgements and ends; the same arguments give the same bytes. Formats: pcap with
nanoseconds (draft-ietf-opsawg-pcap), Ethernet, RFC 791, RFC 8200, RFC 9293.
"""

import socket
import struct
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from random import Random

from agent.demo.api import Answer, Request, answer, is_json
from agent.demo.calls import Edge, call
from agent.demo.client import KEPT_CONNECTIONS, NEW_CONNECTION_EVERY, Counts
from agent.demo.company import OUTSIDE, PODS, ROLL_OUT
from agent.demo.services import PORT
from agent.demo.wire import encode_answer, encode_request

ADDRESSES: Mapping[str, tuple[str, ...]] = {
    name: (f"192.0.2.{number}", f"2001:db8:7e57::{number:x}")
    for number, name in enumerate(PODS, 1)
} | {
    name: (f"203.0.113.{number}", f"2001:db8:a11e::{number:x}")
    for number, name in enumerate(OUTSIDE, 1)
}
"""Of pods, and of who is outside."""
SEGMENT_BYTES = 1428
"""TCP payload of a full Ethernet frame, IPv6 with timestamps as the measure."""
STEP_NS = 20_000
"""Between two packets of an exchange."""

_FILE_HEADER = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, 1)
_MACS = bytes.fromhex("02000000000102000000000a")
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16
_NEXT_HEADER_TCP = 6
_WINDOW = 65535


class Capture:
    """Exchanges one after another; kept connections last from piece to piece."""

    def __init__(self, seed: int) -> None:
        self.counts = Counts()
        self._random = Random(seed)
        self._is_rolled_out = False
        self._kept: dict[tuple[Edge, int], _Connection] = {}

    def roll_out(self) -> None:
        """From now on calls go to the new pods."""
        self._is_rolled_out = True
        self._kept.clear()

    def piece(self, first: int, count: int, start_ns: int, rate: float) -> bytes:
        """A whole pcap file with the exchanges from number `first` on."""
        frames = [_FILE_HEADER]
        for number in range(first, first + count):
            at_ns = start_ns + int((number - first) * 1e9 / rate)
            for frame in self._exchange(number):
                seconds, nanoseconds = divmod(at_ns, 10**9)
                size = len(frame)
                frames.append(struct.pack("=IIII", seconds, nanoseconds, size, size))
                frames.append(frame)
                at_ns += STEP_NS
        return b"".join(frames)

    def _exchange(self, number: int) -> Iterator[bytes]:
        edge, request = call(number, self._is_rolled_out)
        is_new = self._is_rolled_out and edge.server in ROLL_OUT
        answered = answer(request.method, request.target, is_new)
        self._count(request, answered)
        if number % NEW_CONNECTION_EVERY == 0:
            family = number // NEW_CONNECTION_EVERY % 2
            connection = self._connection(edge, family)
            yield from connection.open()
            yield from connection.send(encode_request(request, is_last=True), True)
            yield from connection.send(encode_answer(answered, is_last=True), False)
            yield from connection.close()
            return
        place = number % (2 * KEPT_CONNECTIONS)
        known = self._kept.get((edge, place))
        if known is None:
            known = self._kept[edge, place] = self._connection(edge, place % 2)
            yield from known.open()
        connection = known
        yield from connection.send(encode_request(request), True)
        yield from connection.send(encode_answer(answered), False)

    def _count(self, request: Request, answered: Answer) -> None:
        asked_json = bool(request.body) and is_json(request.content_type)
        told_json = bool(answered.body) and is_json(answered.content_type)
        self.counts.exchanges += 1
        self.counts.json_exchanges += asked_json or told_json

    def _connection(self, edge: Edge, family: int) -> "_Connection":
        return _Connection(
            ADDRESSES[self._pod(edge.client)][family],
            ADDRESSES[self._pod(edge.server)][family],
            self._random.randrange(32768, 61000),
            (self._random.randrange(1 << 32), self._random.randrange(1 << 32)),
        )

    def _pod(self, name: str) -> str:
        return ROLL_OUT.get(name, name) if self._is_rolled_out else name


class _Connection:
    """Segments of both directions; index 0 is the client's."""

    def __init__(
        self, client: str, server: str, port: int, starts: tuple[int, int]
    ) -> None:
        self._addresses = (ip_address(client).packed, ip_address(server).packed)
        self._ports = (port, PORT)
        self._next = list(starts)

    def open(self) -> Iterator[bytes]:
        yield self._frame(0, _SYN)
        yield self._frame(1, _SYN | _ACK)
        yield self._frame(0, _ACK)

    def send(self, data: bytes, is_request: bool) -> Iterator[bytes]:
        sender = 0 if is_request else 1
        for start in range(0, len(data), SEGMENT_BYTES):
            part = data[start : start + SEGMENT_BYTES]
            yield self._frame(sender, _PSH | _ACK, part)
        yield self._frame(1 - sender, _ACK)

    def close(self) -> Iterator[bytes]:
        yield self._frame(1, _FIN | _ACK)
        yield self._frame(0, _FIN | _ACK)
        yield self._frame(1, _ACK)

    def _frame(self, sender: int, flags: int, data: bytes = b"") -> bytes:
        receiver = 1 - sender
        acknowledged = self._next[receiver] if flags & _ACK else 0
        head = struct.pack(
            ">HHIIBBHHH",
            self._ports[sender],
            self._ports[receiver],
            self._next[sender],
            acknowledged,
            5 << 4,
            flags,
            _WINDOW,
            0,
            0,
        )
        self._next[sender] += len(data) + bool(flags & (_SYN | _FIN))
        self._next[sender] &= 0xFFFFFFFF
        source, destination = self._addresses[sender], self._addresses[receiver]
        return _packet(source, destination, head, data)


def _packet(source: bytes, destination: bytes, head: bytes, data: bytes) -> bytes:
    size = len(head) + len(data)
    pseudo = source + destination + struct.pack(">II", size, _NEXT_HEADER_TCP)
    checksum = struct.pack(">H", _checksum(pseudo + head + data))
    segment = head[:16] + checksum + head[18:] + data
    if len(source) == 4:
        return _MACS + b"\x08\x00" + _ipv4(source, destination, size) + segment
    ip = struct.pack(">IHBB", 6 << 28, size, _NEXT_HEADER_TCP, 64)
    return _MACS + b"\x86\xdd" + ip + source + destination + segment


def _ipv4(source: bytes, destination: bytes, size: int) -> bytes:
    head = struct.pack(
        ">BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, socket.IPPROTO_TCP, 0
    )
    checksum = _checksum(head + source + destination)
    return head[:10] + struct.pack(">H", checksum) + source + destination


def _checksum(data: bytes) -> int:
    """RFC 1071: a sum of 16-bit words with end-around carry is a remainder."""
    total = int.from_bytes(data + b"\0" * (len(data) % 2)) % 0xFFFF
    return 0xFFFF - total if total else 0xFFFF * (not any(data))
