"""The address list over gRPC, both ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.certificates import Files
from agent.cluster.address_list import gathering, service
from agent.cluster.address_list.client import AddressClient
from agent.cluster.address_list.service import ListenError, Server
from agent.cluster.addresses import NODE, POD, SERVICE, AddressIndex, Workload
from agent.cluster.freshness import Freshness
from agent.links import PLAIN
from tests.certificates import Authority
from tests.waiting import eventually

ORDERS = Workload("shop", "Deployment", "orders")
LOOPBACK = "127.0.0.1:0"


def ip(number: int) -> bytes:
    return (0x0A000000 + number).to_bytes(4, "big")


@contextmanager
def followed(port: int, files: Files = PLAIN, *others: int) -> Iterator[AddressClient]:
    """With others it is as behind one name: the first that answers is taken."""
    servers = ",".join(f"127.0.0.1:{number}" for number in (port, *others))
    client = AddressClient(f"ipv4:{servers}" if others else servers, "node-1", files)
    stop = threading.Event()
    thread = threading.Thread(target=client.run, args=(stop,))
    thread.start()
    try:
        yield client
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_a_client_gets_the_list_and_then_its_changes() -> None:
    index = AddressIndex()
    index.add(ip(1), ORDERS, POD, 0, "a")
    index.add(ip(2), ORDERS, SERVICE, 0, "b")
    index.add(ip(3), ORDERS, NODE, 0, "c")
    index.complete()
    with Server(index, LOOPBACK) as server, followed(server.port) as client:
        assert client.is_complete.wait(10)
        assert client.monitored == {ip(1), ip(2)}
        index.add(ip(4), ORDERS, POD, 0, "d")
        index.remove(ip(1), "a", 1)
        assert eventually(lambda: client.monitored == {ip(2), ip(4)})


def test_nothing_is_served_before_the_list_is_complete() -> None:
    index = AddressIndex()
    index.add(ip(1), ORDERS, POD, 0, "a")
    with Server(index, LOOPBACK) as server, followed(server.port) as client:
        assert not client.is_complete.wait(0.3)
        index.complete()
        assert client.is_complete.wait(10)


def test_an_empty_list_is_complete_but_asks_for_nothing() -> None:
    index = AddressIndex()
    index.complete()
    with Server(index, LOOPBACK) as server, followed(server.port) as client:
        assert client.is_complete.wait(10)
        assert client.monitored == frozenset()
        assert client.wanted is None
        index.add(ip(1), ORDERS, POD, 0, "a")
        assert eventually(lambda: ip(1) in (client.wanted or ()))


def test_the_last_list_holds_while_the_digger_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    index = AddressIndex()
    index.add(ip(1), ORDERS, POD, 0, "a")
    index.complete()
    server = Server(index, LOOPBACK)
    with followed(server.port) as client:
        assert client.is_complete.wait(10)
        server.close()
        assert eventually(lambda: "trying on" in caplog.text)
        assert client.monitored == {ip(1)}
        index.add(ip(2), ORDERS, POD, 0, "b")
        with Server(index, f"127.0.0.1:{server.port}"):
            assert eventually(lambda: client.monitored == {ip(1), ip(2)})


def test_a_list_that_does_not_change_stays_connected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.cluster.address_list.client.PING_MS", 400)
    monkeypatch.setattr(service, "LEAST_PING_MS", 200)
    index = AddressIndex()
    index.complete()
    with Server(index, LOOPBACK) as server, followed(server.port) as client:
        assert client.is_complete.wait(10)
        threading.Event().wait(10 * 0.4)
        assert "trying on" not in caplog.text


def test_a_client_too_far_behind_gets_the_whole_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "COMPLETE_SECONDS", 0.3)
    index = AddressIndex()
    index.complete()
    with Server(index, LOOPBACK) as server, followed(server.port) as client:
        assert client.is_complete.wait(10)
        for number in range(15_000):
            index.add(ip(number), ORDERS, POD, 0, "a")
        assert eventually(lambda: len(client.monitored) == 15_000)


def test_a_port_in_use_is_told() -> None:
    index = AddressIndex()
    with (
        Server(index, LOOPBACK) as server,
        pytest.raises(ListenError, match=r"addresses\.listen: 127\.0\.0\.1:\d+"),
    ):
        Server(index, f"127.0.0.1:{server.port}")


def test_a_client_of_a_digger_without_names_is_let_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind the same name another digger may have them."""
    monkeypatch.setattr(service, "COMPLETE_SECONDS", 0.3)
    with Server(AddressIndex(), LOOPBACK) as server, followed(server.port):
        assert eventually(lambda: "trying on" in caplog.text)


def test_diggers_that_follow_each_other_do_not_mix(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The second's revision is lower, and it never heard of the first's pods."""
    first, second = AddressIndex(), AddressIndex()
    for number in range(50):
        first.add(ip(number), ORDERS, POD, 0, "a")
        first.remove(ip(number), "a", 1)
    first.add(ip(100), ORDERS, POD, 0, "a")
    second.add(ip(200), ORDERS, POD, 0, "b")
    for index in (first, second):
        index.complete()
    assert first.revision > second.revision + 50
    one = Server(first, LOOPBACK)
    with (
        Server(second, LOOPBACK) as two,
        followed(one.port, PLAIN, two.port) as client,
    ):
        assert eventually(lambda: client.monitored == {ip(100)})
        one.close()
        assert eventually(lambda: client.monitored == {ip(200)})
        second.add(ip(201), ORDERS, POD, 0, "c")
        assert eventually(lambda: client.monitored == {ip(200), ip(201)})
        assert client.is_up
    assert caplog.records[-1].message.endswith("is back")


def test_who_comes_back_goes_on_where_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """It hears what it missed, not the whole list again."""
    index = AddressIndex()
    for number in range(50):
        index.add(ip(number), ORDERS, POD, 0, "a")
    index.complete()
    with Server(index, LOOPBACK) as server:
        client = AddressClient(f"127.0.0.1:{server.port}", "node-1")
        for turn in range(2):
            stop = threading.Event()
            thread = threading.Thread(target=client.run, args=(stop,))
            thread.start()
            expected = 50 + turn
            assert eventually(lambda n=expected: len(client.monitored) == n)  # type: ignore[misc]
            stop.set()
            thread.join(10)
            index.add(ip(100 + turn), ORDERS, POD, 0, "b")
            assert eventually(lambda: server._gathering.revision == index.revision)
        news = client.news()
    assert [one.is_whole for one in news] == [True, False]
    assert len(news[1].added) < 10


def test_changes_of_its_own_node_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GATHER_SECONDS", 1000.0)
    index = AddressIndex()
    index.complete()
    with Server(index, LOOPBACK) as server, followed(server.port) as client:
        assert client.is_complete.wait(10)
        index.add(ip(1), ORDERS, POD, 0, "a", node="node-2")
        index.add(ip(2), ORDERS, POD, 0, "b", node="node-1")
        assert eventually(lambda: client.monitored == {ip(2)})


def test_a_quiet_list_and_an_old_one_tell_their_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "BEAT_SECONDS", 0.2)
    now = 0.0
    age, index = Freshness(lambda: now), AddressIndex()
    age.need(["pods"])
    index.complete()
    with (
        Server(index, LOOPBACK, freshness=age) as server,
        followed(server.port) as client,
    ):
        assert client.is_complete.wait(10)
        threading.Event().wait(1)
        assert client.age_seconds < 1
        now = 300.0
        assert eventually(lambda: client.is_old)
        assert client.age_seconds >= 300
        now = 301.0
        age.hear("pods")
        assert eventually(lambda: not client.is_old)


def test_one_far_behind_gets_the_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_STEPS", 2)
    index = AddressIndex()
    told = gathering.Gathering(index)
    for number in range(5):
        index.add(ip(number), ORDERS, POD, 0, "a")
        told.gather(0)
    assert told.since(told.epoch, 5) == []
    assert len(told.since(told.epoch, 3)) == 2
    for epoch, revision in ((told.epoch, 1), (told.epoch + 1, 5), (0, 0)):
        assert told.since(epoch, revision) == [told.whole()]


def test_both_ends_prove_themselves_and_certificates_change_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The authority too: a digger and an interceptor have new files at other times."""
    monkeypatch.setattr("agent.cluster.address_list.client.PAUSE_SECONDS", (0.05, 0.2))
    authority = Authority()
    digger = authority.issue(tmp_path / "digger").of("addresses")
    interceptor = authority.issue(tmp_path / "interceptor").of("addresses")
    index = AddressIndex()
    index.add(ip(1), ORDERS, POD, 0, "a")
    index.complete()
    with (
        Server(index, LOOPBACK, digger) as server,
        followed(server.port, interceptor) as client,
    ):
        assert eventually(lambda: client.monitored == {ip(1)})
        following = Authority()
        following.issue(tmp_path / "digger")
        with followed(server.port, interceptor) as late:
            words = "does not prove, trying on"
            assert eventually(lambda: words in caplog.text)
            assert not late.is_up
            following.issue(tmp_path / "interceptor")
            assert eventually(lambda: late.is_up)
            assert late.monitored == {ip(1)}
        assert client.is_up
    assert len([r for r in caplog.records if "trying on" in r.message]) == 1


def test_who_does_not_prove_itself_gets_no_list(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    digger = Authority().issue(tmp_path / "digger").of("addresses")
    stranger = Authority().issue(tmp_path / "stranger").of("addresses")
    index = AddressIndex()
    index.add(ip(1), ORDERS, POD, 0, "a")
    index.complete()
    with Server(index, LOOPBACK, digger) as server:
        for files in (PLAIN, stranger._replace(ca=digger.ca)):
            with followed(server.port, files) as client:
                assert not client.is_complete.wait(1)
                assert not client.is_up
    assert len(caplog.records) == 2
    assert "hangs up: see addresses.ca_file" in caplog.text
