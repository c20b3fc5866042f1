"""WebSockets: texts that are JSON, byte for byte, or none; never a wrong one."""

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate

from proto.v1.collector_pb2 import WEBSOCKET
from rings.limits import Limits
from rings.pairs.message import Pair
from rings.stats import Stats
from tests.rings.http2 import peers as h2
from tests.rings.websocket.peers import Peers, Told
from tests.rings.wire import Conversation, collect

WAYS = {
    "plain": None,
    "deflated": PerMessageDeflate(),
    "no takeover": PerMessageDeflate(True, None, True, None),
    "small windows": PerMessageDeflate(False, 9, False, 10),
}
LIMITS = Limits(part_bytes=400)


def texts() -> list[Told]:
    """What both sides say, in order; some of it is no JSON."""
    chance = random.Random(3)
    told = []
    for number in range(14):
        message = {"n": number, "mail": f"person{number}@example.org"}
        if number % 4 == 3:
            message["text"] = "".join(chance.choices("abcdef ghij", k=3000))
        told.append((number % 3 != 1, json.dumps(message)))
    told.insert(5, (True, "hello"))
    told.insert(9, (False, "[DONE"))
    return told


def is_kept(text: str) -> bool:
    return text.startswith("{")


def talked(way: str, size: int = 1448) -> Conversation:
    peers = Peers(Conversation(step_ns=1000).open(), size, WAYS[way]).start()
    for number, (by_client, text) in enumerate(texts()):
        peers.say(by_client, text, 1 + number % 3)
        if number % 5 == 2:
            peers.send_bytes(by_client, b'{"binary": "is only counted"}' * 9)
    peers.close()
    return peers.talk


def said(pairs: list[Pair]) -> tuple[list[str], list[str]]:
    """The texts of both sides, in the order of the parts."""
    assert [pair.part for pair in pairs] == list(range(len(pairs)))
    assert [pair.is_last for pair in pairs[:-1]] == [False] * (len(pairs) - 1)
    found: tuple[list[str], list[str]] = ([], [])
    for pair in pairs:
        assert pair.response is not None
        for side, message in zip(found, (pair.request, pair.response), strict=True):
            for text in bytes(message.body).split(b"\x1e")[1:]:
                assert text.endswith(b"\n")
                side.append(text[:-1].decode())
    return found


def sent() -> tuple[list[str], list[str]]:
    kept = [(by_client, text) for by_client, text in texts() if is_kept(text)]
    return [t for by, t in kept if by], [t for by, t in kept if not by]


@pytest.mark.parametrize("way", WAYS)
def test_texts_of_both_sides_are_the_bodies_of_the_exchange(way: str) -> None:
    pairs, assembler = collect(talked(way).frames(), LIMITS)
    assert said(pairs) == sent()
    assert pairs[-1].is_last
    assert sum(pair.exchanges for pair in pairs) == 1
    assert {pair.request.protocol for pair in pairs} == {WEBSOCKET}
    assert {pair.request.target for pair in pairs} == {b"/chat"}
    assert all(pair.response and pair.response.status == 101 for pair in pairs)
    stats = assembler.total()
    assert (stats.pairs, stats.websockets, stats.websocket_losses) == (1, 1, 0)
    assert stats.tunnel_bytes == stats.unpaired_bytes == 0
    assert stats.websocket_bytes > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_where_segments_end_makes_no_difference(way: str, size: int) -> None:
    assert said(collect(talked(way, size).frames(), LIMITS)[0]) == sent()


@pytest.mark.parametrize("way", WAYS)
def test_any_lost_segment_makes_no_wrong_text(way: str) -> None:
    frames = talked(way, 700).frames()
    asked, answered = map(set, sent())
    kept = 0
    for lost in range(3, len(frames)):
        pairs, assembler = collect(frames[:lost] + frames[lost + 1 :], LIMITS)
        found = said(pairs)
        assert set(found[0]) <= asked
        assert set(found[1]) <= answered
        kept += len(found[0]) + len(found[1])
        stats = assembler.total()
        if stats.gaps and found != sent() and pairs:
            parts = [m for p in pairs for m in (p.request, p.response) if m]
            is_told = any(part.gap_bytes or part.truncated for part in parts)
            assert is_told or stats.unpaired_ambiguous or stats.websocket_losses
    assert kept > len(frames)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.dictionaries(st.text(max_size=4), st.text(max_size=200), min_size=1),
            st.integers(1, 4),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(sorted(WAYS)),
    st.integers(1, 300),
)
def test_any_texts_in_any_segments_are_found(
    messages: list[tuple[bool, dict[str, str], int]], way: str, size: int
) -> None:
    peers = Peers(Conversation(step_ns=1000).open(), size, WAYS[way]).start()
    expected: tuple[list[str], list[str]] = ([], [])
    for by_client, message, pieces in messages:
        text = json.dumps(message, ensure_ascii=False)
        peers.say(by_client, text, pieces)
        expected[0 if by_client else 1].append(text)
    peers.close()
    assert said(collect(peers.talk.frames(), LIMITS)[0]) == expected


def counted(peers: Peers) -> tuple[list[Pair], Stats]:
    peers.talk.close()
    pairs, assembler = collect(peers.talk.frames(), LIMITS)
    return pairs, assembler.total()


def test_an_answer_to_another_key_opens_none() -> None:
    peers = Peers(Conversation(step_ns=1000).open()).start()
    frames = peers.talk.frames()
    accept = frames[4][1]
    place = accept.lower().index(b"sec-websocket-accept: ") + 22
    frames[4] = frames[4][0], accept[:place] + b"AAAA" + accept[place + 4 :]
    assembler = collect(frames, LIMITS)[1]
    stats = assembler.total()
    assert stats.websockets == 0
    assert stats.pairs_not_json == 1


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x02{}",  # not masked
        b"\x83\x80mask",  # no such type
        b"\x80\x80mask",  # goes on with nothing
        b"\xc1\x80mask",  # compressed, which nobody agreed on
        b"\x89\xfe\x00\x80mask" + bytes(128),  # a control frame that is too long
        b"\x09\x80mask",  # and one in fragments
        b"\x81\xff" + b"\xff" * 8 + b"mask",
    ],
)
def test_a_frame_that_breaks_a_rule_ends_the_reading(frame: bytes) -> None:
    peers = Peers(Conversation(step_ns=1000).open()).start()
    peers.say(True, '{"first": 1}')
    peers.talk.ask(frame)
    peers.talk.ask(b"\x81\x82\0\0\0\0{}")
    pairs, stats = counted(peers)
    assert said(pairs) == (['{"first": 1}'], [])
    assert stats.websocket_losses == 1


def test_without_json_the_exchange_is_none_of_ours() -> None:
    peers = Peers(Conversation(step_ns=1000).open()).start()
    peers.say(True, "hello")
    pairs, stats = counted(peers)
    assert not pairs
    assert (stats.pairs_not_json, stats.websockets) == (1, 1)


def test_a_text_over_the_limit_is_left_out_and_said_so() -> None:
    peers = Peers(Conversation(step_ns=1000).open(), deflate=PerMessageDeflate())
    peers.start()
    peers.say(False, json.dumps({"long": "ab" * 600_000}))
    peers.say(False, '{"short": 1}')
    pairs, stats = counted(peers)
    assert said(pairs) == ([], ['{"short": 1}'])
    assert pairs[-1].response is not None
    assert any(pair.response and pair.response.truncated for pair in pairs)
    assert stats.websocket_losses == 0


def test_what_inflates_without_end_is_not_inflated() -> None:
    peers = Peers(Conversation(step_ns=1000).open(), deflate=PerMessageDeflate())
    peers.start()
    for _ in range(9):
        peers.say(False, json.dumps({"bomb": " " * 700_000}))
    peers.say(False, '{"short": 1}')
    pairs, _ = counted(peers)
    assert 0 < len(said(pairs)[1]) < 9
    assert '{"short": 1}' not in said(pairs)[1]


def test_nothing_is_held_once_the_budget_is_spent() -> None:
    limits = Limits(held_bytes=30_000, part_bytes=400)
    peers = Peers(Conversation(step_ns=1000).open(), deflate=PerMessageDeflate())
    peers.start()
    peers.say(True, '{"a": 1}')
    peers.close()
    pairs, assembler = collect(peers.talk.frames(), limits)
    assert not pairs
    assert assembler.total().pairs_not_json == 1


def test_a_stream_that_stays_open_is_told_as_it_goes_on() -> None:
    second = 1_000_000_000
    peers = Peers(Conversation(step_ns=1000).open()).start()
    parts = []
    for number in range(4):
        peers.say(True, f'{{"n": {number}}}')
        peers.talk.at_ns += 12 * second
    peers.talk.acknowledge(True)
    parts = collect(peers.talk.frames(), Limits())[0]
    assert said(parts) == ([f'{{"n": {n}}}' for n in range(4)], [])
    assert len(parts) == 4
    starts = [part.request.first_ns for part in parts]
    assert starts == sorted(starts)
    assert starts[-1] - starts[0] > 30 * second


def test_an_extension_that_nobody_knows_is_left_a_tunnel() -> None:
    peers = Peers(Conversation(step_ns=1000).open(), deflate=PerMessageDeflate())
    peers.start()
    peers.say(True, '{"a": 1}')
    frames = [
        (at_ns, frame.replace(b"permessage-deflate", b"permessage-furious"))
        for at_ns, frame in peers.talk.frames()
    ]
    pairs, assembler = collect(frames, LIMITS)
    stats = assembler.total()
    assert not pairs
    assert (stats.websockets, stats.pairs_not_json) == (0, 1)
    assert stats.tunnel_bytes > 0


def test_within_http2_too() -> None:
    ends = h2.Peers(Conversation(step_ns=1000).open()).start()
    fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "shop"),
        ("sec-websocket-version", "13"),
    ]
    number = ends.client.get_next_available_stream_id()
    ends.client.send_headers(number, fields)
    ends.to_server()
    ends.server.send_headers(number, [(":status", "200")])
    ends.to_client()
    ends.send(ends.client, number, b"\x81\x88\0\0\0\0" + b'{"a": 1}', False, 9)
    ends.send(ends.server, number, b"\x81\x08" + b'{"b": 2}', False)
    ends.client.end_stream(number)
    ends.to_server()
    ends.server.end_stream(number)
    ends.to_client()
    ends.talk.close()
    pairs, assembler = collect(ends.talk.frames(), LIMITS)
    assert said(pairs) == (['{"a": 1}'], ['{"b": 2}'])
    assert pairs[0].request.protocol == WEBSOCKET
    stats = assembler.total()
    assert (stats.websockets, stats.pairs, stats.tunnel_bytes) == (1, 1, 0)
