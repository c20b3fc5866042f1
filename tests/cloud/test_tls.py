"""The dashboard over its own TLS: cookies, new certificates, those who hold it up."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent.links import Contexts
from cloud.doors.web import connections
from cloud.doors.web.headers import TRANSPORT
from tests.certificates import Authority, Pem
from tests.cloud.running import Cloud
from tests.waiting import busyness


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def pem(authority: Authority, tmp_path: Path) -> Pem:
    return authority.issue(tmp_path / "dashboard")


@pytest.fixture
def secured(pem: Pem, tmp_path: Path) -> Iterator[Cloud]:
    files = pem.of("cloud")._replace(ca="")
    with Cloud(
        f"sqlite:///{tmp_path}/cloud.sqlite3", contexts=Contexts(files)
    ) as running:
        yield running


def trusting(pem: Pem) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=pem.ca)


def connected(cloud: Cloud, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    port = urlsplit(cloud.address).port
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)


def asked(
    cloud: Cloud, pem: Pem, path: str, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    connection = connected(cloud, trusting(pem))
    connection.request("GET", path, headers=headers or {})
    try:
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    return answer


def serial(cloud: Cloud) -> bytes:
    """The certificate that is shown now."""
    port = urlsplit(cloud.address).port or 0
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=10).encode()


def plainly(cloud: Cloud, sent: bytes) -> bytes:
    port = urlsplit(cloud.address).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        opened.sendall(sent)
        try:
            return opened.recv(1000)
        except ConnectionResetError:
            return b""


def test_visit_over_tls_has_a_host_cookie(secured: Cloud, pem: Pem) -> None:
    assert secured.address.startswith("https://")
    link = secured.new_link().removeprefix(secured.address)
    entered = asked(secured, pem, link)
    assert entered.status == 303
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith("__Host-vethscope-visit=")
    assert "; Secure" in cookie
    assert "; Path=/" in cookie
    name, _, rest = cookie.partition(";")[0].partition("=")
    assert asked(secured, pem, "/", {"cookie": f"{name}={rest}"}).status == 200
    # The name that a plain page could set opens nothing.
    port = urlsplit(secured.address).port
    forged = {"cookie": f"vethscope-{port}-visit={rest}"}
    assert asked(secured, pem, "/", forged).status == 303


def test_browsers_are_told_to_come_over_tls_only(secured: Cloud, pem: Pem) -> None:
    for path in ("/", "/login", "/healthz", "/static/style.css", "/api/v1/overview"):
        told = asked(secured, pem, path).headers
        assert told.get_all("strict-transport-security") == [TRANSPORT], path
    elsewhere = asked(secured, pem, "/", {"host": "evil.example"})
    assert elsewhere.status == 421
    assert elsewhere.headers["strict-transport-security"] == TRANSPORT
    assert "subdomains" not in TRANSPORT.lower()


def test_plain_text_gets_no_answer(secured: Cloud) -> None:
    told = plainly(secured, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"HTTP" not in told


def test_new_certificate_is_shown_without_a_restart(
    secured: Cloud, pem: Pem, authority: Authority, tmp_path: Path
) -> None:
    before = serial(secured)
    standing = connected(secured, trusting(pem))
    standing.request("GET", "/healthz")
    standing.getresponse().read()
    authority.issue(tmp_path / "dashboard")
    after = serial(secured)
    assert after != before
    assert asked(secured, pem, "/healthz").status == 200
    standing.request("GET", "/healthz")
    assert standing.getresponse().status == 200
    standing.close()


def test_broken_certificate_leaves_the_one_before(secured: Cloud, pem: Pem) -> None:
    before = serial(secured)
    Path(pem.certificate).write_text("nothing")
    assert serial(secured) == before
    assert asked(secured, pem, "/healthz").status == 200


def test_handshakes_that_stand_still_end_and_keep_nobody_out(
    secured: Cloud, pem: Pem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_OF_ADDRESS", 20)
    port = urlsplit(secured.address).port or 0
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    try:
        assert asked(secured, pem, "/healthz").status == 200
    finally:
        for one in silent:
            one.close()
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    began = time.monotonic()
    assert plainly(secured, b"") == b""
    assert time.monotonic() - began < 4 * busyness()
    assert asked(secured, pem, "/healthz").status == 200


def test_request_that_comes_with_the_handshake_is_answered(
    secured: Cloud, pem: Pem
) -> None:
    """TLS 1.3 lets a client send before the server knows that all is well."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(pem).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    port = urlsplit(secured.address).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                opened.sendall(outgoing.read())
                incoming.write(opened.recv(65536))
        tls.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        opened.sendall(outgoing.read())
        told = b""
        while b"alive" not in told:
            try:
                told += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(opened.recv(65536))
    assert told.startswith(b"HTTP/1.1 200")
