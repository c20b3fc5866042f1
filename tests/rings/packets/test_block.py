"""Frames out of kernel blocks, pcap and pcapng."""

import struct

import pytest

from rings.packets.block import (
    ETHERNET,
    PCAP,
    PCAPNG,
    RAW_IP,
    Block,
    Frame,
    Layout,
    MalformedBlockError,
)
from tests.rings.wire import ring_block

Seen = tuple[int, bytes, int]


def walk(data: bytes, layout: Layout) -> tuple[list[Seen], Block]:
    """(time, bytes, link) of each frame, and the block after the last."""
    block, frame = Block(memoryview(data), layout, 0, len(data)), Frame()
    seen = []
    while block.next(frame):
        content = data[frame.start : frame.start + frame.captured]
        seen.append((frame.timestamp_ns, content, frame.link))
    return seen, block


def record(order: str, fraction: int = 5, content: bytes = b"abcd") -> bytes:
    size = len(content)
    return struct.pack(order + "IIII", 7, fraction, size, size) + content


@pytest.mark.parametrize(("order", "is_big"), [("<", False), (">", True)])
@pytest.mark.parametrize(("nanoseconds", "expected"), [(True, 5), (False, 5000)])
def test_pcap_times_are_nanoseconds_in_both_byte_orders(
    order: str, is_big: bool, nanoseconds: bool, expected: int
) -> None:
    layout = Layout(PCAP, is_big, nanoseconds, 101)
    seen, block = walk(record(order) * 2, layout)
    assert seen == [(7_000_000_000 + expected, b"abcd", 101)] * 2
    assert block.position == block.end


@pytest.mark.parametrize("cut", [1, 4, 5, 19])
def test_a_cut_pcap_record_is_left_for_the_reader(cut: int) -> None:
    data = record("<") * 2
    seen, block = walk(data[:-cut], Layout(PCAP))
    assert len(seen) == 1
    assert block.position == 20


def test_a_pcap_record_of_absurd_size_is_malformed() -> None:
    data = struct.pack("<IIII", 0, 0, 1 << 25, 1 << 25)
    with pytest.raises(MalformedBlockError, match="33554432 bytes"):
        walk(data, Layout(PCAP))


def section(order: str) -> bytes:
    return struct.pack(order + "IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)


def interface(order: str, options: bytes = b"", link: int = 1, snap: int = 0) -> bytes:
    size = 20 + len(options)
    return (
        struct.pack(order + "IIHHI", 1, size, link, 0, snap)
        + options
        + struct.pack(order + "I", size)
    )


def option(order: str, code: int, value: bytes) -> bytes:
    padded = value.ljust((len(value) + 3) // 4 * 4, b"\0")
    return struct.pack(order + "HH", code, len(value)) + padded


def enhanced(order: str, stamp: int, index: int = 0, content: bytes = b"abcd") -> bytes:
    size = 32 + len(content)
    head = struct.pack(
        order + "IIIIIII",
        6,
        size,
        index,
        stamp >> 32,
        stamp & 0xFFFFFFFF,
        len(content),
        len(content),
    )
    return head + content + struct.pack(order + "I", size)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_resolution_and_offset_are_applied(order: str) -> None:
    cases = [
        (b"", 3_000_000, 3_000_000_000),
        (option(order, 9, b"\x09"), 3, 3),
        (option(order, 9, b"\x81"), 3, 1_500_000_000),
        (
            option(order, 14, struct.pack(order + "q", 2)) + option(order, 0, b""),
            1,
            2_000_001_000,
        ),
        (option(order, 14, struct.pack(order + "q", -1)), 2_000_000, 1_000_000_000),
        (option(order, 14, struct.pack(order + "q", 1 << 62)), 5, 5000),
        (option(order, 14, struct.pack(order + "q", -1 << 63)), 5, 5000),
        (option(order, 2, b"eth0x"), 1, 1000),
        (struct.pack(order + "HH", 2, 900), 1, 1000),
    ]
    for options, stamp, expected in cases:
        data = section(order) + interface(order, options) + enhanced(order, stamp)
        seen, _ = walk(data, Layout(PCAPNG))
        assert seen == [(expected, b"abcd", ETHERNET)]


def test_a_new_pcapng_section_forgets_the_interfaces_before() -> None:
    data = section("<") + interface("<", link=101) + section(">") + interface(">")
    seen, _ = walk(data + enhanced(">", 1), Layout(PCAPNG))
    assert [link for _, _, link in seen] == [ETHERNET]


def test_simple_and_old_pcapng_packets_are_frames() -> None:
    simple = struct.pack("<III", 3, 20, 9) + b"abcd" + struct.pack("<I", 20)
    old = struct.pack("<IIHHIIII", 2, 36, 0, 0, 0, 8, 4, 4) + b"efgh"
    old += struct.pack("<I", 36)
    other = struct.pack("<III", 5, 12, 12)
    data = section("<") + interface("<") + simple + other + old
    seen, _ = walk(data, Layout(PCAPNG))
    assert seen == [(0, b"abcd", ETHERNET), (8000, b"efgh", ETHERNET)]


def test_a_cut_pcapng_block_is_left_for_the_reader() -> None:
    data = section("<") + interface("<") + enhanced("<", 1)
    seen, block = walk(data[:-1], Layout(PCAPNG))
    assert seen == []
    assert block.position == 48


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (section("<")[:8] + b"zzzz" + section("<")[12:], "byte-order"),
        (section("<") + struct.pack("<III", 1, 8, 0), "claims 8"),
        (section("<") + struct.pack("<III", 1, 13, 0), "claims 13"),
        (section("<") + struct.pack("<III", 1, 1 << 26, 0), "claims 67108864"),
        (section("<") + struct.pack("<IIII", 1, 16, 0, 16), "too short"),
        (section("<") + struct.pack("<IIIII", 6, 20, 0, 0, 20), "too short"),
        (section("<") + enhanced("<", 1), "unknown interface"),
        (section("<") + struct.pack("<IIII", 3, 16, 0, 16), "unknown interface"),
        (section("<") + interface("<") + struct.pack("<III", 3, 12, 4), "too short"),
        (
            section("<")
            + interface("<")
            + enhanced("<", 1)[:20]
            + struct.pack("<I", 99)
            + enhanced("<", 1)[24:],
            "longer than its block",
        ),
    ],
)
def test_what_contradicts_the_format_is_malformed(data: bytes, complaint: str) -> None:
    with pytest.raises(MalformedBlockError, match=complaint):
        walk(data, Layout(PCAPNG))


def test_a_kernel_block_gives_its_frames_with_interface_and_time() -> None:
    block, frame = ring_block([(3, 5_000_000_009, b"one"), (9, 6, b"two!")]), Frame()
    assert block.next(frame)
    assert (frame.interface, frame.timestamp_ns) == (3, 5_000_000_009)
    assert (frame.captured, frame.length, frame.link) == (3, 3, ETHERNET)
    assert block.next(frame)
    assert (frame.interface, frame.timestamp_ns) == (9, 6)
    assert not block.next(frame)


@pytest.mark.parametrize(
    ("hardware", "link"), [(1, ETHERNET), (0xFFFE, RAW_IP), (519, RAW_IP)]
)
def test_interfaces_without_ethernet_carry_ip(hardware: int, link: int) -> None:
    block, frame = ring_block([(1, 1, b"x")], hardware), Frame()
    assert block.next(frame)
    assert frame.link == link
