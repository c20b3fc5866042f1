"""One direction's bytes in order, with explicit gaps."""

import itertools

import pytest

from rings.limits import Limits
from rings.pairs.message import Pair
from rings.stats import Stats
from tests.rings.wire import (
    ACK,
    ALL,
    CLIENT,
    MS,
    SERVER,
    SYN,
    Conversation,
    collect,
    ethernet,
    ipv4,
    outcomes,
    request,
    response,
    tcp,
)

BODY = bytes(range(97, 122)) * 20


def talk_of(size: int = 120) -> Conversation:
    talk = Conversation(step_ns=MS // 10).open()
    talk.ask(request("/a"))
    talk.answer(response(BODY), size)
    talk.close()
    return talk


def body_of(pairs: list[Pair]) -> bytes:
    (pair,) = pairs
    assert pair.response is not None
    return bytes(pair.response.body)


def test_segments_in_every_order_are_the_same_bytes() -> None:
    frames = talk_of().frames()
    data = frames[4:9]
    assert len(data) == 5
    for order in itertools.permutations(data):
        pairs, assembler = collect([*frames[:4], *order, *frames[9:]], ALL)
        assert body_of(pairs) == BODY
        assert assembler.total().gaps == 0


def test_a_repeated_segment_is_counted_once() -> None:
    frames = talk_of().frames()
    pairs, assembler = collect([*frames[:6], *frames[3:]], ALL)
    assert body_of(pairs) == BODY
    assert assembler.total().duplicate_bytes == len(request("/a")) + 2 * 120


def server_segment(seq: int, payload: bytes, ack: int, flags: int = ACK) -> bytes:
    segment = tcp(payload, seq=seq, ack=ack, flags=flags, ports=(80, 40000))
    return ethernet(ipv4(segment, source=SERVER, target=CLIENT))


def overlapped(*pieces: tuple[int, bytes]) -> tuple[bytes, Stats]:
    """The body out of answers at these offsets of the response."""
    talk = Conversation().open()
    start = talk.server_seq
    talk.ask(request("/a"))
    frames = talk.frames()
    for offset, payload in pieces:
        frame = server_segment(start + offset, payload, talk.client_seq)
        frames.append((frames[-1][0] + MS, frame))
    pairs, assembler = collect(frames, ALL)
    return body_of(pairs), assembler.total()


def test_overlap_keeps_the_bytes_that_came_first() -> None:
    head = response(b"x" * 6)[:-6]
    end = len(head)
    body, stats = overlapped((0, head + b"aaa"), (end + 1, b"bbbbb"))
    assert body == b"aaabbb"
    assert stats.duplicate_bytes == 2
    body, _ = overlapped((0, head), (end + 2, b"bbbb"), (end, b"aaaa"))
    assert body == b"aaaabb"
    body, _ = overlapped((0, head), (end + 2, b"bb"), (end + 1, b"ccccc"), (end, b"aa"))
    assert body == b"aacccc"
    body, _ = overlapped(
        (0, head), (end + 1, b"bb"), (end + 1, b"cc"), (end, b"aaaaaa")
    )
    assert body == b"aaaaaa"


def test_a_longer_retransmission_adds_only_its_new_bytes() -> None:
    head = response(b"x" * 6)[:-6]
    body, stats = overlapped((0, head + b"abc"), (0, head + b"xyzdef"))
    assert body == b"abcdef"
    assert stats.duplicate_bytes == len(head) + 3


def test_sequence_numbers_wrap() -> None:
    talk = Conversation(client_seq=0xFFFFFFF0, server_seq=0xFFFFFF80).open()
    for number in range(3):
        talk.ask(request(f"/{number}"))
        talk.answer(response(BODY), 100)
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert [status for *_, status in outcomes(pairs)] == [200] * 3
    assert assembler.total().gaps == 0


def test_bytes_that_the_client_acknowledged_are_a_gap_soon() -> None:
    talk = Conversation(step_ns=30 * MS).open()
    talk.ask(request("/a"))
    talk.answer(response(BODY), 120)
    talk.ask(request("/b"))
    talk.answer(response(b"{}"))
    talk.acknowledge(True)
    frames = talk.frames()
    del frames[6]
    pairs, assembler = collect(frames, ALL)
    assert outcomes(pairs) == [("GET", "/a", 200), ("GET", "/b", 200)]
    first = pairs[0].response
    assert first is not None
    assert (first.gap_bytes, first.truncated) == (120, True)
    assert first.body_bytes == len(BODY)
    assert bytes(first.body) == BODY[: len(bytes(first.body))]
    assert assembler.total().gap_bytes == 120


def test_a_hole_that_nobody_acknowledged_is_awaited_longer() -> None:
    talk = talk_of()
    frames = talk.frames()[:9]
    missing = frames.pop(5)
    at_ns = frames[-1][0]
    in_time = [*frames, (at_ns + 2_000 * MS, missing[1])]
    assert body_of(collect(in_time, ALL)[0]) == BODY
    filler = server_segment(0, b"", 0)
    too_late = [*frames, (at_ns + 4_000 * MS, filler), (at_ns + 4_001 * MS, missing[1])]
    pairs, assembler = collect(too_late, ALL)
    assert pairs[0].response is not None
    assert pairs[0].response.gap_bytes == 120
    assert assembler.total().unsynchronized_bytes == 120


@pytest.mark.parametrize(
    "limits",
    [
        Limits(keep_all_bodies=True, pending_bytes=200),
        Limits(keep_all_bodies=True, pending_segments=2),
    ],
)
def test_held_segments_have_a_bound(limits: Limits) -> None:
    frames = talk_of().frames()
    late = frames.pop(4)
    frames.insert(8, late)
    pairs, assembler = collect(frames, limits)
    stats = assembler.total()
    assert stats.gaps >= 1
    assert stats.unsynchronized_bytes > 0
    assert all(pair.response is None for pair in pairs)


def test_frames_cut_by_the_capture_leave_a_gap_of_the_missing_bytes() -> None:
    from rings.streams.assembler import Assembler
    from tests.rings.wire import assert_closed, block_of

    frames = talk_of(1000).frames()
    at_ns, frame = frames[4]
    frames[4] = (at_ns, frame[:-100])
    assembler = Assembler(ALL)
    pairs = assembler.feed(block_of(frames, lengths={4: len(frame)}))
    pairs += assembler.close()
    assert_closed(assembler)
    (pair,) = pairs
    assert pair.response is not None
    assert pair.response.gap_bytes == 100
    assert pair.response.body_bytes == len(BODY)
    assert assembler.total().cut_frames == 1


def test_keep_alive_and_window_probes_change_nothing() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    talk.client_seq -= 1
    talk.ask(b"\0")
    talk.acknowledge(True)
    talk.ask(request("/b"))
    talk.answer(response(b"{}"))
    talk.close()
    pairs, _ = collect(talk.frames(), ALL)
    assert [status for *_, status in outcomes(pairs)] == [200, 200]


def test_a_half_closed_client_still_gets_its_answer() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.finish(True)
    talk.answer(response(b"{}"))
    pairs, _ = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/a", 200)]


def test_data_on_syn_belongs_to_the_stream() -> None:
    data = request("/fast")
    syn = tcp(data, seq=99, flags=SYN)
    talk = Conversation(client_seq=100 + len(data), server_seq=500)
    talk.sent.clear()
    frames = [(talk.at_ns, ethernet(ipv4(syn)))]
    frames.append((talk.at_ns, server_segment(499, b"", 100 + len(data), SYN | ACK)))
    talk.answer(response(b"{}"))
    pairs, _ = collect([*frames, *talk.frames()], ALL)
    assert outcomes(pairs) == [("GET", "/fast", 200)]


def test_a_segment_that_acknowledges_more_waits_for_it() -> None:
    """The answer is captured before the question."""
    frames = talk_of().frames()
    frames[3:9] = [*frames[4:9], frames[3]]
    pairs, assembler = collect(frames, ALL)
    assert body_of(pairs) == BODY
    assert assembler.total().gaps == 0


def test_data_that_acknowledges_what_was_never_sent_goes_on_after_a_while() -> None:
    talk = Conversation().open()
    start = talk.server_seq
    talk.ask(request("/a"), ack=start + 10_000)
    talk.answer(b"HTTP/1.1 ")
    talk.ask(b"x", ack=start + 10_000)
    talk.at_ns += 10_000 * MS
    talk.acknowledge(True)
    _, assembler = collect(talk.frames(), ALL)
    assert assembler.total().requests == 1
