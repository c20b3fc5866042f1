"""TCP inside of other headers."""

import random
import struct

import pytest

from rings.limits import Limits
from rings.packets.block import ETHERNET, Frame
from rings.packets.packet import Segment
from rings.packets.tunnel import Tunnel
from tests.rings.wire import (
    START_NS,
    collect,
    ethernet,
    frame_block,
    ipv4,
    ipv6,
    outcomes,
    request,
    tcp,
)

TUNNELS = Limits(keep_all_bodies=True, tunnels=True, offline=True)

INNER = ipv4(tcp(request("/inside"), seq=1, ack=1))
INNER6 = ipv6(tcp(request("/inside"), seq=1, ack=1))
FRAME = ethernet(INNER)
SNAP = b"\xaa\xaa\x03\0\0\0"
LABELS = b"\0\x01\0\x40" + b"\0\x02\x01\x40"
PPP = b"\xff\x03\0\x21" + INNER


def over_ip(protocol: int, content: bytes) -> bytes:
    return ethernet(ipv4(content, protocol=protocol))


def gre(kind: int, content: bytes, flags: int = 0, options: bytes = b"") -> bytes:
    return over_ip(47, struct.pack(">HH", flags, kind) + options + content)


def udp(
    port: int, content: bytes, other: int = 50000, is_answer: bool = False
) -> bytes:
    ports = (port, other) if is_answer else (other, port)
    return over_ip(17, struct.pack(">HHHH", *ports, 8 + len(content), 0) + content)


def wlan(control: bytes, size: int = 24) -> bytes:
    return control.ljust(size, b"\0") + SNAP + b"\x08\0" + INNER


def nflog(*parts: tuple[int, bytes]) -> bytes:
    data = b"\x02\0\0\0"
    for kind, content in parts:
        data += struct.pack("<HH", 4 + len(content), kind)
        data += content.ljust((len(content) + 3) // 4 * 4, b"\0")
    return data


CASES: dict[str, tuple[int, bytes]] = {
    "802.3 with SNAP": (1, bytes(12) + b"\0\x50" + SNAP + b"\x08\0" + INNER),
    "802.3 with IP in LLC": (1, bytes(12) + b"\0\x50\x06\x06\x03" + INNER),
    "three tags": (1, ethernet(INNER, tags=[0x9200, 0x88A8, 0x8100])),
    "VN-Tag": (1, bytes(12) + b"\x89\x26" + bytes(4) + b"\x08\0" + INNER),
    "HSR": (1, bytes(12) + b"\x89\x2f" + bytes(4) + b"\x08\0" + INNER),
    "802.1ah": (1, bytes(12) + b"\x88\xe7" + bytes(4) + FRAME),
    "FabricPath": (1, bytes(12) + b"\x89\x03" + bytes(2) + FRAME),
    "PPPoE": (1, bytes(12) + b"\x88\x64" + bytes(6) + b"\0\x21" + INNER),
    "NSH with IP": (1, bytes(12) + b"\x89\x4f\0\x02\x01\x01" + bytes(4) + INNER),
    "NSH with Ethernet": (1, bytes(12) + b"\x89\x4f\0\x02\x01\x03" + bytes(4) + FRAME),
    "NSH with MPLS": (
        1,
        bytes(12) + b"\x89\x4f\0\x02\x01\x05" + bytes(4) + LABELS + INNER,
    ),
    "MPLS": (1, bytes(12) + b"\x88\x47" + LABELS + INNER),
    "MPLS multicast": (1, bytes(12) + b"\x88\x48" + LABELS + INNER6),
    "MPLS with control word": (1, bytes(12) + b"\x88\x47" + LABELS + bytes(4) + FRAME),
    "MPLS with bare Ethernet": (
        1,
        bytes(12) + b"\x88\x47" + LABELS + b"\x12" + FRAME[1:],
    ),
    "radiotap": (127, b"\0\0\x0a\0" + bytes(6) + wlan(b"\x08\x01")),
    "802.11 with quality of service": (105, wlan(b"\x88\x02", 26)),
    "802.11 between stations": (105, wlan(b"\x08\x03", 30)),
    "802.11 with HT control": (105, wlan(b"\x88\x81", 30)),
    "Prism": (119, bytes(144) + wlan(b"\x08\x01")),
    "AVS": (163, bytes(64) + wlan(b"\x08\x01")),
    "PPI": (192, struct.pack("<BBHI", 0, 0, 8, 105) + wlan(b"\x08\x01")),
    "PPP": (9, PPP),
    "PPP in HDLC": (50, PPP),
    "PPP, compressed": (9, b"\x21" + INNER),
    "PPP with MPLS": (9, b"\x02\x81" + LABELS + INNER),
    "PPPoE link": (51, bytes(6) + b"\0\x57" + INNER6),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + INNER),
    "Frame Relay": (107, b"\x18\x41\x03\xcc" + INNER),
    "Frame Relay with SNAP": (107, b"\x18\x41\x03\0\x80\0\0\0\x08\0" + INNER),
    "FDDI": (10, bytes(13) + SNAP + b"\x08\0" + INNER),
    "token ring": (6, bytes(14) + SNAP + b"\x08\0" + INNER),
    "PFLOG": (117, bytes([61]).ljust(64, b"\0") + INNER),
    "NFLOG": (239, nflog((1, b"12345"), (9, INNER))),
    "cooked with LLC": (113, bytes(14) + b"\0\x04" + SNAP + b"\x08\0" + INNER),
    "cooked with MPLS": (113, bytes(14) + b"\x88\x47" + LABELS + INNER),
    "IP in IP": (1, over_ip(4, INNER)),
    "IPv6 in IP": (1, over_ip(41, INNER6)),
    "IP in IPv6": (1, ethernet(ipv6(INNER, protocol=4), 0x86DD)),
    "EtherIP": (1, over_ip(97, b"\x30\0" + FRAME)),
    "MPLS in IP": (1, over_ip(137, LABELS + INNER)),
    "GRE": (1, gre(0x0800, INNER)),
    "GRE with IPv6": (1, gre(0x86DD, INNER6)),
    "GRE with Ethernet": (1, gre(0x6558, FRAME)),
    "GRE with MPLS": (1, gre(0x8847, LABELS + INNER)),
    "GRE with options": (1, gre(0x0800, INNER, 0xB000, bytes(12))),
    "PPTP": (1, gre(0x880B, PPP, 0x3081, bytes(12))),
    "GRE with 802.11 of another number": (1, gre(0x8200, wlan(b"\x08\x01"))),
    "GRE with 802.11": (1, gre(0x9000, wlan(b"\x08\x01"))),
    "ERSPAN I": (1, gre(0x88BE, FRAME)),
    "ERSPAN II": (1, gre(0x88BE, bytes(8) + FRAME, 0x1000, bytes(4))),
    "ERSPAN III": (1, gre(0x22EB, bytes(12) + FRAME, 0x1000, bytes(4))),
    "ERSPAN III, long": (
        1,
        gre(0x22EB, bytes(11) + b"\x01" + bytes(8) + FRAME, 0x1000, bytes(4)),
    ),
    "VXLAN": (1, udp(4789, b"\x08" + bytes(7) + FRAME)),
    "VXLAN of Linux": (1, udp(8472, b"\x08" + bytes(7) + FRAME)),
    "VXLAN-GPE": (1, udp(4790, b"\x0c\0\0\x01" + bytes(4) + INNER)),
    "VXLAN-GPE with Ethernet": (1, udp(4790, b"\x0c\0\0\x03" + bytes(4) + FRAME)),
    "Geneve": (1, udp(6081, b"\x01\0\x65\x58" + bytes(8) + FRAME)),
    "Geneve with IP": (1, udp(6081, b"\0\0\x08\0" + bytes(4) + INNER)),
    "GTP-U": (1, udp(2152, b"\x30\xff" + bytes(6) + INNER, is_answer=True)),
    "GTP-U with sequence": (1, udp(2152, b"\x32\xff" + bytes(10) + INNER)),
    "GTP-U with extensions": (
        1,
        udp(2152, b"\x34\xff" + bytes(9) + b"\x85\x01\0\0\x85\x01\0\0\0" + INNER),
    ),
    "Teredo": (1, udp(3544, INNER6)),
    "Teredo with indications": (
        1,
        udp(3544, b"\0\x01\x02\x01" + bytes(12) + bytes(8) + INNER6),
    ),
    "AYIYA": (1, udp(5072, b"\x41\x52\x11\x29" + bytes(4 + 16 + 20) + INNER6)),
    "L2TP": (1, udp(1701, b"\0\x02" + bytes(4) + PPP)),
    "L2TP with length and numbers": (1, udp(1701, b"\x48\x02" + bytes(10) + PPP)),
    "TZSP": (1, udp(37008, b"\x01\0\0\x01\0\x0a\x01\xff\x01" + FRAME)),
    "TZSP with 802.11": (1, udp(37008, b"\x01\0\0\x12\x01" + wlan(b"\x08\x01"))),
    "GRE in UDP": (1, udp(4754, b"\0\0\x08\0" + INNER)),
    "MPLS in UDP": (1, udp(6635, LABELS + INNER)),
    "tunnel in tunnel": (1, gre(0x0800, ipv4(INNER, protocol=4))),
}


@pytest.mark.parametrize("name", CASES)
def test_the_exchange_inside_is_found(name: str) -> None:
    link, frame = CASES[name]
    pairs, _ = collect([(START_NS, frame)], TUNNELS, link)
    assert outcomes(pairs) == [("GET", "/inside", None)]


@pytest.mark.parametrize("name", CASES)
def test_live_rings_do_not_look_inside(name: str) -> None:
    link, frame = CASES[name]
    assert collect([(START_NS, frame)], None, link)[0] == []


@pytest.mark.parametrize("name", CASES)
def test_a_tunnel_cut_anywhere_never_raises(name: str) -> None:
    link, frame = CASES[name]
    chance = random.Random(name)
    segment, slot = Segment(True, True), Frame()
    for end in range(len(frame)):
        block = frame_block(frame[:end], link, len(frame))
        assert block.next(slot)
        assert segment.decode(block, slot) in range(5)
        rubbish = bytearray(frame)
        for _ in range(3):
            rubbish[chance.randrange(min(len(frame), 90))] = chance.randrange(256)
        block = frame_block(bytes(rubbish), link)
        assert block.next(slot)
        assert segment.decode(block, slot) in range(5)


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (1, ethernet(b"\0\x01\x08\0\x06\x04", 0x0806)),
        (1, bytes(12) + b"\0\x50\x42\x42\x03" + bytes(40)),
        (1, bytes(12) + b"\0\x50\xaa\xaa\x03\0"),
        (1, bytes(12) + b"\x88\x47" + LABELS),
        (1, bytes(12) + b"\x89\x4f\0\x02\x01\x09" + bytes(40)),
        (1, bytes(12) + b"\x89\x4f\0\x02\x01\x01"),
        (9, b"\xff\x03\xc0\x21" + INNER),
        (105, wlan(b"\x08\x41")),
        (105, wlan(b"\x80\x00")),
        (107, b"\x18\x41\x03\x08" + INNER),
        (107, b"\x18\x41\x03\0"),
        (239, nflog((1, b"1234"))),
        (192, struct.pack("<BBHI", 0, 0, 8, 105)[:6]),
        (113, bytes(14)),
        (9999, INNER),
        (1, over_ip(50, INNER)),
        (1, gre(0x1234, INNER)),
        (1, gre(0x22EB, bytes(6))),
        (1, udp(53, INNER)),
        (1, udp(4789, bytes(8) + FRAME)),
        (1, udp(2152, b"\x30\x01" + bytes(6) + INNER)),
        (1, udp(1701, b"\x80\x02" + bytes(4) + PPP)),
        (1, udp(1701, b"\x02\x02" + bytes(4) + PPP)),
        (1, udp(6081, b"\0\0\x12\x34" + bytes(4) + INNER)),
        (1, udp(37008, b"\x01\0\0\x09\x01" + FRAME)),
        (1, over_ip(17, bytes(12))),
        (1, gre(0x0800, b"\x50" + INNER[1:])),
    ],
)
def test_what_is_not_known_is_not_guessed(link: int, frame: bytes) -> None:
    pairs, assembler = collect([(START_NS, frame)], TUNNELS, link)
    stats = assembler.total()
    assert pairs == []
    assert stats.segments == 0
    assert stats.frames == 1


def test_headers_within_headers_have_a_bound() -> None:
    packet = INNER
    for _ in range(40):
        packet = ipv4(packet, protocol=4)
    assert collect([(START_NS, ethernet(packet))], TUNNELS)[0] == []
    tags = ethernet(INNER, tags=[0x8100, 0x88E7][:1] * 200)
    assert collect([(START_NS, tags)], TUNNELS)[0] != []
    frame = FRAME
    for _ in range(40):
        frame = bytes(12) + b"\x88\xe7" + bytes(4) + frame
    assert collect([(START_NS, frame)], TUNNELS)[0] == []


def test_fragments_of_a_tunnel_are_put_together() -> None:
    outer = struct.pack(">HH", 0, 0x0800) + INNER
    cut = len(outer) // 16 * 8
    parts = [(0x2000, outer[:cut]), (cut // 8, outer[cut:])]
    frames = [
        (START_NS, ethernet(ipv4(part, protocol=47, fragment=word)))
        for word, part in parts
    ]
    inner_parts = [
        ipv4(INNER[20:60], fragment=0x2000, number=3),
        ipv4(INNER[60:], fragment=5, number=3),
    ]
    assert outcomes(collect(frames, TUNNELS)[0]) == [("GET", "/inside", None)]
    nested = [(START_NS, gre(0x0800, part)) for part in inner_parts]
    assert outcomes(collect(nested, TUNNELS)[0]) == [("GET", "/inside", None)]


def test_a_tunnel_that_ended_leads_nowhere() -> None:
    tunnel = Tunnel()
    tunnel.enter_link(ETHERNET, 5)
    assert tunnel.start == 5
    tunnel.enter_protocol(1, 9)
    assert tunnel.layer == 0
