"""Certificates of our own authority: who accepts them, and when they are made anew."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import authority
from agent.authority import Pair, ends, is_due, issue, root

NOW = datetime.now(UTC).replace(microsecond=0)
HOSTS = ("kafka", "kafka-0.kafka")


@pytest.fixture(scope="module")
def own() -> Pair:
    return root(NOW)


def context(own: Pair, pair: Pair, folder: Path, purpose: int) -> ssl.SSLContext:
    file = folder / f"{purpose}.pem"
    file.write_bytes(pair.key + pair.certificate)
    made = ssl.SSLContext(purpose)
    made.load_cert_chain(file)
    made.load_verify_locations(cadata=own.certificate.decode())
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_both_ends_of_a_link_accept_each_other(own: Pair, tmp_path: Path) -> None:
    serving = context(own, issue(own, HOSTS, NOW, 1), tmp_path, ssl.PROTOCOL_TLS_SERVER)
    asking = context(
        own, issue(own, ("digger",), NOW, 1), tmp_path, ssl.PROTOCOL_TLS_CLIENT
    )
    here, there = socket.socketpair()
    names: list[object] = []

    def serve() -> None:
        with serving.wrap_socket(there, server_side=True) as link:
            names.append(link.getpeercert())
            link.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    with asking.wrap_socket(here, server_hostname="kafka-0.kafka") as link:
        assert link.recv(1) == b"x"
    thread.join(5)
    assert "digger" in str(names)


def test_it_is_good_until_a_third_of_its_time_is_left(own: Pair) -> None:
    pair = issue(own, HOSTS, NOW, 90)
    assert not is_due(own, pair.certificate, HOSTS, NOW)
    assert not is_due(own, pair.certificate, HOSTS, NOW + timedelta(days=59))
    assert is_due(own, pair.certificate, HOSTS, NOW + timedelta(days=61))


def test_it_is_due_if_it_is_of_others_or_of_other_names(own: Pair) -> None:
    pair = issue(own, HOSTS, NOW, 90)
    assert is_due(own, pair.certificate, ("kafka",), NOW)
    assert is_due(root(NOW), pair.certificate, HOSTS, NOW)
    assert is_due(own, b"", HOSTS, NOW)
    assert is_due(own, own.certificate, HOSTS, NOW)


def test_none_outlives_its_authority(own: Pair) -> None:
    pair = issue(own, HOSTS, NOW, 10 * authority.ROOT_DAYS)
    assert ends(pair.certificate) == ends(own.certificate)


def test_what_is_no_authority_issues_nothing() -> None:
    with pytest.raises(ValueError, match=r"."):
        issue(Pair(b"", b""), HOSTS, NOW, 1)
