"""Classic BPF programs, run by the kernel itself on loopback."""

import ctypes
import random
import socket
import struct
from collections.abc import Iterator

import pytest

from rings.filters import (
    MAX_INSTRUCTIONS,
    FilterError,
    Instruction,
    encode,
    monitoring,
    sock_fprog,
)
from tests.rings.wire import FIN, RST, SYN, ethernet, ipv4, ipv6, tcp

needs_packets = pytest.mark.usefixtures("own_network")
SO_ATTACH_FILTER = 26
LOOPBACK = 1
"""Its index in every network namespace."""
MARK = 47_113
"""A port by which the tests know their own frames."""


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
        """Whether the filter passes the frame."""
        self.sender.sendto(frame, ("lo", kind))
        try:
            while True:
                data = self.seen.recv(1 << 17)
                if struct.pack(">H", MARK) in data[:200]:
                    return True
        except TimeoutError:
            return False

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
