"""From frames to segments."""

import random
import struct
from ipaddress import ip_address

import pytest

from rings.packets.block import ETHERNET, Frame
from rings.packets.packet import Segment
from tests.rings.wire import CLIENT, SERVER, ethernet, frame_block, ipv4, ipv6, tcp

SEGMENT, NOT_IP, NOT_TCP, FRAGMENT, MALFORMED = range(5)
"""Constants of the compiled module, which has them in C only."""

HELLO = tcp(b"hello", seq=7, ack=9)


def decode(
    frame: bytes, link: int = ETHERNET, length: int | None = None, offline: bool = False
) -> tuple[int, Segment, bytes]:
    """Kind, segment and its payload."""
    block, slot = frame_block(frame, link, length), Frame()
    segment = Segment(False, offline)
    assert block.next(slot)
    kind = segment.decode(block, slot)
    data = b"\0" * 16 + frame
    return kind, segment, data[segment.payload_start : segment.payload_end]


def test_a_segment_has_numbers_flags_and_payload() -> None:
    kind, segment, payload = decode(ethernet(ipv4(HELLO)))
    assert kind == SEGMENT
    assert (segment.sequence, segment.acknowledgement, segment.flags) == (7, 9, 0x10)
    assert payload == b"hello"
    addresses = ip_address(CLIENT).packed + ip_address(SERVER).packed
    assert segment.key == addresses + struct.pack(">HH", 40000, 80)


@pytest.mark.parametrize(
    ("frame", "link"),
    [
        (ethernet(ipv4(HELLO), tags=[0x8100]), 1),
        (ethernet(ipv4(HELLO), tags=[0x88A8, 0x8100]), 1),
        (ethernet(ipv4(HELLO), tags=[0x9100]), 1),
        (ethernet(ipv6(HELLO), 0x86DD), 1),
        (bytes(14) + b"\x08\0" + ipv4(HELLO), 113),
        (b"\x08\0" + bytes(18) + ipv4(HELLO), 276),
        (b"\x86\xdd" + bytes(18) + ipv6(HELLO), 276),
        (b"\x81\0" + bytes(18) + b"\0\x07\x08\0" + ipv4(HELLO), 276),
        (b"\x88\xa8" + bytes(20) + b"\x81\0\0\x07\x86\xdd" + ipv6(HELLO), 276),
        (ipv4(HELLO), 101),
        (ipv4(HELLO), 12),
        (ipv4(HELLO), 14),
        (ipv4(HELLO), 228),
        (ipv6(HELLO), 229),
        (b"\x02\0\0\0" + ipv4(HELLO), 0),
        (b"\0\0\0\x02" + ipv4(HELLO), 108),
    ],
)
def test_every_link_layer_leads_to_the_same_segment(frame: bytes, link: int) -> None:
    kind, _, payload = decode(frame, link)
    assert kind == SEGMENT
    assert payload == b"hello"


def test_options_and_padding_are_no_payload() -> None:
    segment = tcp(b"hello", options=bytes(12))
    frame = ethernet(ipv4(segment, options=bytes(8))) + bytes(20)
    assert decode(frame)[2] == b"hello"


@pytest.mark.parametrize(
    "headers",
    [
        [(0, 8)],
        [(0, 8), (43, 16), (60, 8)],
        [(44, 8)],
        [(51, 12)],
    ],
)
def test_ipv6_extension_headers_are_skipped(headers: list[tuple[int, int]]) -> None:
    body = HELLO
    following = 6
    for protocol, size in reversed(headers):
        units = size // 4 - 2 if protocol == 51 else size // 8 - 1
        head = bytes([following, units if protocol != 44 else 0])
        body = head.ljust(size, b"\0") + body
        following = protocol
    kind, segment, payload = decode(ethernet(ipv6(body, protocol=following), 0x86DD))
    assert kind == SEGMENT
    assert payload == b"hello"
    assert len(segment.key) == 36


def test_an_ipv4_authentication_header_is_skipped() -> None:
    header = bytes([6, 1]).ljust(12, b"\0")
    assert decode(ethernet(ipv4(header + HELLO, protocol=51)))[2] == b"hello"
    assert decode(ethernet(ipv4(header[:4], protocol=51)))[0] == NOT_TCP
    other = bytes([17, 1]).ljust(12, b"\0")
    assert decode(ethernet(ipv4(other + HELLO, protocol=51)))[0] == NOT_TCP


def test_a_length_of_zero_is_a_big_segment() -> None:
    big = tcp(bytes(70_000))
    for frame in (
        ethernet(ipv4(big, length=0)),
        ethernet(ipv6(big, length=0), 0x86DD),
    ):
        kind, segment, payload = decode(frame)
        assert kind == SEGMENT
        assert len(payload) == 70_000
        assert segment.missing == 0


def test_bytes_that_the_capture_cut_off_are_missing() -> None:
    frame = ethernet(ipv4(tcp(bytes(100))))
    kind, segment, payload = decode(frame[:-40], length=len(frame))
    assert (kind, len(payload), segment.missing) == (SEGMENT, 60, 40)
    headers_only = ethernet(ipv4(tcp(bytes(100), options=bytes(20))))[:-110]
    kind, segment, payload = decode(headers_only, length=len(frame) + 20)
    assert (kind, payload, segment.missing) == (SEGMENT, b"", 100)


@pytest.mark.parametrize(
    ("frame", "link", "expected"),
    [
        (b"", 1, NOT_IP),
        (bytes(13), 1, NOT_IP),
        (ethernet(b"", 0x0806), 1, NOT_IP),
        (ethernet(b""), 1, MALFORMED),
        (ethernet(b"\x50"), 1, NOT_IP),
        (ethernet(b"", tags=[0x8100])[:-2], 1, NOT_IP),
        (b"\x08\x06" + bytes(30), 276, NOT_IP),
        (bytes(19), 276, NOT_IP),
        (bytes(4), 0, NOT_IP),
        (bytes(40), 9999, NOT_IP),
        (b"\x45" + bytes(10), 101, MALFORMED),
        (b"\x41" + bytes(30), 101, MALFORMED),
        (ipv4(HELLO, protocol=17), 101, NOT_TCP),
        (ipv4(HELLO, fragment=0x2000), 101, FRAGMENT),
        (ipv4(HELLO, fragment=1), 101, FRAGMENT),
        (ipv4(HELLO, length=19), 101, MALFORMED),
        (ipv4(HELLO[:19]), 101, MALFORMED),
        (ipv4(tcp()[:12] + b"\x40" + tcp()[13:]), 101, MALFORMED),
        (ipv4(tcp()[:12] + b"\xf0" + tcp()[13:]), 101, MALFORMED),
        (ipv6(HELLO)[:39], 101, MALFORMED),
        (ipv6(HELLO, protocol=17), 101, NOT_TCP),
        (ipv6(b"\x06\0", protocol=0), 101, MALFORMED),
        (ipv6(b"\x06\0", protocol=17), 101, NOT_TCP),
        (ipv6(b"\x06\0\0\x01" + bytes(4) + HELLO, protocol=44), 101, FRAGMENT),
        (ipv6(HELLO[:10]), 101, MALFORMED),
    ],
)
def test_what_is_no_segment_says_why(frame: bytes, link: int, expected: int) -> None:
    assert decode(frame, link)[0] == expected


def with_checksum(frame: bytes) -> bytes:
    """An Ethernet frame of IPv4 without options, its TCP checksum set."""
    segment = frame[34:]
    words = frame[26:34] + struct.pack(">HH", 6, len(segment)) + segment
    words += b"\0" * (len(words) % 2)
    total = sum(struct.unpack(f">{len(words) // 2}H", words))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return frame[:50] + struct.pack(">H", ~total & 0xFFFF) + frame[52:]


@pytest.mark.parametrize("payload", [b"", b"even", b"odd"])
def test_bad_checksums_of_files_are_known(payload: bytes) -> None:
    frame = ethernet(ipv4(tcp(payload)))
    assert decode(frame, offline=True)[1].has_bad_checksum
    assert not decode(with_checksum(frame), offline=True)[1].has_bad_checksum
    assert not decode(frame)[1].has_bad_checksum


def test_checksums_of_cut_frames_are_not_judged() -> None:
    frame = ethernet(ipv4(tcp(b"payload")))
    _, segment, _ = decode(frame[:-1], length=len(frame), offline=True)
    assert not segment.has_bad_checksum


def test_rubbish_never_raises() -> None:
    chance = random.Random(1)
    good = ethernet(ipv6(b"\x06\0" + bytes(6) + HELLO, protocol=0), 0x86DD)
    for _ in range(2000):
        frame = bytearray(good)
        for _ in range(3):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        frame = frame[: chance.randrange(len(frame) + 1)]
        assert decode(bytes(frame), length=len(good))[0] in range(6)
