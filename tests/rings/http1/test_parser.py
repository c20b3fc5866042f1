"""What begins a message of HTTP/1, what is none, and when a stream has no more."""

import pytest

from tests.rings.wire import (
    ALL,
    Conversation,
    collect,
    exchange,
    outcomes,
    pairs_of,
    request,
    response,
)

GET = request("/a")


@pytest.mark.parametrize(
    "answered",
    [
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nanything",
        b"HTTP/1.1 200 OK\r\n\r\nanything",
    ],
)
def test_a_tunnel_ends_http_and_is_counted(answered: bytes) -> None:
    is_connect = answered.startswith(b"HTTP/1.1 200")
    asked = b"CONNECT host:443 HTTP/1.1\r\n\r\n" if is_connect else GET
    talk = Conversation().open()
    talk.ask(asked)
    talk.answer(answered)
    talk.ask(b"GET /not-http HTTP/1.1\r\n\r\n")
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert len(pairs) == 1
    assert assembler.total().tunnel_bytes == len("anything") + 26


def test_another_protocol_after_the_servers_end_is_counted() -> None:
    talk = Conversation().open()
    talk.finish(by_client=False)
    talk.ask(b"\x05\x01\x00" + bytes(2000))
    pairs, assembler = collect(talk.frames(), ALL)
    assert pairs == []
    assert assembler.total().not_http_bytes == 2003


def test_a_tunnel_after_the_clients_end_ends_the_server_only() -> None:
    talk = Conversation().open()
    talk.ask(GET)
    talk.finish(True)
    talk.answer(b"HTTP/1.1 101 Switching\r\n\r\nanything")
    pairs, assembler = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/a", 101)]
    assert assembler.total().tunnel_bytes == len("anything")


def test_a_refused_connect_is_an_exchange_like_others() -> None:
    pairs = pairs_of(b"CONNECT host:443 HTTP/1.1\r\n\r\n", response(b"{}", 403))
    assert outcomes(pairs) == [("CONNECT", "host:443", 403)]


@pytest.mark.parametrize(
    ("first", "bucket"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "tls"),
        (b"\x16", "tls"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
        (b"PRI * ", "http2"),
        (b"\0\0\0\x01", "not_http"),
        (b"SSH-2.0-OpenSSH\r\n", "not_http"),
        (b"EHLO mail\r\n", "not_http"),
        (b"GET /\r\n", "not_http"),
        (b"GET / HTTP/3.0\r\n\r\n", "not_http"),
        (b"x" * 40, "not_http"),
        (b"G(T / HTTP/1.1\r\n\r\n", "not_http"),
        (b" / HTTP/1.1\r\n\r\n", "not_http"),
    ],
)
def test_other_protocols_are_counted_as_what_they_are(
    first: bytes, bucket: str
) -> None:
    talk = Conversation().open()
    talk.ask(first)
    talk.answer(b"whatever")
    talk.ask(b"more")
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    stats = assembler.total()
    assert pairs == []
    frames = stats.http2_frames_bytes
    assert stats.buckets()[bucket] + frames == stats.payload_bytes


@pytest.mark.parametrize("answered", [b"+OK ready\r\n", b"HTTX", b"HTTP/1.1 abc"])
def test_a_server_that_speaks_something_else_is_not_http(answered: bytes) -> None:
    talk = Conversation().open()
    talk.answer(answered + b"\r\n\r\n")
    talk.close()
    _, assembler = collect(talk.frames(), ALL)
    stats = assembler.total()
    assert stats.not_http_bytes + stats.broken_bytes == stats.payload_bytes


@pytest.mark.parametrize("answered", [b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 2\r\n\r\n"])
def test_a_status_line_without_status_is_broken(answered: bytes) -> None:
    assert outcomes(pairs_of(GET, answered)) == [("GET", "/a", None)]
    later = pairs_of(GET + request("/b"), response(b"{}") + answered)
    assert outcomes(later) == [("GET", "/a", 200), ("GET", "/b", None)]


def test_an_answer_of_a_late_capture_may_be_to_head() -> None:
    """Its length says nothing then; the next status line shows it."""
    talk = Conversation()
    talk.answer(response(b"{}" * 40)[:-80])
    for number in range(2):
        talk.ask(request(f"/{number}"))
        talk.answer(response(b"{}"))
    talk.close()
    pairs, _ = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/0", 200), ("GET", "/1", 200)]


def test_a_gap_in_another_protocol_is_only_a_gap() -> None:
    talk = Conversation().open()
    talk.ask(b"\x16\x03\x01" + bytes(100), 30)
    talk.answer(b"\x16\x03\x03" + bytes(50))
    frames = talk.frames()
    del frames[4]
    _, assembler = collect(frames, ALL)
    stats = assembler.total()
    assert stats.gap_bytes == 30
    assert stats.tls_bytes == stats.payload_bytes


def test_bytes_behind_a_message_that_begin_none_are_skipped() -> None:
    talk = Conversation().open()
    talk.ask(GET)
    talk.answer(response(b"{}") + b"surplus")
    talk.ask(request("/b"))
    talk.answer(response(b"{}"))
    talk.ask(request("/c"))
    talk.answer(response(b"{}"))
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert ("GET", "/a", 200) in outcomes(pairs)
    assert ("GET", "/c", 200) in outcomes(pairs)
    assert assembler.total().unsynchronized_bytes == len("surplus")


@pytest.mark.parametrize(
    "line", [b"GET HTTP/1.1", b"GET /a XTTP/1.1", b"GET /a", b"GET"]
)
def test_a_later_request_line_that_lacks_a_part_is_broken(line: bytes) -> None:
    """It comes in pieces: one that is whole is not even begun."""
    talk = Conversation(step_ns=10).open()
    talk.ask(GET)
    talk.answer(response(b"{}"))
    rest = line + b"\r\nHost: a\r\n\r\n"
    talk.ask(rest, 1)
    talk.close()
    pairs, assembler = collect(talk.frames(), ALL)
    assert [pair.request.target for pair in pairs] == [b"/a"]
    assert assembler.total().buckets()["broken"] == len(rest)


def test_the_side_that_accepted_may_be_the_one_that_asks() -> None:
    talk = Conversation().open()
    talk.answer(request("/reversed"))
    talk.ask(response(b"{}"))
    pairs, _ = collect(talk.frames(), ALL)
    assert outcomes(pairs) == [("GET", "/reversed", 200)]
    assert pairs[0].client_port == 80


def test_http_after_a_socks_negotiation_is_read() -> None:
    for is_reversed in (False, True):
        talk = Conversation().open()
        talk.ask(b"\x05\x01\x00")
        talk.answer(b"\x05\x00")
        talk.ask(b"\x05\x01\x00\x03\x04shop\0\x50")
        talk.answer(b"\x05\0\0\x01" + bytes(6))
        ask, answer = (
            (talk.answer, talk.ask) if is_reversed else (talk.ask, talk.answer)
        )
        ask(request("/proxied"))
        answer(response(b"{}"))
        talk.close()
        pairs, _ = collect(talk.frames(), ALL)
        assert outcomes(pairs) == [("GET", "/proxied", 200)]


def test_a_socks_negotiation_has_a_bound() -> None:
    talk = Conversation().open()
    talk.ask(b"\x05" + bytes(700))
    talk.answer(bytes(700))
    talk.ask(bytes(1100))
    talk.ask(request("/late"))
    pairs, assembler = collect(talk.frames(), ALL)
    assert pairs == []
    assert assembler.total().not_http_bytes > 0


def test_a_socks_greeting_after_messages_is_none() -> None:
    talk = exchange()
    talk.ask(b"\x05\x01\x00")
    talk.answer(response(b"{}"))
    pairs, assembler = collect(talk.frames(), ALL)
    assert len(pairs) == 1
    assert assembler.total().unsynchronized_bytes == 3


def test_tls_seen_from_the_middle_is_tls() -> None:
    talk = Conversation()
    talk.ask(b"\x17\x03\x03\x40\x00" + bytes(100))
    talk.answer(b"\x17\x03\x03\x40\x00" + bytes(100))
    _, assembler = collect(talk.frames(), ALL)
    assert assembler.total().tls_bytes == 210


def test_what_cannot_be_proven_to_begin_is_unsynchronized() -> None:
    talk = Conversation()
    for piece in (
        b"\x00rubbish",
        b"no line end",
        b"HTTP/1.1 x00 Fine",
        b"GET / FTP\r\n",
    ):
        talk.ask(piece + b"\n")
    talk.answer(b"HTTP/1.1 999 x\n")
    talk.answer(b"HTTP/1.1 0")
    _, assembler = collect(talk.frames(), ALL)
    assert assembler.total().requests == 0
