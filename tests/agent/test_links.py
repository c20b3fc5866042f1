"""Real gRPC over TLS: both ends prove themselves, and certificates change under way."""

import datetime
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from agent import links
from agent.certificates import Files
from agent.links import PLAIN, Link, Token
from tests.certificates import Authority, Pem
from tests.waiting import eventually

ELSEWHERE = x509.DNSName("elsewhere.example")
GROUP = "detector"


@contextmanager
def serving(files: Files) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4))
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
    port = links.bind(files, server, "127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def asked(link: Link) -> str:
    """Empty if answered, else why not."""
    stub = health_pb2_grpc.HealthStub(link.channel)
    try:
        stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    except grpc.RpcError as error:
        return links.reason(GROUP, error) or error.code().name
    return ""


def once(address: str, files: Files) -> str:
    link = Link(address, files)
    try:
        return asked(link)
    finally:
        link.close()


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Pem:
    return authority.issue(tmp_path / "server", "server")


@pytest.fixture
def client(authority: Authority, tmp_path: Path) -> Pem:
    return authority.issue(tmp_path / "client", "client")


def test_both_ends_prove_themselves(server: Pem, client: Pem) -> None:
    with serving(server.of(GROUP)) as address:
        assert once(address, client.of(GROUP)) == ""


def test_a_client_without_a_good_certificate_is_refused(
    authority: Authority, server: Pem, client: Pem, tmp_path: Path
) -> None:
    past = -datetime.timedelta(hours=1)
    wrong = [
        Files(GROUP, client.ca, "", ""),
        Authority().issue(tmp_path / "other").of(GROUP)._replace(ca=client.ca),
        authority.issue(tmp_path / "past", lasts=past).of(GROUP),
    ]
    with serving(server.of(GROUP)) as address:
        for files in wrong:
            assert once(address, files) == (
                "hangs up: see detector.ca_file and detector.certificate_file"
            )
        assert "hangs up" in once(address, PLAIN)


def test_a_server_that_is_not_proved_is_not_spoken_to(
    authority: Authority, client: Pem, tmp_path: Path
) -> None:
    past = -datetime.timedelta(hours=1)
    wrong = {
        Authority().issue(tmp_path / "a"): "that detector.ca_file does not prove",
        authority.issue(tmp_path / "b", lasts=past): "that has expired",
        authority.issue(tmp_path / "c", "else", ELSEWHERE): (
            "that does not name detector.server"
        ),
    }
    for pem, words in wrong.items():
        with serving(pem.of(GROUP)._replace(ca=client.ca)) as address:
            assert once(address, client.of(GROUP)) == f"has a certificate {words}"
    with serving(PLAIN) as address:
        assert once(address, client.of(GROUP)) == (
            "does not speak TLS, as detector.ca_file wants"
        )
    assert once(address, client.of(GROUP)) == "UNAVAILABLE"


def test_new_certificates_are_used_without_a_restart(
    server: Pem, client: Pem, tmp_path: Path
) -> None:
    with serving(server.of(GROUP)) as address:
        link = Link(address, client.of(GROUP))
        assert asked(link) == ""
        following = Authority()
        following.issue(tmp_path / "server", "server")
        assert "does not prove" in once(address, client.of(GROUP))
        assert asked(link) == "", "its connection stands"
        following.issue(tmp_path / "client", "client")
        assert asked(link) == ""
        assert once(address, client.of(GROUP)) == ""
        link.close()


def test_a_call_under_way_goes_on_when_the_channel_is_new(
    server: Pem, client: Pem, authority: Authority, tmp_path: Path
) -> None:
    with serving(server.of(GROUP)) as address:
        link = Link(address, client.of(GROUP))
        stub = health_pb2_grpc.HealthStub(link.channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest())
        next(watching)
        authority.issue(tmp_path / "client", "client")
        assert asked(link) == ""
        assert watching.is_active()
        watching.cancel()
        link.close()


def test_files_that_cannot_be_used_are_told_once_and_the_old_hold(
    server: Pem,
    client: Pem,
    authority: Authority,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(server.of(GROUP)) as address:
        link = Link(address, client.of(GROUP))
        for pem in (server, client):
            Path(pem.certificate).write_text("canary")
        for _ in range(3):
            assert asked(link) == ""
        fresh = Link(address, authority.issue(tmp_path / "fresh").of(GROUP))
        assert asked(fresh) == ""
        fresh.close()
        link.close()
    told = [r.message for r in caplog.records]
    assert len(told) == 2
    assert all("goes on to hold" in line for line in told)
    assert "canary" not in caplog.text


def test_a_program_reaches_itself(server: Pem, authority: Authority) -> None:
    for files in (server.of(GROUP), server.of(GROUP)._replace(ca=""), PLAIN):
        with serving(files) as address, links.to_itself(address, files) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status


def test_a_token_that_cannot_be_read_is_told_once_and_the_last_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Token("").metadata() == ()
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("one\n")
    token = Token(str(file))
    assert token.metadata() == (("authorization", "Bearer one"),)
    file.unlink()
    for _ in range(2):
        assert token.metadata() == (("authorization", "Bearer one"),)
    assert len(caplog.records) == 1


def test_a_refusal_of_a_call_is_named() -> None:
    with serving(PLAIN) as address:
        link = Link(address)
        stub = health_pb2_grpc.HealthStub(link.channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="none"), timeout=10)
        assert links.reason(GROUP, caught.value) == "answers NOT_FOUND"
        link.close()
    assert eventually(lambda: once(address, PLAIN) == "UNAVAILABLE")


def test_contexts_of_a_web_server_follow_their_files(
    authority: Authority, tmp_path: Path
) -> None:
    pem = authority.issue(tmp_path / "web")
    contexts = links.Contexts(pem.of(GROUP)._replace(ca=""))
    first = contexts()
    assert first is not None
    assert first.minimum_version == ssl.TLSVersion.TLSv1_2
    assert contexts() is first
    authority.issue(tmp_path / "web")
    second = contexts()
    assert second is not first
    Path(pem.key).write_text("nothing")
    assert contexts() is second
    assert links.Contexts(PLAIN)() is None
