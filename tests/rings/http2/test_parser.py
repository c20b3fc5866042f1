"""HTTP/2 connections, as the library h2 makes them."""

import pytest

from rings.limits import Limits
from rings.pairs.message import Message, Pair
from rings.stats import Stats
from tests.rings.http2.peers import Peers, answering, asking, told
from tests.rings.wire import ALL, Conversation, collect, outcomes, request

BODY = b'{"name": "' + b"x" * 3000 + b'"}'


def read(peers: Peers, limits: Limits = ALL) -> tuple[list[Pair], Stats]:
    pairs, assembler = collect(peers.talk.frames(), limits)
    return pairs, assembler.total()


@pytest.mark.parametrize(
    ("size", "server_first"),
    [(1, False), (7, False), (1448, False), (1448, True), (60_000, True)],
)
def test_exchanges_are_paired_by_stream(size: int, server_first: bool) -> None:
    peers = Peers(Conversation().open(), size).start(server_first)
    first = peers.ask(asking("/a?b=c"))
    second = peers.ask(asking("/b", "POST", ("content-type", "application/json")), BODY)
    peers.answer(second, answering(201), b'{"b": 1}')
    peers.answer(first, answering(), BODY)
    peers.talk.close()
    pairs, stats = read(peers)
    assert [told(pair) for pair in pairs] == [
        (b"POST", b"/b", BODY, 201, b'{"b": 1}'),
        (b"GET", b"/a?b=c", b"", 200, BODY),
    ]
    assert (stats.requests, stats.responses, stats.pairs) == (2, 2, 2)
    assert stats.broken_bytes == stats.unpaired_bytes == 0
    assert stats.http2_bytes == (18 if size == 1 else 0), "HTTP/1 took it for a head"
    assert stats.http2_frames_bytes > 0
    head = pairs[0].request.head
    assert head.startswith(b"POST /b HTTP/2\r\n:method: POST\r\n:scheme: http\r\n")
    assert head.endswith(b"content-type: application/json\r\n\r\n")
    assert pairs[0].request.content_type == b"application/json"
    assert answer_of(pairs[1]).content_type == b"application/json"


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_upgraded_request_is_answered_in_http2(is_whole: bool) -> None:
    talk = Conversation().open()
    if not is_whole:
        talk.sent.clear()
    peers = Peers(talk)
    settings = peers.client.initiate_upgrade_connection()
    talk.ask(request("/up", fields="Upgrade: h2c\r\nConnection: Upgrade\r\n"))
    peers.server.initiate_upgrade_connection(settings)
    switch = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    talk.answer(switch)
    peers.to_client()
    peers.to_server()
    peers.answer(1, answering(), b'{"a": 1}')
    number = peers.ask(asking("/next"))
    peers.answer(number, answering(404), b'{"b": 1}')
    talk.close()
    pairs, stats = read(peers)
    assert outcomes(pairs) == [("GET", "/up", 200), ("GET", "/next", 404)]
    assert (stats.requests, stats.responses) == (2, 2)
    assert stats.tunnel_bytes == stats.http2_bytes == 0


def test_capture_from_the_middle_is_proven_first() -> None:
    early = Conversation()
    peers = Peers(early).start()
    for place in range(5):
        number = peers.ask(asking(f"/early/{place}", "GET", ("x-id", f"{place}")))
        peers.answer(number, answering(200, ("x-id", f"{place}")), b'{"a": 1}')
    talk = Conversation((40000, 80), early.client_seq, early.server_seq, early.at_ns)
    peers.talk = talk
    for place in range(6):
        fields = (("x-id", f"{place}"), ("x-new", "1"))
        number = peers.ask(asking(f"/late/{place}", "GET", *fields))
        peers.answer(number, answering(200, ("x-id", f"{place}")), b'{"a": 2}')
    talk.close()
    pairs, stats = read(peers)
    assert [told(pair) for pair in pairs] == [
        (b"GET", b"/late/%d" % place, b"", 200, b'{"a": 2}') for place in range(6)
    ]
    assert stats.http2_heads_unknown == 12
    assert b"x-new: 1\r\n" in pairs[5].request.head
    assert b"x-id" not in pairs[5].request.head, "its name was told before"


def test_a_path_told_before_the_capture_is_unknown() -> None:
    early = Conversation()
    peers = Peers(early).start()
    number = peers.ask(asking("/known/before"))
    peers.answer(number, answering(), b'{"a": 1}')
    talk = Conversation((40000, 80), early.client_seq, early.server_seq, early.at_ns)
    peers.talk = talk
    for place in range(4):
        number = peers.ask(asking("/known/before"))
        peers.answer(number, answering(), b'{"a": %d}' % place)
    talk.close()
    pairs, stats = read(peers)
    assert [told(pair) for pair in pairs] == [
        (b"GET", b"?", b"", 200, b'{"a": %d}' % place) for place in range(4)
    ]
    assert stats.paths_unknown == 4
    assert stats.path_unknown_bytes > 0
    assert stats.pairs == 0


def test_interim_heads_trailers_padding_and_pushes() -> None:
    peers = Peers(Conversation().open()).start()
    number = peers.ask(asking("/a"))
    peers.server.push_stream(number, 2, asking("/pushed"))
    peers.server.send_headers(number, [(":status", "103"), ("link", "</x>")])
    peers.server.send_headers(number, answering())
    peers.server.send_data(number, b'{"a": 1}', pad_length=200)
    peers.server.send_headers(number, [("x-sum", "7")], end_stream=True)
    peers.server.send_headers(2, answering())
    peers.server.send_data(2, b'{"b": 2}', end_stream=True)
    peers.to_client()
    peers.talk.close()
    pairs, stats = read(peers)
    assert [told(pair) for pair in pairs] == [
        (b"GET", b"/a", b"", 200, b'{"a": 1}'),
        (b"GET", b"/pushed", b"", 200, b'{"b": 2}'),
    ]
    assert b"x-sum: 7\r\n" in answer_of(pairs[0]).head
    assert stats.http2_pushes == 1


def test_a_reset_ends_what_is_there() -> None:
    peers = Peers(Conversation().open()).start()
    first, second = peers.ask(asking("/a")), peers.ask(asking("/b"))
    peers.server.send_headers(first, answering())
    peers.server.send_data(first, b'{"a": 1')
    peers.to_client()
    peers.client.reset_stream(first)
    peers.client.reset_stream(second)
    peers.to_server()
    peers.talk.close()
    pairs, stats = read(peers)
    assert outcomes(pairs) == [("GET", "/a", 200), ("GET", "/b", None)]
    assert answer_of(pairs[0]).truncated
    assert stats.http2_resets == 2


def test_a_tunnel_is_no_body() -> None:
    peers = Peers(Conversation().open()).start()
    number = peers.client.get_next_available_stream_id()
    peers.client.send_headers(
        number, [(":method", "CONNECT"), (":authority", "db:5432")]
    )
    peers.to_server()
    peers.server.send_headers(number, [(":status", "200")])
    peers.to_client()
    peers.client.send_data(number, b"secret", end_stream=True)
    peers.to_server()
    peers.server.send_data(number, b"secret", end_stream=True)
    peers.to_client()
    number = peers.ask(asking("/a"))
    peers.answer(number, answering(), b"{}")
    peers.talk.close()
    pairs, stats = read(peers)
    assert outcomes(pairs) == [("CONNECT", "db:5432", 200), ("GET", "/a", 200)]
    assert stats.tunnel_bytes == 2 * (9 + 6)
    assert stats.http2_tunnels == 1


def test_a_large_head_comes_in_continuations() -> None:
    peers = Peers(Conversation().open()).start()
    fields = [(f"x-{place}", f"{place}" * 400) for place in range(40)]
    number = peers.ask(asking("/a", "GET", *fields))
    peers.answer(number, answering(), b"{}")
    peers.talk.close()
    pairs, stats = read(peers)
    assert outcomes(pairs) == [("GET", "/a", 200)]
    assert pairs[0].request.head.count(b"\r\nx-") == 40
    small = Limits(keep_all_bodies=True, head_bytes=4000)
    pairs, stats = read(peers, small)
    assert outcomes(pairs) == []
    assert stats.http2_blocks_refused == 1


def test_streams_are_bounded() -> None:
    peers = Peers(Conversation().open()).start()
    for place in range(20):
        peers.ask(asking(f"/{place}"))
    peers.talk.close()
    pairs, stats = read(peers, Limits(keep_all_bodies=True, streams=8))
    assert len(pairs) == 20
    assert stats.http2_streams_refused == 12
    assert stats.unpaired_no_response == 20


def test_every_cut_point_and_every_dropped_segment_gives_no_wrong_pair() -> None:
    peers = Peers(Conversation().open(), 300).start()
    numbers = {}
    for place in range(5):
        fields = [("content-type", "application/json"), ("x-id", f"{place % 2}")]
        body = b'{"asked": %d, "x": "%s"}' % (place, b"y" * 500)
        number = peers.ask(asking(f"/{place}", "POST", *fields), body)
        numbers[place] = number
        if place % 2:
            for other in (place, place - 1):
                answer = b'{"answered": %d, "x": "%s"}' % (other, b"z" * 700)
                peers.answer(numbers[other], answering(200 + other), answer)
    peers.answer(numbers[4], answering(204))
    peers.talk.close()
    frames = peers.talk.frames()
    cases = [frames[place:] for place in range(len(frames))]
    cases += [frames[:place] + frames[place + 1 :] for place in range(len(frames))]
    whole = 0
    for case in cases:
        pairs, _ = collect(case, ALL)
        whole += len(pairs)
        for pair in pairs:
            check(pair)
    assert whole > 3 * len(frames)


def answer_of(pair: Pair) -> Message:
    assert pair.response is not None
    return pair.response


def check(pair: Pair) -> None:
    """Paths, statuses and bodies tell which exchange they are of."""
    method, target, asked, status, answered = told(pair)
    known = set()
    if target != b"?":
        assert method == b"POST"
        known.add(int(target[1:]))
    if status:
        known.add(status - 200)
    for body, name in ((asked, b'{"asked": '), (answered, b'{"answered": ')):
        if len(body) > len(name):
            assert body.startswith(name)
            known.add(int(body[len(name) : len(name) + 1]))
    assert len(known) <= 1
    for message in (pair.request, pair.response):
        head = message.head if message else b""
        for line in head.split(b"\r\n")[1:-2]:
            assert line in LINES, line


LINES = {
    b":method: POST",
    b":scheme: http",
    *(b":path: /%d" % place for place in range(5)),
    b":authority: shop",
    b"user-agent: test/1",
    b"content-type: application/json",
    b"x-id: 0",
    b"x-id: 1",
    *(b":status: %d" % (200 + place) for place in range(5)),
    b"server: test",
}
