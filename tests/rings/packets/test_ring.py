"""Rings of the kernel, on loopback and on interfaces that the tests make."""

import ctypes
import errno
import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from rings.limits import Limits
from rings.packets.block import Frame
from rings.packets.filters import Shed
from rings.packets.ring import BLOCK_BYTES, Place, Ring, RingError, packet_socket
from rings.packets.shedding import LEVELS
from rings.pairs.message import Pair
from rings.streams.assembler import Assembler
from tests.rings.wire import response

needs_packets = pytest.mark.usefixtures("own_network")
LOOPBACK = 1
"""Its index in every network namespace."""
SECONDS = 5.0


def serve(count: int, body: bytes, version: int = 4) -> Callable[[], None]:
    """A server for one connection; returns the client's exchange with it."""
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    listener = socket.create_server(
        ("::1" if version == 6 else "127.0.0.1", 0), family=family
    )

    def answer() -> None:
        with listener, listener.accept()[0] as peer:
            peer.settimeout(SECONDS)
            for _ in range(count):
                while not peer.recv(4096).endswith(b"\r\n\r\n"):
                    pass
                peer.sendall(response(body))

    thread = threading.Thread(target=answer)
    thread.start()
    address = listener.getsockname()[:2]

    def ask() -> None:
        with socket.create_connection(address, SECONDS) as client:
            size = len(response(body))
            for number in range(count):
                client.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
                left = size
                while left:
                    left -= len(client.recv(left))
        thread.join(SECONDS)

    return ask


def capture(
    ring: Ring, count: int, seconds: float = SECONDS, limits: Limits | None = None
) -> tuple[list[Pair], Assembler]:
    assembler = Assembler(limits)
    pairs: list[Pair] = []
    end = time.monotonic() + seconds
    while len(pairs) < count and time.monotonic() < end:
        for block in ring.read(0.1):
            pairs += assembler.feed(block)
    return pairs, assembler


def drain(ring: Ring) -> tuple[list[Pair], Assembler]:
    """All that the ring holds; uncompiled, reading takes a while."""
    assembler = Assembler()
    pairs: list[Pair] = []
    while blocks := [assembler.feed(block) for block in ring.read(0.5)]:
        pairs += [pair for of_block in blocks for pair in of_block]
    return pairs, assembler


@needs_packets
@pytest.mark.parametrize("version", [4, 6])
def test_exchanges_on_a_real_interface_become_pairs(version: int) -> None:
    body = b"[" + b"1," * 20_000 + b"1]"
    with Ring(8 * BLOCK_BYTES) as ring:
        ring.set_interfaces(frozenset({LOOPBACK}))
        serve(50, body, version)()
        pairs, assembler = capture(ring, 50)
        statistics = ring.statistics()
    assert [pair.request.target for pair in pairs] == [b"/%d" % n for n in range(50)]
    assert {pair.interface for pair in pairs} == {LOOPBACK}
    assert all(pair.response and bytes(pair.response.body) == body for pair in pairs)
    assert statistics.passed > 0
    assert (statistics.dropped, statistics.freezes) == (0, 0)
    assert assembler.total().gaps == 0
    assert abs(pairs[0].request.first_ns - time.time_ns()) < 60 * 10**9


@needs_packets
def test_an_unmonitored_interface_gives_no_frame() -> None:
    with Ring(0) as ring:
        serve(2, b"{}")()
        ring.set_interfaces(frozenset({LOOPBACK + 100_000}))
        serve(2, b"{}")()
        assert list(ring.read(0.2)) == []
        assert ring.statistics().passed == 0


@needs_packets
def test_a_ring_that_is_not_read_counts_what_the_kernel_drops() -> None:
    body = b"x" * 200_000
    with Ring(2 * BLOCK_BYTES) as ring:
        ring.set_interfaces(frozenset({LOOPBACK}))
        serve(40, body)()
        statistics = ring.statistics()
        assert statistics.dropped > 0
        assert statistics.freezes > 0
        walked, frame = 0, Frame()
        for block in ring.read(0.1):
            while block.next(frame):
                walked += 1
        assert 0 < walked <= statistics.passed
        assert ring.statistics().dropped == 0


@needs_packets
def test_blocks_closed_after_a_drop_say_so() -> None:
    with Ring(2 * BLOCK_BYTES) as ring:
        ring.set_interfaces(frozenset({LOOPBACK}))
        serve(40, b"x" * 200_000)()
        for _ in ring.read(0.1):
            pass
        assert ring.losing_blocks == 0
        serve(8, b"x" * 200_000)()
        for _ in ring.read(0.1):
            pass
        assert ring.losing_blocks > 0


@needs_packets
def test_the_backlog_is_the_share_of_blocks_that_wait() -> None:
    with Ring(8 * BLOCK_BYTES) as ring:
        ring.set_interfaces(frozenset({LOOPBACK}))
        assert ring.backlog() == 0
        serve(8, b"x" * 200_000)()
        before = ring.backlog()
        assert 0.25 <= before < 1
        assert len(list(ring.read(0.1))) >= before * 8
        assert ring.backlog() == 0
        assert ring.losing_blocks == 0


@needs_packets
def test_segments_of_big_tcp_arrive_whole() -> None:
    grow = ["ip", "link", "set", "lo", "gso_max_size", "400000"]
    if subprocess.run(grow, capture_output=True, check=False).returncode:
        pytest.skip("the kernel has no BIG TCP")
    body = b"[" + b"1," * 1_500_000 + b"1]"
    with Ring(32 * BLOCK_BYTES) as ring:
        ring.set_interfaces(frozenset({LOOPBACK}))
        serve(3, body, 6)()
        pairs, assembler = capture(ring, 3, limits=Limits(body_bytes=4 << 20))
    total = assembler.total()
    assert total.payload_bytes / total.segments > 65_536
    assert [pair.response and bytes(pair.response.body) == body for pair in pairs] == [
        True
    ] * 3
    assert (total.gaps, total.cut_frames) == (0, 0)


@needs_packets
def test_shed_connections_leave_only_samples_and_come_back() -> None:
    with Ring(32 * BLOCK_BYTES) as ring:
        ring.set_interfaces(frozenset({LOOPBACK}))
        ring.set_shed(Shed(LEVELS // 2, 7))
        for _ in range(40):
            serve(60, b"x" * 10_000)()
        pairs, assembler = drain(ring)
        total = assembler.total()
        assert len(pairs) % 60 == 0
        assert 0 < len(pairs) < 2400
        assert total.gaps == 0
        # Loopback shows each frame on its way out and in.
        assert 0.8 < total.payload_bytes / (2 * 2400 * 10_000) < 1.25
        ring.set_shed(Shed())
        serve(10, b"x")()
        assert len(capture(ring, 10)[0]) == 10


@needs_packets
def test_rings_of_a_group_share_connections_whole() -> None:
    group = os.getpid() & 0xFFFF
    with Ring(4 * BLOCK_BYTES, group) as one, Ring(4 * BLOCK_BYTES, group) as other:
        for ring in (one, other):
            ring.set_interfaces(frozenset({LOOPBACK}))
        for _ in range(16):
            serve(3, b"{}")()
        pairs: list[Pair] = []
        assemblers = []
        for ring in (one, other):
            found, assembler = capture(ring, 48 - len(pairs))
            pairs += found
            assemblers.append(assembler)
    assert len(pairs) == 48
    assert all(assembler.total().pairs > 0 for assembler in assemblers)


def _place(*addresses: str) -> Place:
    return Place(
        opened=packet_socket(),
        index=LOOPBACK,
        number=77,
        addresses=frozenset(map(socket.inet_aton, addresses)),
        is_loopback=True,
        block_bytes=1 << 17,
    )


@needs_packets
def test_a_ring_of_loopback_sees_each_packet_once_under_its_own_number() -> None:
    with Ring(1 << 19, place=_place("127.0.0.1")) as ring:
        serve(5, b"[" + b"1," * 30_000 + b"1]")()
        pairs, assembler = capture(ring, 5)
    assert len(pairs) == 5
    assert {pair.interface for pair in pairs} == {77}
    assert assembler.views[77].stats.duplicate_bytes == 0


@needs_packets
def test_a_ring_of_other_addresses_sees_nothing_until_they_are_set() -> None:
    with Ring(1 << 19, place=_place("192.0.2.1")) as ring:
        serve(1, b"[]")()
        assert ring.statistics().passed == 0
        ring.set_addresses(frozenset())
        serve(1, b"[]")()
        assert len(capture(ring, 1)[0]) == 1


@needs_packets
def test_a_ring_of_one_interface_outlives_that_it_is_down() -> None:
    def set_link(state: str) -> None:
        subprocess.run(["ip", "link", "set", "lo", state], check=True)

    with Ring(1 << 19, place=_place()) as ring:
        set_link("down")
        set_link("up")
        poll = select.poll()
        poll.register(ring, select.POLLERR)
        assert poll.poll(0)
        ring.clear_error()
        assert not poll.poll(0)
        serve(1, b"[]")()
        assert len(capture(ring, 1)[0]) == 1


@needs_packets
def test_a_ring_can_be_waited_for() -> None:
    with Ring(0) as ring:
        assert ring.fileno() > 0
        started = time.monotonic()
        assert list(ring.read(0.05)) == []
        assert time.monotonic() - started >= 0.04


def test_without_the_right_a_ring_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(RingError, match="NET_RAW"):
        Ring(0)


@needs_packets
def test_what_the_kernel_refuses_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rings.packets.ring._TPACKET_V3", 99)
    with pytest.raises(RingError, match="the kernel refused"):
        Ring(0)


@needs_packets
def test_a_refused_binding_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> int:
        ctypes.set_errno(errno.EADDRINUSE)
        return -1

    monkeypatch.setattr("rings.packets.ring._libc", SimpleNamespace(bind=refuse))
    with pytest.raises(RingError, match="in use"):
        Ring(0)
