"""Connections found, bounded, expired and told apart."""

from ipaddress import ip_address

import pytest

from rings.assembler import Assembler
from rings.block import PCAP, Block, Layout, MalformedBlockError
from rings.limits import Limits
from tests.rings.wire import (
    ACK,
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
    ipv4,
    outcomes,
    request,
    response,
    ring_block,
    tcp,
)

ALL = Limits(keep_all_bodies=True)
SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def exchange(
    port: int = 40000,
    at_ns: int = START_NS,
    client_seq: int = 1000,
    server_seq: int = 5000,
) -> Conversation:
    talk = Conversation((port, 80), client_seq, server_seq, at_ns).open()
    talk.ask(request(f"/{port}"))
    talk.answer(response(b"{}"))
    return talk


def quiet(at_ns: int) -> tuple[int, bytes]:
    return at_ns, ethernet(b"", 0x0806)


def test_a_pair_knows_client_server_and_times() -> None:
    talk = exchange()
    pairs, _ = collect(talk.frames())
    (pair,) = pairs
    assert pair.response is not None
    assert (pair.client, pair.server) == (
        ip_address(CLIENT).packed,
        ip_address(SERVER).packed,
    )
    assert (pair.client_port, pair.server_port) == (40000, 80)
    assert pair.request.first_ns == talk.sent[3].at_ns
    assert pair.response.first_ns == talk.sent[4].at_ns
    assert pair.connection == 1


def test_roles_are_learned_without_a_start() -> None:
    for cut in (3, 4):
        talk = exchange()
        talk.ask(request("/next"))
        talk.answer(response(b"{}"))
        talk.close()
        pairs, _ = collect(talk.frames()[cut:], ALL)
        assert outcomes(pairs)[-1] == ("GET", "/next", 200)
        assert pairs[-1].client_port == 40000


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
    assert assembler.view(0).streams == {}


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
    assert len(view.streams) == 4
    assembler.expire(closed.at_ns + ALL.closed_ns + SECOND)
    assert len(view.streams) == 2
    assembler.expire(closed.at_ns + ALL.closed_ns + SECOND)
    assembler.expire(silent.at_ns + ALL.idle_ns + 2 * SECOND)
    assert len(view.streams) == 0
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
        assert len(assembler.view(0).streams) <= 40
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


def test_waiting_segments_are_settled_by_time_alone() -> None:
    talk = Conversation().open()
    talk.ask(request("/a"))
    talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + b"lost" * 1)
    frames = talk.frames()
    lost = Conversation(client_seq=talk.client_seq, server_seq=talk.server_seq + 9)
    lost.answer(b"later")
    assembler = Assembler(ALL)
    pairs = assembler.feed(block_of([*frames, (talk.at_ns, lost.sent[0].frame)]))
    assert len(pairs) == 1
    assert assembler.expire(talk.at_ns + 10 * SECOND) == []
    assert assembler.total().gap_bytes == 9
    assert assembler.expire(0) == []


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


@pytest.mark.parametrize(
    ("own", "monitored", "is_reported"),
    [
        ([], [], True),
        ([SERVER], [SERVER, CLIENT], True),
        ([CLIENT], [SERVER, CLIENT], False),
        ([CLIENT], [CLIENT], True),
        (["10.9.9.9"], [], False),
    ],
)
def test_an_exchange_is_reported_where_the_server_is(
    own: list[str], monitored: list[str], is_reported: bool
) -> None:
    for cut in (0, 3):
        assembler = Assembler(ALL)
        view = assembler.view(0)
        view.own = frozenset(ip_address(one).packed for one in own)
        view.monitored = frozenset(ip_address(one).packed for one in monitored)
        talk = exchange()
        talk.close()
        pairs = assembler.feed(block_of(talk.frames()[cut:]))
        pairs += assembler.close()
        assert len(pairs) == int(is_reported)
        stats = assembler.total()
        assert stats.payload_bytes == sum(stats.buckets().values())
        assert (stats.elsewhere_bytes > 0) is not is_reported


class Translated:
    """Stands for the kernel's table: what is behind any server, and any client."""

    def __init__(self, server: str = "", client: str = "") -> None:
        self._server = (ip_address(server).packed, 8080) if server else None
        self._client = (ip_address(client).packed, 555) if client else None

    def server_of(self, *ends: bytes | int) -> tuple[bytes, int] | None:
        return self._server

    def client_of(self, *ends: bytes | int) -> tuple[bytes, int] | None:
        return self._client


POD = "10.7.7.7"


@pytest.mark.parametrize(
    ("own", "monitored", "behind", "reported"),
    [
        # A service's address: reported where its pod is, here or elsewhere.
        ([CLIENT], [CLIENT, POD], Translated(server=POD), None),
        # … that leads out of the cluster: reported here, as what it is.
        ([CLIENT], [CLIENT], Translated(server=POD), (CLIENT, POD)),
        ([CLIENT], [CLIENT], Translated(), (CLIENT, SERVER)),
        # A client that hides behind the node's address.
        ([SERVER], [SERVER, POD], Translated(client=POD), (POD, SERVER)),
        ([SERVER], [SERVER], Translated(), (CLIENT, SERVER)),
        # One that is known hides nothing.
        ([SERVER], [SERVER, CLIENT], Translated(client=POD), (CLIENT, SERVER)),
    ],
)
def test_translated_ends_are_looked_behind(
    own: list[str],
    monitored: list[str],
    behind: Translated,
    reported: tuple[str, str] | None,
) -> None:
    assembler = Assembler(ALL)
    view = assembler.view(0)
    view.own = frozenset(ip_address(one).packed for one in own)
    view.monitored = frozenset(ip_address(one).packed for one in monitored)
    view.translation = behind
    pairs = assembler.feed(block_of(exchange().frames())) + assembler.close()
    ends = [(ip_address(pair.client), ip_address(pair.server)) for pair in pairs]
    expected = [tuple(map(ip_address, reported))] if reported else []
    assert ends == expected


@pytest.mark.parametrize(
    ("own", "proxy", "is_reported"),
    [
        ([SERVER], Translated(server=POD), False),
        ([SERVER], Translated(), True),
        ([CLIENT], Translated(server=POD), True),
    ],
)
def test_what_a_pods_own_proxy_passes_on_is_reported_there(
    own: list[str], proxy: Translated, is_reported: bool
) -> None:
    assembler = Assembler(ALL)
    view = assembler.view(0)
    view.own = frozenset(ip_address(one).packed for one in own)
    view.proxy = proxy
    pairs = assembler.feed(block_of(exchange().frames())) + assembler.close()
    assert len(pairs) == int(is_reported)


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
        assert len(assembler.view(0).streams) <= 1000
    pairs += len(assembler.close())
    assert pairs == 2000


def held(limits: Limits, *conversations: Conversation) -> Assembler:
    """Fed with all at once, checked after each frame, then closed."""
    assembler = Assembler(limits)
    sent = [frame for talk in conversations for frame in talk.frames()]
    for frame in sorted(sent):
        assembler.feed(block_of([frame]))
        assert assembler.budget.held_bytes <= limits.held_bytes + 2000
    assembler.close()
    assert_closed(assembler)
    return assembler


def talks(count: int) -> list[Conversation]:
    return [Conversation((40000 + number, 80)).open() for number in range(count)]


def test_bodies_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000)
    conversations = talks(10)
    for talk in conversations:
        talk.ask(request("/a"))
        talk.answer(response(b"[" + b" " * 3000 + b"]"))
    total = held(limits, *conversations).total()
    assert total.pairs == 10
    assert 0 < total.bodies_truncated < 10
    assert total.memory_refusals == total.bodies_truncated


def test_held_segments_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000, keep_all_bodies=True)
    conversations = talks(30)
    for talk in conversations:
        talk.ask(request("/a"))
        talk.server_seq += 1
        talk.answer(response(b"x" * 1000))
    total = held(limits, *conversations).total()
    assert total.gaps == 30
    assert total.memory_refusals > 0


def test_heads_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000, keep_all_bodies=True)
    conversations = talks(30)
    for talk in conversations:
        talk.ask(request("/a", fields=f"X: {'x' * 1400}\r\n")[:-2])
    total = held(limits, *conversations).total()
    assert total.broken_messages == 30
    assert 0 < total.memory_refusals < 30


def test_requests_of_all_connections_share_a_budget() -> None:
    limits = Limits(held_bytes=20_000, keep_all_bodies=True)
    conversations = talks(3)
    for talk in conversations:
        for number in range(20):
            talk.ask(request(f"/{number}", fields=f"X: {'x' * 800}\r\n"))
    total = held(limits, *conversations).total()
    assert total.unpaired_no_response == 60
    assert 0 < total.memory_refusals < 60


def test_what_a_body_leaves_is_let_go_with_its_message() -> None:
    talk = exchange()
    talk.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
    assembler = Assembler(ALL)
    for frame in talk.frames():
        assembler.feed(block_of([frame]))
    assert assembler.budget.held_bytes == len(b"HTTP/1.1 100 Continue\r\n\r\n")
    assembler.close()
    assert_closed(assembler)


def test_a_connection_that_only_opens_is_forgotten_too() -> None:
    syn = (START_NS, ethernet(ipv4(tcp(flags=SYN))))
    assembler = Assembler(ALL)
    assembler.feed(block_of([syn]))
    assembler.feed(block_of([quiet(START_NS + HOUR)]))
    assert assembler.view(0).streams == {}
