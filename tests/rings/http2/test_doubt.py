"""Frames from the middle of a connection, and what may be another one's."""

import pytest

from rings.stats import Stats
from tests.rings.http2.peers import Peers, Told, answering, asking, told
from tests.rings.wire import ALL, Conversation, collect

HEADER = b"PROXY TCP4 192.0.2.9 10.0.0.2 5555 80\r\n"
BINARY = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
    + bytes([192, 0, 2, 9, 10, 0, 0, 2])
    + b"\x15\xb3\0\x50"
)
"""Both say the same."""


def read(talk: Conversation) -> tuple[list[Told], Stats]:
    pairs, assembler = collect(talk.frames(), ALL)
    return [told(pair) for pair in pairs], assembler.total()


def exchange(peers: Peers, number: int, path: str) -> None:
    """On the stream of this number."""
    peers.client.send_headers(number, asking(path), end_stream=True)
    peers.to_server()
    peers.answer(number, answering(), b'{"of": "%s"}' % path.encode())


def went(path: str) -> Told:
    return (b"GET", path.encode(), b"", 200, b'{"of": "%s"}' % path.encode())


@pytest.mark.parametrize("first", [1 << 24, 1 << 28, (1 << 31) - 16])
def test_a_connection_that_is_old_is_proven_too(first: int) -> None:
    """Its streams have large numbers."""
    peers = Peers(Conversation().open()).start()
    exchange(peers, 1, "/before")
    peers.talk.sent.clear()
    for place in range(8):
        exchange(peers, first + 1 + 2 * place, f"/{place}")
    peers.talk.close()
    pairs, stats = read(peers.talk)
    assert pairs == [went(f"/{place}") for place in range(8)]
    assert stats.http2_bytes == 0


def test_large_numbers_far_from_each_other_prove_nothing() -> None:
    talk = Conversation()
    for place in range(8):
        number = (1 << 25) * (place + 1)
        talk.ask(b"\0\0\4\0\0" + number.to_bytes(4) + b"abcd")
        talk.answer(b"\0\0\4\0\0" + number.to_bytes(4) + b"abcd")
    pairs, stats = read(talk)
    assert pairs == []
    assert stats.http2_frames_bytes == stats.paired_bytes == 0


def again(peers: Peers, away: int) -> Peers:
    """Another connection on the same ports, whose opening was not captured."""
    talk = peers.talk
    talk.client_seq += away
    talk.server_seq += away
    talk.at_ns += 10_000_000_000
    return Peers(talk).start()


@pytest.mark.parametrize("away", [3000, 3_000_000])
@pytest.mark.parametrize("is_start_seen", [True, False])
def test_no_answer_of_another_connection_is_taken(
    away: int, is_start_seen: bool
) -> None:
    """Streams of both have the same numbers."""
    peers = Peers(Conversation().open()).start()
    exchange(peers, 1, "/old/1")
    for number in (3, 5, 7):
        peers.client.send_headers(number, asking(f"/old/{number}"), end_stream=True)
    peers.to_server()
    known = len(peers.talk.sent)
    later = again(peers, away)
    exchange(later, 1, "/new/1")
    if not is_start_seen:
        del peers.talk.sent[known:]
    for number in range(3, 20, 2):
        exchange(later, number, f"/new/{number}")
    later.talk.close()
    pairs, _ = read(peers.talk)
    answered = [pair for pair in pairs if pair[3]]
    assert answered == [went(pair[1].decode()) for pair in answered]
    assert {pair[1] for pair in pairs} >= {b"/old/3", b"/old/5", b"/new/19"}
    assert len(answered) > 5


@pytest.mark.parametrize("header", [HEADER, BINARY])
@pytest.mark.parametrize("size", [1, 4, 13, 1448])
@pytest.mark.parametrize("is_alone", [True, False])
def test_a_balancers_header_comes_behind_the_servers_first_frame(
    header: bytes, size: int, is_alone: bool
) -> None:
    talk = Conversation(step_ns=1000).open()
    peers = Peers(talk)
    peers.client.initiate_connection()
    begun = peers.client.data_to_send()
    peers.server.initiate_connection()
    peers.to_client()
    if is_alone:
        talk.ask(header, size)
    talk.ask(begun if is_alone else header + begun, size)
    peers.acknowledge(peers.server, begun)
    for number in (1, 3):
        exchange(peers, number, f"/{number}")
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert [told(pair) for pair in pairs] == [went("/1"), went("/3")]
    assert {(pair.client, pair.client_port) for pair in pairs} == {
        (bytes([192, 0, 2, 9]), 5555)
    }
    stats = assembler.total()
    assert (stats.proxy_headers, stats.proxy_header_bytes) == (1, len(header))
    assert stats.http2_bytes == 0


@pytest.mark.parametrize("ending", ["open", "gap", "closed", "wrong"])
def test_a_header_that_does_not_end_is_counted_as_the_connection_is(
    ending: str,
) -> None:
    """It began behind the server's first frame, so what it is cannot be known."""
    talk = Conversation(step_ns=1000).open()
    talk.answer(b"\0\0\0\4\0\0\0\0\0")
    talk.ask(HEADER[:20])
    if ending == "gap":
        talk.client_seq += 10
        talk.ask(b"more")
        talk.answer(b"\0\0\0\4\1\0\0\0\0")
    elif ending == "wrong":
        talk.ask(b"\r\n")
    if ending != "open":
        talk.close()
    pairs, stats = read(talk)
    assert pairs == []
    assert stats.http2_bytes >= 20
    assert stats.proxy_headers == 0
