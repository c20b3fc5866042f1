"""Connections found, bounded, expired and told apart."""

from ipaddress import ip_address

import pytest

from rings.limits import Limits
from rings.packets.block import PCAP, Block, Layout, MalformedBlockError
from rings.streams.assembler import Assembler
from tests.rings.wire import (
    ACK,
    ALL,
    CLIENT,
    MS,
    SERVER,
    START_NS,
    SYN,
    Conversation,
    assert_closed,
    block_of,
    chunked,
    collect,
    ethernet,
    exchange,
    frame_block,
    ipv4,
    outcomes,
    request,
    response,
    ring_block,
    tcp,
)

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def quiet(at_ns: int) -> tuple[int, bytes]:
    return at_ns, ethernet(b"", 0x0806)


def test_the_answer_to_a_lost_syn_opens_the_connection() -> None:
    for lost in (0, 1):
        frames = exchange().frames()
        del frames[lost]
        pairs, assembler = collect(frames, ALL)
        assert outcomes(pairs) == [("GET", "/40000", 200)]
        assert assembler.total().connections == 1


def test_a_syn_captured_after_its_data_is_the_same_connection() -> None:
    frames = exchange().frames()
    frames.insert(4, frames.pop(0))
    _, assembler = collect(frames, ALL)
    assert assembler.total().connections == 1


def test_one_sided_captures_report_what_they_have() -> None:
    talk = Conversation().open()
    for number in range(3):
        talk.ask(request(f"/{number}"))
        talk.answer(response(b"{}"))
    talk.close()
    frames = talk.frames()
    client = [frame for frame in frames if frame[1][26:30] == ip_address(CLIENT).packed]
    server = [frame for frame in frames if frame[1][26:30] == ip_address(SERVER).packed]
    pairs, assembler = collect(client, ALL)
    assert outcomes(pairs) == [("GET", f"/{n}", None) for n in range(3)]
    assert assembler.total().gap_bytes > 0
    pairs, assembler = collect(server, ALL)
    assert pairs == []
    assert assembler.total().unpaired_no_request == 3


def test_ports_used_anew_are_another_connection() -> None:
    first = exchange()
    second = exchange(at_ns=first.at_ns, client_seq=77_000, server_seq=88_000)
    pairs, assembler = collect(first.frames() + second.frames(), ALL)
    assert [pair.connection for pair in pairs] == [1, 2]
    assert assembler.total().connections == 2


def test_a_server_that_answers_with_another_number_is_another_connection() -> None:
    """A forged end that came before the true answer of the server is forgotten."""
    talk = Conversation().open()
    forged = tcp(seq=5, ack=1001, flags=ACK | 1, ports=(80, 40000))
    frame = ethernet(ipv4(forged, source=SERVER, target=CLIENT))
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    frames = talk.frames()
    frames.insert(1, (START_NS, frame))
    assert outcomes(collect(frames, ALL)[0]) == [("GET", "/a", 200)]


@pytest.mark.parametrize("away", [(1 << 30) + 5000, -(1 << 30) - 5000])
def test_ports_used_anew_are_told_by_numbers_if_the_start_was_missed(away: int) -> None:
    first = exchange()
    again = exchange(at_ns=first.at_ns + 1)
    again.client_seq = (first.client_seq + away) % (1 << 32)
    again.server_seq = (first.server_seq + away) % (1 << 32)
    del again.sent[:]
    for number in range(3):
        again.ask(request(f"/again/{number}"))
        again.answer(response(b"{}"))
    again.close()
    pairs, assembler = collect(first.frames() + again.frames(), ALL)
    assert [target for _, target, status in outcomes(pairs) if status] == [
        "/40000",
        "/again/0",
        "/again/1",
        "/again/2",
    ]
    assert assembler.total().connections == 2
    assert assembler.total().gaps == 0


def test_a_closed_connection_is_not_kept_by_what_still_comes() -> None:
    talk = exchange()
    talk.close()
    frames = talk.frames()
    late = [(frames[-1][0] + n * SECOND, frames[3][1]) for n in range(1, 13)]
    _, assembler = collect(frames + late, ALL)
    assert assembler.total().connections == 2


def test_a_repeated_syn_is_the_same_connection() -> None:
    frames = exchange().frames()
    pairs, assembler = collect([frames[0], *frames[:2], frames[0], *frames[1:]], ALL)
    assert len(pairs) == 1
    assert assembler.total().connections == 1


def test_bytes_after_a_reset_are_still_read() -> None:
    """A receiver may refuse a reset (RFC 5961); the bytes that follow tell."""
    talk = Conversation().open()
    talk.reset()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    assert outcomes(collect(talk.frames(), ALL)[0]) == [("GET", "/a", 200)]


def test_a_reset_connection_is_forgotten_soon() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.reset()
    assembler = Assembler(ALL)
    assert assembler.feed(block_of(talk.frames())) == []
    late = talk.at_ns + ALL.closed_ns + 2 * SECOND
    assert outcomes(assembler.expire(late)) == [("GET", "/a", None)]
    assert assembler.view(0).connections == {}


def test_bytes_after_the_end_are_duplicates() -> None:
    talk = exchange()
    talk.close()
    talk.ask(b"after the end")
    _, assembler = collect(talk.frames(), ALL)
    assert assembler.total().duplicate_bytes == len("after the end")


def test_segments_of_no_connection_are_untracked() -> None:
    talk = Conversation()
    talk.acknowledge(True)
    talk.reset()
    talk.sent.append(talk.sent[-1])
    _, assembler = collect(talk.frames())
    stats = assembler.total()
    assert (stats.segments, stats.connections) == (3, 0)
    reset = tcp(b"why", flags=4)
    _, assembler = collect([(START_NS, ethernet(ipv4(reset)))])
    assert assembler.total().untracked_bytes == 3


def test_an_endpoint_that_sends_to_itself_is_no_connection() -> None:
    segment = tcp(request("/a"), seq=1, ack=1, ports=(80, 80))
    frame = ethernet(ipv4(segment, source=SERVER, target=SERVER))
    pairs, assembler = collect([(START_NS, frame), (START_NS + 1, frame)], ALL)
    assert pairs == []
    assert assembler.total().untracked_bytes == 2 * len(request("/a"))


def test_silent_and_closed_connections_are_forgotten() -> None:
    assembler = Assembler(ALL)
    silent, closed = exchange(), exchange(50000)
    closed.close()
    assembler.feed(block_of(silent.frames() + closed.frames()))
    view = assembler.view(0)
    assert len(view.connections) == 4
    assembler.expire(closed.at_ns + ALL.closed_ns + SECOND)
    assert len(view.connections) == 2
    assembler.expire(closed.at_ns + ALL.closed_ns + SECOND)
    assembler.expire(silent.at_ns + ALL.idle_ns + 2 * SECOND)
    assert len(view.connections) == 0
    assert_closed(assembler)


def test_connections_have_a_bound() -> None:
    limits = Limits(keep_all_bodies=True, connections=20)
    assembler = Assembler(limits)
    pairs = []
    for number in range(100):
        talk = exchange(1000 + number, START_NS + number * SECOND)
        if number % 2:
            talk.close()
        pairs += assembler.feed(block_of(talk.frames()))
        assert len(assembler.view(0).connections) <= 40
    pairs += assembler.close()
    assert len(pairs) == 100
    assert assembler.total().connections_evicted > 0
    assert_closed(assembler)


def test_closed_connections_make_room_first_without_being_counted() -> None:
    assembler = Assembler(Limits(connections=4))
    for port in range(1000, 1008):
        talk = exchange(port)
        talk.close()
        assembler.feed(block_of(talk.frames()))
    assert assembler.total().connections_evicted == 0


def test_views_keep_interfaces_apart_and_outlive_them_in_counters() -> None:
    frames = exchange().frames()
    assembler = Assembler(ALL)
    block = ring_block([(1, *frame) for frame in frames])
    pairs = assembler.feed(block)
    pairs += assembler.feed(ring_block([(2, *frame) for frame in frames]))
    assert [pair.interface for pair in pairs] == [1, 2]
    assert assembler.drop_view(1) == []
    assert assembler.drop_view(1) == []
    assert list(assembler.views) == [2]
    assert assembler.total().pairs == 2


def test_other_frames_are_counted_by_kind() -> None:
    frames = [
        quiet(1),
        (1, ethernet(ipv4(tcp(), protocol=17))),
        (1, ethernet(ipv4(tcp(), fragment=0x2000))),
        (1, ethernet(ipv4(b""))),
    ]
    _, assembler = collect(frames)
    stats = assembler.total()
    assert (stats.not_ip, stats.not_tcp, stats.fragments) == (1, 1, 1)
    assert stats.malformed == 1


def test_bad_checksums_of_a_file_are_counted_and_accepted() -> None:
    pairs, assembler = collect(
        exchange().frames(), Limits(keep_all_bodies=True, offline=True)
    )
    assert len(pairs) == 1
    assert assembler.total().bad_checksums == 5


def test_a_malformed_block_raises_and_loses_nothing_before_it() -> None:
    assembler = Assembler(ALL)
    pairs = assembler.feed(block_of(exchange().frames()))
    absurd = b"\xff" * 16
    with pytest.raises(MalformedBlockError):
        assembler.feed(Block(memoryview(absurd), Layout(PCAP), 0, 16))
    assert len(pairs) == 1


def test_thousands_of_connections_stay_within_their_bounds() -> None:
    assembler = Assembler(Limits(connections=500))
    pairs = 0
    for number in range(2000):
        talk = Conversation(
            ports=(1024 + number, 80), at_ns=START_NS + number * MS, step_ns=10
        )
        talk.open()
        talk.ask(request("/"))
        talk.answer(chunked(b'{"a":', b"1}"))
        pairs += len(assembler.feed(block_of(talk.frames())))
        assert len(assembler.view(0).connections) <= 1000
    pairs += len(assembler.close())
    assert pairs == 2000


def test_a_connection_that_only_opens_is_forgotten_too() -> None:
    syn = (START_NS, ethernet(ipv4(tcp(flags=SYN))))
    assembler = Assembler(ALL)
    assembler.feed(block_of([syn]))
    assembler.feed(block_of([quiet(START_NS + HOUR)]))
    assert assembler.view(0).connections == {}


def test_what_is_left_is_counted_like_what_is_read_and_opens_nothing() -> None:
    """Of both directions, with a frame that is no TCP among them."""
    frames = [*exchange().frames(), quiet(START_NS)]
    read, left = Assembler(ALL), Assembler(ALL)
    read.feed(block_of(frames))
    left.leave(block_of(frames))
    known, stats = read.total(), left.total()
    assert stats.frames == stats.frames_left == known.frames == len(frames)
    assert stats.payload_bytes == stats.left_at_stop_bytes == known.payload_bytes > 0
    assert (stats.segments, stats.not_ip) == (known.segments, known.not_ip)
    assert stats.connections == 0
    assert left.close() == []
    assert stats.payload_bytes == sum(stats.buckets().values())


def test_samples_that_are_left_stand_for_what_was_shed() -> None:
    """Cut within the TCP header, as the kernel filter does (`filters`)."""
    talk = Conversation().open()
    talk.ask(request("/a"))
    _, whole = talk.frames()[-1]
    cut, length = whole[: 14 + 20 + 13], len(whole)
    one, other = Assembler(), Assembler()
    one.feed(frame_block(cut, length=length))
    other.leave(frame_block(cut, length=length))
    fed, left = one.total(), other.total()
    assert left.shed_bytes == fed.shed_bytes > 0
    assert left.left_at_stop_bytes == 0
