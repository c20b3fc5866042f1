"""Frames, captures and conversations, made byte by byte for tests.

In come addresses, numbers and payloads, out go frames as a wire carries them, blocks
as a file or a kernel ring holds them, and whole conversations of a client and server.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from rings.limits import Limits
from rings.packets.block import ETHERNET, PCAP, TPACKET_V3, Block, Layout
from rings.pairs.message import Pair
from rings.streams.assembler import Assembler

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

CLIENT = "10.0.0.1"
SERVER = "10.0.0.2"
MS = 1_000_000
START_NS = 1_700_000_000_000_000_000

ALL = Limits(keep_all_bodies=True, in_parts=False)
"""Hands on exchanges that are no JSON too, each at its end."""


def tcp(
    payload: bytes = b"",
    *,
    seq: int = 0,
    ack: int = 0,
    flags: int = ACK,
    ports: tuple[int, int] = (40000, 80),
    options: bytes = b"",
) -> bytes:
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack(
        ">HHIIBBHHH",
        *ports,
        seq & 0xFFFFFFFF,
        ack & 0xFFFFFFFF,
        offset,
        flags,
        65535,
        0,
        0,
    )
    return head + options + payload


def ipv4(
    payload: bytes,
    *,
    source: str = CLIENT,
    target: str = SERVER,
    protocol: int = 6,
    options: bytes = b"",
    fragment: int = 0,
    number: int = 0,
    length: int | None = None,
) -> bytes:
    """`fragment` is the field of flags and offset."""
    size = 20 + len(options)
    total = size + len(payload) if length is None else length
    head = struct.pack(
        ">BBHHHBBH",
        0x40 | size // 4,
        0,
        total & 0xFFFF,
        number,
        fragment,
        64,
        protocol,
        0,
    )
    return (
        head + ip_address(source).packed + ip_address(target).packed + options + payload
    )


def ipv6(
    payload: bytes,
    *,
    source: str = "fd00::1",
    target: str = "fd00::2",
    protocol: int = 6,
    length: int | None = None,
) -> bytes:
    size = len(payload) if length is None else length
    head = struct.pack(">IHBB", 0x60000000, size & 0xFFFF, protocol, 64)
    return head + ip_address(source).packed + ip_address(target).packed + payload


def ethernet(payload: bytes, kind: int = 0x0800, tags: Iterable[int] = ()) -> bytes:
    """`tags` are the ethertypes of VLAN tags, outermost first."""
    head = bytes(12)
    for tag in tags:
        head += struct.pack(">HH", tag, 7)
    return head + struct.pack(">H", kind) + payload


def pcap_records(
    frames: Iterable[tuple[int, bytes]], lengths: dict[int, int] | None = None
) -> bytes:
    """Records with nanoseconds, little endian; `lengths` by index on the wire."""
    records = bytearray()
    for index, (at_ns, frame) in enumerate(frames):
        length = (lengths or {}).get(index, len(frame))
        seconds, fraction = divmod(at_ns, 1_000_000_000)
        records += struct.pack("<IIII", seconds, fraction, len(frame), length) + frame
    return bytes(records)


def block_of(
    frames: Iterable[tuple[int, bytes]],
    link: int = ETHERNET,
    lengths: dict[int, int] | None = None,
) -> Block:
    """A capture file's block of (time, frame)."""
    data = pcap_records(frames, lengths)
    layout = Layout(PCAP, nanoseconds=True, link=link)
    return Block(memoryview(data or b"\0"), layout, 0, len(data))


def frame_block(frame: bytes, link: int = ETHERNET, length: int | None = None) -> Block:
    lengths = None if length is None else {0: length}
    return block_of([(START_NS, frame)], link, lengths)


def ring_block(
    frames: Iterable[tuple[int, int, bytes]], hardware: int = 1, tag: int | None = None
) -> Block:
    """A kernel block of (interface, time, frame); `tag` is a VLAN id taken out."""
    slots = bytearray()
    frames = list(frames)
    for place, (interface, at_ns, frame) in enumerate(frames):
        size = (68 + len(frame) + 15) // 16 * 16
        seconds, fraction = divmod(at_ns, 1_000_000_000)
        following = 0 if place == len(frames) - 1 else size
        status = 0 if tag is None else 0x10
        head = struct.pack(
            "<IIIIIIHHIIHH8x",
            following,
            seconds,
            fraction,
            len(frame),
            len(frame),
            status,
            68,
            82,
            0,
            tag or 0,
            0x8100,
            0,
        )
        address = struct.pack("<HHiHBB8s", 17, 8, interface, hardware, 0, 6, b"")
        slots += (head + address + frame).ljust(size, b"\0")
    data = struct.pack("<IIIIIIQ", 1, 0, 1, len(frames), 48, 48 + len(slots), 1)
    data = data.ljust(48, b"\0") + slots
    return Block(memoryview(bytes(data)), Layout(TPACKET_V3), 0, len(data))


@dataclass
class Sent:
    """One segment as it was sent."""

    at_ns: int
    frame: bytes
    is_opening: bool = False


@dataclass
class Conversation:
    """A client and a server; both number their bytes as TCP does."""

    ports: tuple[int, int] = (40000, 80)
    client_seq: int = 1000
    server_seq: int = 0xFFFFFF00
    at_ns: int = START_NS
    step_ns: int = 100_000
    sent: list[Sent] = field(default_factory=list)

    def open(self) -> "Conversation":
        self._send(True, flags=SYN, ack=0)
        self.client_seq += 1
        self._send(False, flags=SYN | ACK)
        self.server_seq += 1
        self._send(True)
        for one in self.sent[-3:]:
            one.is_opening = True
        return self

    def ask(self, data: bytes, size: int = 1448, ack: int | None = None) -> None:
        """The client sends; `ack` other than all that the server sent."""
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._send(True, piece, ack=self.server_seq if ack is None else ack)
            self.client_seq += len(piece)

    def answer(self, data: bytes, size: int = 1448, ack: int | None = None) -> None:
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._send(False, piece, ack=self.client_seq if ack is None else ack)
            self.server_seq += len(piece)

    def acknowledge(self, by_client: bool) -> None:
        self._send(by_client)

    def finish(self, by_client: bool) -> None:
        self._send(by_client, flags=FIN | ACK)
        if by_client:
            self.client_seq += 1
        else:
            self.server_seq += 1

    def close(self) -> None:
        self.finish(True)
        self.finish(False)
        self._send(True)

    def reset(self, by_client: bool = True) -> None:
        self._send(by_client, flags=RST | ACK)

    def frames(self) -> list[tuple[int, bytes]]:
        return [(one.at_ns, one.frame) for one in self.sent]

    def _send(
        self,
        by_client: bool,
        payload: bytes = b"",
        flags: int = ACK,
        ack: int | None = None,
    ) -> None:
        if by_client:
            seq, other = self.client_seq, self.server_seq
            ports, source, target = self.ports, CLIENT, SERVER
        else:
            seq, other = self.server_seq, self.client_seq
            ports, source, target = self.ports[::-1], SERVER, CLIENT
        segment = tcp(
            payload,
            seq=seq,
            ack=other if ack is None else ack,
            flags=flags | (PSH if payload else 0),
            ports=ports,
        )
        frame = ethernet(ipv4(segment, source=source, target=target))
        self.sent.append(Sent(self.at_ns, frame))
        self.at_ns += self.step_ns


def request(
    target: str = "/", method: str = "GET", body: bytes = b"", fields: str = ""
) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: shop\r\n{fields}"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def response(body: bytes = b"{}", status: int = 200, fields: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{fields}\r\n"
    )
    return head.encode() + body


def chunked(*pieces: bytes, status: int = 200, fields: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
        f"Transfer-Encoding: chunked\r\n{fields}\r\n"
    )
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head.encode() + body + b"0\r\n\r\n"


def exchange(
    port: int = 40000,
    at_ns: int = START_NS,
    client_seq: int = 1000,
    server_seq: int = 5000,
) -> Conversation:
    """One exchange about the client's port, on a connection that stays open."""
    talk = Conversation((port, 80), client_seq, server_seq, at_ns).open()
    talk.ask(request(f"/{port}"))
    talk.answer(response(b"{}"))
    return talk


def collect(
    frames: Iterable[tuple[int, bytes]],
    limits: Limits | None = None,
    link: int = ETHERNET,
) -> tuple[list[Pair], Assembler]:
    """All pairs of the frames, each a block of its own, and the assembler after."""
    assembler = Assembler(limits)
    pairs: list[Pair] = []
    for at_ns, frame in frames:
        pairs += assembler.feed(block_of([(at_ns, frame)], link))
    pairs += assembler.close()
    assert_closed(assembler)
    return pairs, assembler


def pairs_of(
    asked: bytes, answered: bytes, size: int = 1 << 16, limits: Limits = ALL
) -> list[Pair]:
    """All pairs of one connection, whose sides send in segments of this size."""
    talk = Conversation(step_ns=1000).open()
    talk.ask(asked, size)
    talk.answer(answered, size)
    talk.close()
    return collect(talk.frames(), limits)[0]


def assert_closed(assembler: Assembler) -> None:
    """Every payload byte stands in one bucket, and none is left in flight."""
    stats = assembler.total()
    assert stats.payload_bytes == sum(stats.buckets().values())
    assert stats.in_flight_bytes == 0
    assert assembler.budget.held_bytes == 0
    assert min(stats.buckets().values()) >= 0


def outcomes(pairs: Iterable[Pair]) -> list[tuple[str, str, int | None]]:
    return [
        (
            pair.request.method.decode("latin-1"),
            pair.request.target.decode("latin-1"),
            pair.response.status if pair.response else None,
        )
        for pair in pairs
    ]
