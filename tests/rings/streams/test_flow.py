"""Who asks and who answers, and on which interface that is reported."""

from ipaddress import ip_address

import pytest

from rings.pairs.message import Pair
from rings.stats import Stats
from rings.streams.assembler import Assembler
from tests.rings.wire import (
    ALL,
    CLIENT,
    MS,
    SERVER,
    Conversation,
    block_of,
    collect,
    exchange,
    outcomes,
    request,
    response,
)


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
    assert assembler.expire(talk.at_ns + 10_000 * MS) == []
    assert assembler.total().gap_bytes == 9
    assert assembler.expire(0) == []


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


@pytest.mark.parametrize(("own", "is_reported"), [(SERVER, True), (CLIENT, False)])
def test_the_start_of_a_connection_decides_where_whoever_asks(
    own: str, is_reported: bool
) -> None:
    talk = Conversation().open()
    talk.answer(request("/reversed"))
    talk.ask(response(b"{}"))
    pairs, stats = seen_from(own, talk)
    assert outcomes(pairs) == [("GET", "/reversed", 200)] * is_reported
    assert (stats.elsewhere_bytes > 0) is not is_reported


def test_without_a_start_who_asks_decides_where() -> None:
    talk = Conversation(server_seq=5000)
    talk.ask(b"GET /a HTTP/1.1\r\nHo", ack=5000)
    talk.answer(request("/reversed"))
    pairs, stats = seen_from(SERVER, talk)
    assert not pairs
    assert stats.elsewhere_bytes == len(request("/reversed"))


def seen_from(own: str, talk: Conversation) -> tuple[list[Pair], Stats]:
    """By the interface of one of two monitored pods."""
    assembler = Assembler(ALL)
    view = assembler.view(0)
    view.own = frozenset([ip_address(own).packed])
    view.monitored = frozenset(ip_address(one).packed for one in (CLIENT, SERVER))
    talk.close()
    pairs = assembler.feed(block_of(talk.frames())) + assembler.close()
    stats = assembler.total()
    assert stats.payload_bytes == sum(stats.buckets().values())
    return pairs, stats


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


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("is_found", [True, False])
@pytest.mark.parametrize(
    ("own", "ports", "is_reported"),
    [
        # A node's port that leads to a pod somewhere, and one that is the node's own.
        ([CLIENT], range(80, 81), False),
        ([CLIENT], range(81, 90), True),
        # To whom the address belongs it is no node's.
        ([SERVER], range(80, 81), True),
    ],
)
def test_a_nodes_port_is_reported_at_the_pod_behind_it(
    own: list[str], ports: range, is_reported: bool, is_found: bool, is_listed: bool
) -> None:
    """Whether or not there is a kernel to ask: another node's translates."""
    assembler = Assembler(ALL)
    view = assembler.view(0)
    view.own = frozenset(ip_address(one).packed for one in own)
    address = ip_address(SERVER).packed
    doors = [address + port.to_bytes(2, "big") for port in ports]
    view.nodes = frozenset(doors if is_listed else [address])
    view.node_ports = range(0) if is_listed else ports
    view.translation = Translated() if is_found else None
    pairs = assembler.feed(block_of(exchange().frames())) + assembler.close()
    assert len(pairs) == int(is_reported)
    stats = assembler.total()
    assert (stats.elsewhere_bytes > 0) is not is_reported
    assert stats.payload_bytes == sum(stats.buckets().values())


def test_ends_are_called_by_the_addresses_that_name_them() -> None:
    assembler = Assembler(ALL)
    view = assembler.view(0)
    view.own = frozenset([ip_address(SERVER).packed])
    view.aliases = {ip_address(SERVER).packed: ip_address(POD).packed}
    pairs = assembler.feed(block_of(exchange().frames())) + assembler.close()
    (pair,) = pairs
    assert pair.server == ip_address(POD).packed
    assert pair.client == ip_address(CLIENT).packed
