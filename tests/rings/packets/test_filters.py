"""Classic BPF programs, run by the kernel itself on loopback."""

import ctypes
import random
import socket
import struct
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from rings.packets.block import Frame
from rings.packets.filters import (
    MAX_INSTRUCTIONS,
    FilterError,
    Instruction,
    Shed,
    encode,
    monitoring,
    sock_fprog,
)
from rings.packets.packet import Segment
from rings.packets.ring import Ring
from rings.packets.shedding import SAMPLED, flow_number, sampling
from tests.rings.wire import FIN, RST, SYN, ethernet, frame_block, ipv4, ipv6, tcp

needs_packets = pytest.mark.usefixtures("own_network")
SO_ATTACH_FILTER = 26
LOOPBACK = 1
"""Its index in every network namespace."""
MARK = 47_113
"""A port by which the tests know their own frames."""
SAMPLE = 5
BIG_TCP = bytes((6, 0, 0xC2, 4, 0, 1, 0, 0))
"""Hop-by-hop header with a jumbo payload option (RFC 2675), TCP follows."""


class Tap:
    """A packet socket on loopback with a filter, and one to send frames."""

    def __init__(self) -> None:
        self.seen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.seen.bind(("lo", 3))
        self.seen.settimeout(0.2)
        self.sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    def attach(self, program: list[Instruction]) -> None:
        option, memory = sock_fprog(encode(program))
        self.seen.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, option)
        del memory

    def passes(self, frame: bytes, kind: int = 0x0800) -> bool:
        """Whether the filter passes the frame whole."""
        return len(frame) in map(len, self.passed(frame, kind))

    def passed(self, frame: bytes, kind: int = 0x0800) -> list[bytes]:
        """What the filter passes of the frame, on its ways out and in."""
        self.sender.sendto(frame, ("lo", kind))
        passed = []
        try:
            while True:
                data = self.seen.recv(1 << 17)
                if struct.pack(">H", MARK) in data[:200]:
                    passed.append(data)
        except TimeoutError:
            return passed

    def close(self) -> None:
        self.seen.close()
        self.sender.close()


@pytest.fixture
def tap(own_network: None) -> Iterator[Tap]:
    tap = Tap()
    yield tap
    tap.close()


def segment(payload: bytes = b"", flags: int = 16, options: bytes = b"") -> bytes:
    return tcp(payload, ports=(MARK, MARK), flags=flags, options=options)


def frame4(
    body: bytes, length: int | None = None, fragment: int = 0, protocol: int = 6
) -> bytes:
    return ethernet(ipv4(body, length=length, fragment=fragment, protocol=protocol))


@needs_packets
@pytest.mark.parametrize("count", [1, 2, 16, 17, 250, 1000])
@pytest.mark.parametrize("is_monitored", [True, False])
def test_only_monitored_interfaces_pass(
    tap: Tap, count: int, is_monitored: bool
) -> None:
    chance = random.Random(count)
    others = [10_000 + chance.randrange(1 << 20) for _ in range(count - 1)]
    indexes = [*others, LOOPBACK if is_monitored else 9_999]
    tap.attach(monitoring(indexes))
    assert tap.passes(frame4(segment(b"payload"))) is is_monitored


@needs_packets
def test_without_interfaces_nothing_passes(tap: Tap) -> None:
    tap.attach(monitoring([]))
    assert not tap.passes(frame4(segment(b"payload")))


@needs_packets
@pytest.mark.parametrize(
    ("frame", "is_passed"),
    [
        (frame4(segment(b"x")), True),
        (frame4(segment()), False),
        (frame4(segment(options=bytes(20))), False),
        (frame4(segment(b"x", options=bytes(20))), True),
        (frame4(segment(flags=SYN)), True),
        (frame4(segment(flags=FIN | 16)), True),
        (frame4(segment(flags=RST)), True),
        (frame4(segment() + bytes(6), length=40), False),
        (frame4(segment(), fragment=0x2000), True),
        (frame4(segment(), length=0), True),
        (frame4(segment(b"x"), protocol=17), False),
        (ethernet(ipv4(segment(b"x"), options=bytes(8))), True),
        (ethernet(ipv4(segment(), options=bytes(8))), False),
        (ethernet(ipv6(segment(b"x")), 0x86DD), True),
        (ethernet(ipv6(segment()), 0x86DD), False),
        (ethernet(ipv6(segment(flags=SYN)), 0x86DD), True),
        (ethernet(ipv6(segment(), length=0), 0x86DD), True),
        (ethernet(ipv6(segment(), protocol=0), 0x86DD), True),
        (ethernet(ipv6(BIG_TCP + segment(), protocol=0), 0x86DD), False),
        (ethernet(ipv6(BIG_TCP + segment(b"x"), protocol=0), 0x86DD), True),
        (ethernet(ipv6(BIG_TCP + segment(flags=FIN), protocol=0), 0x86DD), True),
        (ethernet(ipv6(BIG_TCP + segment(), protocol=0, length=0), 0x86DD), True),
        (ethernet(ipv6(segment(), protocol=43), 0x86DD), True),
        (ethernet(ipv6(segment(), protocol=44), 0x86DD), True),
        (ethernet(ipv6(segment(), protocol=60), 0x86DD), True),
        (ethernet(ipv6(segment(b"x"), protocol=17), 0x86DD), False),
        (ethernet(segment(b"x"), 0x88B5), False),
    ],
)
def test_segments_with_content_pass(tap: Tap, frame: bytes, is_passed: bool) -> None:
    tap.attach(monitoring([LOOPBACK]))
    kind = int.from_bytes(frame[12:14], "big")
    assert tap.passes(frame, kind) is is_passed


def connection(version: int, port: int) -> tuple[bytes, bytes, bytes]:
    """Key, and a frame each way."""
    ends = ("10.1.2.3", "10.9.8.7") if version == 4 else ("2001:db8::1", "fd00::7:8")
    ports = (port, MARK)
    frames = []
    for source, target in ((0, 1), (1, 0)):
        body = tcp(b"payload", ports=(ports[source], ports[target]))
        packet = ipv4 if version == 4 else ipv6
        frames.append(
            ethernet(
                packet(body, source=ends[source], target=ends[target]),
                0x0800 if version == 4 else 0x86DD,
            )
        )
    key = b"".join(ip_address(end).packed for end in ends)
    return key + struct.pack(">2H", *ports), frames[0], frames[1]


@needs_packets
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_connections_below_the_level_are_dropped_both_ways(
    tap: Tap, version: int, level: int
) -> None:
    seed = 0xDEADBEEF
    tap.seen.settimeout(0.02)
    tap.attach(monitoring([LOOPBACK], Shed(level, seed)))
    kind = 0x0800 if version == 4 else 0x86DD
    dropped = 0
    for port in random.Random(level).sample(range(1, 1 << 16), 24):
        key, *frames = connection(version, port)
        is_shed = flow_number(key, seed) < level
        dropped += is_shed
        for frame in frames:
            assert tap.passes(frame, kind) is not is_shed
    assert dropped == 0 if level <= 1 else dropped > 0


@needs_packets
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("is_big", "level"), [(False, 100), (True, 100), (False, 150)])
def test_of_shed_frames_a_sample_tells_their_length(
    tap: Tap, version: int, is_big: bool, level: int
) -> None:
    """With this seed the connections' numbers are 15 and 10."""
    tap.seen.settimeout(0.02)
    tap.attach(monitoring([LOOPBACK], Shed(level, 87)))
    body = tcp(b"x" * 777, ports=(1, MARK), options=bytes(12))
    if version == 4:
        frame = ethernet(ipv4(body, options=bytes(4), length=0 if is_big else None))
    elif is_big:
        frame = ethernet(ipv6(BIG_TCP + body, protocol=0, length=0), 0x86DD)
    else:
        frame = ethernet(ipv6(body), 0x86DD)
    kind = int.from_bytes(frame[12:14], "big")
    stands_for = SAMPLED[sampling(level)]
    samples: list[bytes] = []
    sent = 0
    while len(samples) < 3:
        samples += tap.passed(frame, kind)
        sent += 1
        assert sent < 40 * stands_for
    segment, slot = Segment(), Frame()
    for sample in samples:
        assert len(sample) < len(frame)
        block = frame_block(sample, length=len(frame))
        assert block.next(slot)
        assert segment.decode(block, slot) == SAMPLE
        assert (segment.missing, segment.stands_for) == (777, stands_for)


@needs_packets
@pytest.mark.parametrize(("level", "is_passed"), [(128, True), (129, False)])
def test_what_cannot_be_judged_is_shed_from_half_on(
    tap: Tap, level: int, is_passed: bool
) -> None:
    tap.attach(monitoring([LOOPBACK], Shed(level, 1)))
    fragment = frame4(segment(b"x"), fragment=0x2000)
    assert tap.passes(fragment) is is_passed
    tagged = ethernet(ipv4(segment(b"x")), tags=[0x8100])
    assert tap.passes(tagged, 0x8100) is is_passed
    routed = ethernet(ipv6(segment(b"x"), protocol=43), 0x86DD)
    assert tap.passes(routed, 0x86DD) is is_passed


@needs_packets
@pytest.mark.parametrize("count", [2, 250, 1000])
def test_frames_on_half_of_many_real_interfaces_are_counted(count: int) -> None:
    batch = [
        f"link add vs{n} type veth peer vs{n + 1}\n"
        f"link set vs{n} up\nlink set vs{n + 1} up"
        for n in range(0, count, 2)
    ]
    subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(batch), text=True, check=True, timeout=60
    )
    indexes = {name: index for index, name in socket.if_nameindex()}
    monitored = [indexes[f"vs{n}"] for n in range(0, count, 2)]
    frame = frame4(segment(b"payload"))
    with Ring(0) as ring, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        ring.set_interfaces(frozenset(monitored))
        for number in range(count):
            sender.sendto(frame, (f"vs{number}", 0x0800))
        # A monitored end passes what it sends and what its peer sends.
        assert ring.statistics().passed == count
        ring.set_interfaces(frozenset())
        sender.sendto(frame, ("vs0", 0x0800))
        assert ring.statistics().passed == 0


def test_too_many_interfaces_are_an_error() -> None:
    assert len(monitoring(range(1, 3000))) <= MAX_INSTRUCTIONS
    with pytest.raises(FilterError, match="5000 interfaces"):
        monitoring(range(1, 5001))


def test_the_encoded_program_is_what_the_kernel_reads() -> None:
    code = encode([(6, 0, 0, 0xFFFF)])
    assert code == struct.pack("=HBBI", 6, 0, 0, 0xFFFF)
    option, memory = sock_fprog(code)
    length, pointer = struct.unpack("@HP", option)
    assert (length, pointer) == (1, ctypes.addressof(memory))
