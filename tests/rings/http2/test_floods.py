"""Frames without progress: bounded, counted, and what follows is read all the same."""

import pytest
from hpack import Encoder

from rings.limits import Limits
from rings.stats import Stats
from rings.streams.assembler import Assembler
from tests.rings.http2.peers import Peers, answering, asking
from tests.rings.http2.test_simulated import (
    CONTINUATION,
    END_HEADERS,
    HEADERS,
    PING,
    RESET,
    SETTINGS,
    WINDOW,
    frame,
)
from tests.rings.wire import Conversation, block_of

MOST = Limits(keep_all_bodies=True)
COUNT = 20_000


def flooded(*flood: bytes) -> tuple[Stats, int, int]:
    """One exchange, the client's flood, one exchange: the counters, the most bytes
    that were held, and how many exchanges were whole."""
    peers = Peers(Conversation(step_ns=1000).open()).start()
    peers.answer(peers.ask(asking("/before")), answering(), b"{}")
    start = len(peers.talk.sent)
    peers.talk.ask(b"".join(flood), 60_000)
    peers.talk.acknowledge(False)
    end = len(peers.talk.sent)
    peers.client.encoder = Encoder()
    peers.client.highest_outbound_stream_id = LATER
    peers.server.highest_inbound_stream_id = LATER
    peers.answer(peers.ask(asking("/after")), answering(), b"{}")
    peers.talk.close()
    assembler = Assembler(MOST)
    frames = peers.talk.frames()
    pairs = list(assembler.feed(block_of(frames[:start])))
    held = 0
    for one in frames[start:end]:
        pairs += assembler.feed(block_of([one]))
        held = max(held, assembler.budget.held_bytes)
    pairs += assembler.feed(block_of(frames[end:]))
    pairs += assembler.close()
    whole = sum(pair.response is not None for pair in pairs)
    return assembler.total(), held, whole


LATER = 200_001
GET = b"\x82\x86\x84\x01\x01a"


@pytest.mark.parametrize(
    ("kind", "payload"), [(SETTINGS, bytes(6)), (PING, bytes(8)), (WINDOW, b"\0\0\0\1")]
)
def test_frames_of_no_message(kind: int, payload: bytes) -> None:
    stats, held, whole = flooded(frame(kind, 0, 0, payload) * COUNT)
    assert (held, whole) == (0, 2)
    assert stats.http2_control_frames > COUNT


def test_rapid_resets() -> None:
    asked = [
        frame(HEADERS, END_HEADERS | 1, number, GET) + frame(RESET, 0, number, bytes(4))
        for number in range(101, 2 * COUNT, 2)
    ]
    stats, held, whole = flooded(*asked)
    assert held < 100
    assert whole == 2
    assert stats.http2_resets == stats.unpaired_no_response == len(asked)


def test_requests_that_nobody_ends() -> None:
    asked = [
        frame(HEADERS, END_HEADERS, number, GET) for number in range(101, 2 * COUNT, 2)
    ]
    stats, held, whole = flooded(*asked)
    assert held <= 100 * MOST.streams
    assert whole == 2
    assert stats.http2_streams_refused >= len(asked) - MOST.streams


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_block_without_an_end(size: int) -> None:
    flood = frame(CONTINUATION, 0, 101, bytes(size)) * COUNT
    last = frame(CONTINUATION, END_HEADERS, 101)
    stats, held, whole = flooded(frame(HEADERS, 0, 101, GET), flood, last)
    assert held <= MOST.head_bytes
    assert whole == 2
    assert stats.http2_blocks_refused == stats.broken_messages == 1
    assert stats.broken_bytes > COUNT * 9


def test_a_bomb_of_references() -> None:
    entry = b"\x40\x01x\x7f\xd9\x0e" + b"y" * 2008
    bomb = GET + entry + b"\xbe" * 16_000
    flood = [frame(HEADERS, END_HEADERS | 1, n, bomb) for n in range(101, 141, 2)]
    stats, held, whole = flooded(*flood)
    assert held <= MOST.head_bytes
    assert whole == 2
    assert stats.http2_blocks_refused == 20
