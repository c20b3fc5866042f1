"""What is true, and what is not, once bytes are missing or are not what they seem."""

import struct

import pytest

from rings.pairs.message import Pair
from rings.stats import Stats
from tests.rings.wire import (
    ACK,
    ALL,
    FIN,
    RST,
    SYN,
    Conversation,
    collect,
    ethernet,
    exchange,
    ipv4,
    outcomes,
    request,
    response,
    tcp,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
SETTINGS = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS


def frame_of(stream: int, size: int, kind: int = 0) -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">IBI", size << 8 | kind, 0, stream) + b"x" * size


def read(talk: Conversation, start: int = 0) -> tuple[list[Pair], Stats]:
    pairs, assembler = collect(talk.frames()[start:], ALL)
    return pairs, assembler.total()


def test_after_an_answer_to_nothing_order_is_not_trusted() -> None:
    talk = Conversation().open()
    before = talk.client_seq
    talk.ask(request("/a"))
    talk.answer(response(b"{}", 200), ack=before)
    talk.ask(request("/b"))
    talk.answer(response(b"{}", 201))
    talk.ask(request("/c"))
    talk.answer(response(b"{}", 202))
    talk.close()
    assert outcomes(read(talk)[0]) == [
        ("GET", "/a", None),
        ("GET", "/b", 201),
        ("GET", "/c", 202),
    ]


@pytest.mark.parametrize("padding", [1, 2, 3])
def test_the_rest_of_a_segment_begins_nothing(padding: int) -> None:
    """The first bytes came before, as something else."""
    talk = Conversation().open()
    talk.ask(b"\0" * padding)
    talk.client_seq -= padding
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    talk.ask(request("/b"))
    talk.answer(response(b"{}", 201))
    talk.close()
    assert outcomes(read(talk)[0]) == [("GET", "/b", 201)]


@pytest.mark.parametrize("size", [1, 2, 5, 700, 1448])
@pytest.mark.parametrize("length", [1, 4000])
def test_a_start_line_is_found_whatever_segments_it_spans(
    length: int, size: int
) -> None:
    talk = Conversation(step_ns=1000)
    for number in range(3):
        talk.ask(request(f"/{number}?q=" + "a" * length), size)
        talk.answer(response(b"{}", 200 + number), min(size, 9))
    talk.close()
    assert [status for *_, status in outcomes(read(talk)[0])] == [200, 201, 202]


def test_a_method_that_lost_its_beginning_is_none() -> None:
    for lost in (1, 2, 3):
        talk = Conversation()
        talk.client_seq += lost
        talk.ask(request("/a", "POST")[lost:])
        talk.answer(response(b"{}"))
        talk.close()
        assert read(talk)[0] == []


def test_a_line_that_was_held_gives_way_to_a_likelier_one() -> None:
    talk = Conversation(step_ns=1000)
    talk.ask(b"word /and so on")
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    talk.close()
    pairs, stats = read(talk)
    assert outcomes(pairs) == [("GET", "/a", 200)]
    assert stats.unsynchronized_bytes == 15


def test_a_line_without_end_has_a_bound() -> None:
    talk = Conversation(step_ns=1000)
    talk.ask(b"GET /" + b"a" * 80_000)
    talk.close()
    pairs, stats = read(talk)
    assert pairs == []
    assert stats.unsynchronized_bytes == 80_005


JUNK = [
    b"{}",
    b"\x16\x03\x01\x02\0",
    b"rubbish\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\nab",
]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("is_apart", [True, False])
def test_what_follows_a_request_does_not_take_its_answer(
    junk: bytes, is_apart: bool
) -> None:
    talk = Conversation().open()
    if is_apart:
        talk.ask(request("/a"))
        talk.ask(junk)
    else:
        talk.ask(request("/a") + junk)
    talk.answer(response(b"{}", 201))
    talk.answer(response(b"{}", 400))
    talk.close()
    answered = [one for one in outcomes(read(talk)[0]) if one[1] == "/a"]
    assert answered == [("GET", "/a", 201)]


def test_a_request_that_was_lost_leaves_those_before_it_sure() -> None:
    talk = Conversation(step_ns=1000).open()
    known = talk.server_seq
    for number in range(3):
        talk.ask(request(f"/{number}"), ack=known)
    frames = talk.frames()
    del frames[-1]
    for number in range(3):
        talk.answer(response(b"{}", 200 + number))
    talk.close()
    pairs, _ = collect([*frames, *talk.frames()[6:]], ALL)
    assert outcomes(pairs) == [("GET", "/0", 200), ("GET", "/1", 201)]


@pytest.mark.parametrize(
    ("header", "client", "port"),
    [
        (b"PROXY TCP4 192.0.2.9 10.0.0.2 5555 80\r\n", bytes([192, 0, 2, 9]), 5555),
        (b"PROXY TCP6 2001:db8::9 2001:db8::2 5 80\r\n", None, 5),
        (b"PROXY UNKNOWN\r\n", bytes([10, 0, 0, 1]), 40000),
        (
            SIGNATURE
            + b"\x21\x11\0\x0f\xc0\0\x02\x09\x0a\0\0\x02\x15\xb3\0\x50\x03\0\0",
            bytes([192, 0, 2, 9]),
            5555,
        ),
        (SIGNATURE + b"\x20\0\0\0", bytes([10, 0, 0, 1]), 40000),
        (SIGNATURE + b"\x21\x31\0\xd8" + bytes(216), bytes([10, 0, 0, 1]), 40000),
        (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 7 80\r\n", bytes([192, 0, 2, 9]), 7),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 7, 1448])
@pytest.mark.parametrize("start", [0, 3])
def test_a_load_balancers_header_names_the_client(
    header: bytes, client: bytes | None, port: int, size: int, start: int
) -> None:
    talk = Conversation().open()
    talk.ask(header + request("/a"), size)
    talk.answer(response(b"{}"))
    talk.ask(request("/b"))
    talk.answer(response(b"{}", 201))
    talk.close()
    pairs, stats = read(talk, start)
    assert outcomes(pairs) == [("GET", "/a", 200), ("GET", "/b", 201)]
    for pair in pairs:
        assert pair.client_port == port
        assert pair.client == (client or bytes.fromhex("20010db8" + "0" * 23 + "9"))
    assert stats.proxy_headers == 1
    assert stats.proxy_header_bytes == len(header)


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 1 2 3 4\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x11\x11\0\0",
        b"PROXY TCP4 192.0.2.9 10.0.0.2 99999 80",
    ],
)
def test_what_only_looks_like_such_a_header_is_none(header: bytes) -> None:
    talk = Conversation().open()
    talk.ask(header)
    talk.close()
    pairs, stats = read(talk)
    assert pairs == []
    assert stats.proxy_headers == 0


@pytest.mark.parametrize("method", ["POST", "PROPFIND", "PRI", "P"])
def test_a_request_that_begins_like_such_a_header_is_one(method: str) -> None:
    for start in (0, 3):
        talk = Conversation().open()
        talk.ask(request("/a", method), 1)
        talk.answer(response(b"{}"))
        talk.close()
        pairs, stats = read(talk, start)
        assert outcomes(pairs) == [(method, "/a", 200)]
        assert stats.proxy_headers == 0


def test_http2_is_named_however_it_is_met() -> None:
    first = Conversation().open()
    first.answer(SETTINGS)
    first.ask(PREFACE)
    late = Conversation()
    late.ask(PREFACE)
    late.answer(SETTINGS + frame_of(1, 5000))
    middle = Conversation()
    middle.answer(b"in the middle of a frame")
    middle.ask(frame_of(3, 40, 1) + frame_of(3, 9))
    middle.answer(frame_of(3, 5000))
    pieces = Conversation()
    for octet in PREFACE:
        pieces.ask(bytes([octet]))
    for talk in (first, late, middle, pieces):
        pairs, stats = read(talk)
        assert pairs == []
        seen = stats.http2_bytes + stats.http2_frames_bytes + stats.unpaired_bytes
        seen += stats.broken_bytes
        assert seen == stats.payload_bytes > 0


def test_http2_after_an_upgrade_is_no_tunnel() -> None:
    talk = Conversation().open()
    talk.ask(request("/a", fields="Upgrade: h2c\r\n"))
    talk.answer(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n" + SETTINGS)
    talk.ask(PREFACE)
    pairs, stats = read(talk)
    assert outcomes(pairs) == [("GET", "/a", None)], "its answer comes in HTTP/2"
    assert stats.tunnel_bytes == stats.http2_bytes == 0
    assert stats.http2_frames_bytes == len(SETTINGS + PREFACE)


def test_tls_from_the_middle_of_a_record_on_is_tls() -> None:
    talk = Conversation()
    talk.answer(b"\xfe" * 50)
    talk.answer(b"\x17\x03\x03\0\x20" + bytes(32))
    stats = read(talk)[1]
    assert stats.tls_bytes == stats.payload_bytes


def test_a_syn_that_is_refused_opens_nothing() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    forged = tcp(seq=talk.client_seq + 600, flags=SYN)
    frames = [*talk.frames(), (talk.at_ns, ethernet(ipv4(forged)))]
    seen = len(talk.sent)
    talk.acknowledge(by_client=False)
    talk.ask(request("/b"))
    talk.answer(response(b"{}", 201))
    talk.close()
    pairs, assembler = collect([*frames, *talk.frames()[seen:]], ALL)
    assert outcomes(pairs) == [("GET", "/a", 200), ("GET", "/b", 201)]
    assert assembler.total().duplicate_bytes == 0


def test_bytes_behind_an_end_that_is_in_doubt_are_counted() -> None:
    opening = tcp(seq=1000, flags=SYN)
    end = tcp(seq=1009, flags=FIN | ACK)
    beyond = tcp(response(b"{}"), seq=1009)
    frames = [
        (second * 10**9, ethernet(ipv4(segment)))
        for second, segment in enumerate((opening, end, beyond), 1)
    ]
    _, assembler = collect(frames, ALL)
    stats = assembler.total()
    assert stats.in_flight_bytes == 0
    assert stats.payload_bytes == sum(stats.buckets().values())


def test_a_syn_that_resets_opens_nothing_even_where_its_number_goes_on() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    far = talk.client_seq + (1 << 28)
    forged = [
        tcp(seq=far, flags=SYN | RST),
        tcp(request("/forged"), seq=far + 1, ack=1, flags=ACK),
    ]
    frames = [(talk.at_ns, ethernet(ipv4(segment))) for segment in forged]
    frames = [*talk.frames(), *frames]
    seen = len(talk.sent)
    talk.ask(request("/b"))
    talk.answer(response(b"{}", 201))
    talk.close()
    pairs, assembler = collect([*frames, *talk.frames()[seen:]], ALL)
    assert outcomes(pairs)[:1] == [("GET", "/a", 200)]
    stats = assembler.total()
    assert stats.connections == 1
    assert stats.payload_bytes == sum(stats.buckets().values())


@pytest.mark.parametrize("lost", [None, 0, 1])
def test_ports_that_are_used_anew_are_another_connection(lost: int | None) -> None:
    first = exchange(client_seq=1000)
    again = exchange(client_seq=2_000_000, server_seq=9_000_000)
    frames = again.frames()
    if lost is not None:
        del frames[lost]
    pairs, assembler = collect([*first.frames(), *frames], ALL)
    assert [status for *_, status in outcomes(pairs)] == [200, 200]
    assert assembler.total().connections == 2


def test_a_lost_fin_is_no_gap_that_hides_a_message() -> None:
    talk = Conversation()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    talk.client_seq += 1
    talk.finish(by_client=False)
    assert outcomes(read(talk)[0]) == [("GET", "/a", 200)]


def test_a_byte_that_was_lost_between_messages_hides_what_follows() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    lost = request("/b")
    talk.client_seq += 1
    talk.ask(lost[1:])
    talk.answer(response(b"{}", 201))
    talk.ask(request("/c"))
    talk.answer(response(b"{}", 202))
    talk.close()
    assert outcomes(read(talk)[0]) == [("GET", "/a", 200), ("GET", "/c", 202)]


def test_a_switch_of_protocols_proves_itself() -> None:
    talk = Conversation()
    talk.ask(request("/a", fields="Upgrade: websocket\r\n"))
    talk.answer(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n")
    talk.ask(b"\x81\0")
    assert outcomes(read(talk)[0]) == [("GET", "/a", 101)]


def test_silence_after_the_last_acknowledgement_proves_a_pair() -> None:
    talk = Conversation()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    assert outcomes(read(talk)[0]) == [("GET", "/a", None)]
    talk.acknowledge(by_client=True)
    assert outcomes(read(talk)[0]) == [("GET", "/a", 200)]
    talk.answer(response(b"{}", 201))
    assert outcomes(read(talk)[0]) == [("GET", "/a", None)]


def test_the_first_bytes_of_the_next_request_prove_a_pair() -> None:
    talk = Conversation()
    talk.ask(request("/a"))
    talk.answer(response(b"{}"))
    talk.ask(b"GET /b?" + b"b" * 2000)
    frames = talk.frames()[:-1]
    talk.answer(response(b"{}", 201))
    pairs, _ = collect([*frames, talk.frames()[-1]], ALL)
    assert outcomes(pairs) == [("GET", "/a", 200)]


def test_an_answer_begins_with_its_final_response() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
    final = talk.at_ns
    talk.answer(response(b"{}"))
    (pair,) = read(talk)[0]
    assert pair.response is not None
    assert pair.response.first_ns == final


def test_bytes_from_before_the_capture_are_no_duplicates() -> None:
    talk = Conversation(server_seq=5000)
    talk.ask(request("/a"))
    early = tcp(b"late", seq=900, ack=5000, flags=ACK)
    frames = [*talk.frames(), (talk.at_ns, ethernet(ipv4(early)))]
    stats = collect(frames, ALL)[1].total()
    assert stats.duplicate_bytes == 0
    assert stats.unsynchronized_bytes == 4
