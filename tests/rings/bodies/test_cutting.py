"""Bodies that are told in parts: whole messages, each once, wherever pieces end."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.v1.collector_pb2 import GRPC, SSE
from rings.limits import Limits
from rings.pairs.message import Pair
from tests.rings.coded import CODINGS
from tests.rings.http2.peers import Peers, answering, asking
from tests.rings.wire import Conversation, collect, pairs_of, request

SECOND = 1_000_000_000
LIMITS = Limits(part_bytes=300)


def prefixed(number: int) -> bytes:
    message = b"%d:" % number + b"m" * (number * 37 % 400)
    return struct.pack(">BI", 0, len(message)) + message


def event(number: int) -> bytes:
    end = (b"\n", b"\r\n", b"\r")[number % 3]
    data = b'data: {"n": %d, "text": "%s"}' % (number, b"e" * (number * 31 % 80))
    return b"id: 1" + end + data + end + end


def line(number: int) -> bytes:
    return b'{"n": %d, "text": "%s"}\n' % (number, b"l" * (number * 29 % 80))


def marked(number: int) -> bytes:
    return b'\x1e{"n": %d,\n"text": "%s"}\n' % (number, b"s" * (number * 29 % 80))


KINDS: dict[str, Callable[[int], bytes]] = {
    "application/grpc": prefixed,
    "application/connect+json": prefixed,
    "text/event-stream": event,
    "application/x-ndjson": line,
    "application/json-seq": marked,
}


def answered(pairs: list[Pair]) -> bytes:
    """All parts' bodies of the response, in a row."""
    assert [pair.part for pair in pairs] == list(range(len(pairs)))
    assert [pair.is_last for pair in pairs] == [False] * (len(pairs) - 1) + [True]
    assert sum(pair.exchanges for pair in pairs) == 1
    return b"".join(bytes(p.response.body) for p in pairs if p.response)


def divided(body: bytes, messages: list[bytes]) -> tuple[list[bytes], bytes]:
    """The whole messages in a body, and what stands behind the last of them. An end of
    a line is as good as another, and one more between two events is none."""
    found = []
    body = plain(body).lstrip(b"\n")
    for message in map(plain, messages):
        if body.startswith(message):
            body = body[len(message) :]
            found.append(message)
    return found, body


def plain(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def over_http1(
    media: str, body: bytes, size: int = 1448, coding: str = ""
) -> Conversation:
    talk = Conversation(step_ns=1000).open()
    talk.ask(request("/a", "POST", b'{"q": 1}'), size)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n"
    head += f"Content-Encoding: {coding}\r\n\r\n" if coding else "\r\n"
    talk.answer(head.encode() + body, size)
    return talk


@pytest.mark.parametrize("media", KINDS)
@pytest.mark.parametrize("size", [1, 5, 100, 1448])
def test_parts_have_all_messages_once(media: str, size: int) -> None:
    messages = [KINDS[media](number) for number in range(30)]
    talk = over_http1(media, b"".join(messages), size)
    talk.close()
    pairs, assembler = collect(talk.frames(), LIMITS)
    assert answered(pairs) == b"".join(messages)
    assert len(pairs) > 1
    ends = {sum(map(len, messages[:count])) for count in range(31)}
    done = 0
    for pair in pairs[:-1]:
        assert pair.response is not None
        done += len(pair.response.body)
        # The LF behind an event's last CR may stand before the next one.
        assert done in ends or (media == "text/event-stream" and done + 1 in ends)
    stats = assembler.total()
    assert (stats.pairs, stats.pairs_not_json) == (1, 0)
    assert bytes(pairs[0].request.body) == b'{"q": 1}'
    assert not any(pair.request.body for pair in pairs[1:])


@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.integers(0, 200), min_size=1, max_size=40),
    st.integers(1, 1448),
)
def test_any_messages_in_any_segments(
    media: str, numbers: list[int], size: int
) -> None:
    body = b"".join(map(KINDS[media], numbers))
    talk = over_http1(media, body, size)
    talk.close()
    assert answered(collect(talk.frames(), LIMITS)[0]) == body


@pytest.mark.parametrize("media", KINDS)
def test_any_lost_segment_costs_its_messages_and_makes_no_wrong_one(media: str) -> None:
    messages = [KINDS[media](number) for number in range(40)]
    talk = over_http1(media, b"".join(messages), 150)
    talk.close()
    frames = talk.frames()
    resumed = 0
    for lost in range(6, len(frames) - 4):
        pairs = collect(frames[:lost] + frames[lost + 1 :], LIMITS)[0]
        found = []
        for pair in pairs:
            assert pair.response is not None
            whole, rest = divided(bytes(pair.response.body), messages)
            found += whole
            # The first bytes of one message may end a part that says so.
            assert not rest or pair.response.truncated
            starts = [plain(message) for message in messages]
            assert not rest or any(message.startswith(rest) for message in starts)
        assert any(pair.response.gap_bytes for pair in pairs if pair.response)
        assert len(found) < len(messages)
        assert found == [one for one in map(plain, messages) if one in found]
        resumed += plain(messages[-1]) in found
    assert resumed


def test_a_stream_of_calls_is_told_while_it_is_open() -> None:
    peers = Peers(Conversation(step_ns=1000).open()).start()
    fields = [("content-type", "application/grpc")]
    number = peers.client.get_next_available_stream_id()
    peers.client.send_headers(number, asking("/shop.Orders/Watch", "POST", *fields))
    peers.send(peers.client, number, prefixed(1), is_end=False)
    peers.to_server()
    peers.talk.at_ns += 11 * SECOND
    peers.server.send_headers(number, [(":status", "200"), *fields])
    for count in range(2, 5):
        peers.send(peers.server, number, prefixed(count), is_end=False)
        peers.talk.at_ns += 11 * SECOND
    peers.client.end_stream(number)
    peers.to_server()
    peers.server.send_headers(number, [("grpc-status", "0")], end_stream=True)
    peers.to_client()
    pairs, assembler = collect(peers.talk.frames(), Limits())
    assert answered(pairs) == b"".join(map(prefixed, (2, 3, 4)))
    assert b"".join(bytes(pair.request.body) for pair in pairs) == prefixed(1)
    assert len(pairs) > 2
    assert {pair.request.protocol for pair in pairs} == {GRPC}
    assert {pair.request.target for pair in pairs} == {b"/shop.Orders/Watch"}
    stats = assembler.total()
    assert (stats.pairs, stats.requests, stats.responses) == (1, 1, 1)


def test_what_a_client_streams_is_told_before_the_answer_begins() -> None:
    peers = Peers(Conversation(step_ns=1000).open()).start()
    fields = [("content-type", "application/grpc")]
    number = peers.client.get_next_available_stream_id()
    peers.client.send_headers(number, asking("/shop.Orders/Put", "POST", *fields))
    for count in range(3):
        peers.send(peers.client, number, prefixed(count), is_end=False)
        peers.talk.at_ns += 11 * SECOND
    peers.client.end_stream(number)
    peers.to_server()
    peers.answer(number, answering(), prefixed(9))
    pairs, assembler = collect(peers.talk.frames(), Limits())
    asked = b"".join(bytes(pair.request.body) for pair in pairs)
    assert asked == b"".join(map(prefixed, range(3)))
    assert [pair.exchanges for pair in pairs] == [0] * (len(pairs) - 1) + [1]
    assert pairs[0].response is not None
    assert pairs[0].response.head == b""
    assert assembler.total().pairs == 1


def test_events_tell_their_protocol_and_comments_alone_are_not_told() -> None:
    talk = over_http1("text/event-stream", b"")
    talk.at_ns += 20 * SECOND
    talk.answer(b": still there\n\n")
    talk.at_ns += 20 * SECOND
    talk.answer(event(1))
    talk.at_ns += 20 * SECOND
    talk.answer(b": still there\n\n")
    talk.close()
    pairs, assembler = collect(talk.frames(), Limits())
    assert answered(pairs) == b": still there\n\n" + event(1) + b": still there\n\n"
    assert {pair.request.protocol for pair in pairs} == {SSE}
    assert assembler.total().pairs == 1


def test_events_without_json_are_no_json() -> None:
    talk = Conversation(step_ns=1000).open()
    talk.ask(request("/a"))
    talk.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    talk.answer(b"data: a word\n\n" * 200)
    talk.close()
    pairs, assembler = collect(talk.frames(), LIMITS)
    stats = assembler.total()
    assert not pairs
    assert (stats.pairs, stats.pairs_not_json) == (0, 1)
    assert stats.paired_bytes == 0


def test_a_large_message_gives_its_first_bytes_as_the_last_of_a_part() -> None:
    limits = Limits(part_bytes=300, body_bytes=1000)
    large = struct.pack(">BI", 0, 5000) + b"x" * 5000
    messages = [prefixed(1), large, prefixed(2), prefixed(3)]
    talk = over_http1("application/grpc", b"".join(messages), 500)
    talk.close()
    pairs, assembler = collect(talk.frames(), limits)
    bodies = [bytes(pair.response.body) for pair in pairs if pair.response]
    assert bodies[0] + bodies[1] == prefixed(1) + large[:1000]
    assert all(b"x" not in body for body in bodies[2:])
    assert assembler.total().bodies_truncated


def test_coded_bodies_are_not_cut() -> None:
    talk = over_http1("text/event-stream\r\nContent-Encoding: br", event(3) * 50)
    talk.close()
    assert (
        len(collect(talk.frames(), Limits(part_bytes=300, keep_all_bodies=True))[0])
        == 1
    )


def test_whoever_wants_whole_exchanges_gets_them() -> None:
    body = b"".join(map(line, range(50)))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
    limits = Limits(part_bytes=300, in_parts=False)
    (pair,) = pairs_of(request("/a"), head + body, limits=limits)
    assert answered([pair]) == body


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [7, 100, 1448])
def test_coded_events_are_told_in_parts(coding: str, size: int) -> None:
    messages = [event(number) for number in range(400)]
    body = CODINGS[coding](messages)
    talk = over_http1("text/event-stream", body, size, coding)
    talk.close()
    pairs, assembler = collect(talk.frames(), LIMITS)
    assert answered(pairs) == b"".join(messages)
    assert len(pairs) > 2
    answers = [pair.response for pair in pairs if pair.response]
    assert sum(answer.body_bytes for answer in answers) == len(body)
    assert {answer.head for answer in answers} == {
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        b"Content-Encoding: " + b" " * len(coding) + b"\r\n\r\n"
    }
    stats = assembler.total()
    assert (stats.pairs, stats.bodies_truncated, stats.coded_streams_left) == (1, 0, 0)
    assert assembler.budget.held_bytes == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_a_gap_in_coded_events_ends_what_is_kept(coding: str) -> None:
    messages = [event(number) for number in range(60)]
    talk = over_http1("text/event-stream", CODINGS[coding](messages), 100, coding)
    talk.close()
    frames = talk.frames()
    for lost in range(15, len(frames) - 4, 3):
        pairs, assembler = collect(frames[:lost] + frames[lost + 1 :], LIMITS)
        told = answered(pairs)
        assert b"".join(messages).startswith(told)
        assert pairs[-1].response
        assert pairs[-1].response.truncated
        assert assembler.budget.held_bytes == 0


@pytest.mark.parametrize("coding", CODINGS)
def test_what_is_made_to_swell_ends_what_is_kept(coding: str) -> None:
    messages = [event(number) for number in range(60)]
    body = CODINGS[coding]([*messages, event(1) * 400_000])
    talk = over_http1("text/event-stream", body, 1448, coding)
    talk.close()
    pairs, assembler = collect(talk.frames(), LIMITS)
    bodies = [len(pair.response.body) for pair in pairs if pair.response]
    assert max(bodies) <= 2 * LIMITS.body_bytes
    assert sum(bodies) < 1_000_000 + 128 * len(body) + (1 << 20)
    assert any(pair.response.truncated for pair in pairs if pair.response)
    assert assembler.budget.held_bytes == 0


def test_without_room_for_a_decoder_a_stream_is_read_at_its_end() -> None:
    messages = [event(number) for number in range(60)]
    body = CODINGS["zstd"](messages)
    talk = over_http1("text/event-stream", body, 100, "zstd")
    talk.close()
    pairs, assembler = collect(
        talk.frames(), Limits(part_bytes=300, held_bytes=1 << 20)
    )
    assert answered(pairs) == body
    assert len(pairs) == 1
    assert assembler.total().coded_streams_left == 1


@pytest.mark.parametrize("coding", ["gzip, br", "compress", "zstd"])
def test_unknown_or_wrong_codings_are_left(coding: str) -> None:
    body = b"".join(map(event, range(60)))
    talk = over_http1("text/event-stream", body, 100, coding)
    talk.close()
    pairs, assembler = collect(talk.frames(), LIMITS)
    assert answered(pairs) == body
    assert len(pairs) == 1
    assert assembler.total().coded_streams_left == 1
