"""Every way against a real receiver: what comes, who is trusted, and who is refused."""

import email
import email.policy
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from cloud.alerts.alerting import Terms
from cloud.alerts.channel import Kind
from cloud.alerts.message import Line as Told
from cloud.alerts.message import News, Topic
from cloud.alerts.tables import State
from cloud.alerts.ways.parcel import Parcel
from cloud.alerts.ways.reaching import WHOLE_SECONDS, Reach, SendError
from cloud.alerts.ways.web import MOST_AFTER_SECONDS, _after
from cloud.store.store import Store
from tests.certificates import Authority, Pem
from tests.cloud.alerts.receivers import closed_port, hung, post, syslog, web
from tests.cloud.alerts.test_alerting import Line
from tests.waiting import eventually

SYSLOG = re.compile(
    rb"<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ - vethscope - (finding|test) - (\{.*\})"
)
LOGIN = (b"vethscope", b"a password")
MAIL = {
    "host": "127.0.0.1",
    "sender": "vethscope@example.com",
    "recipients": "ann@example.com",
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Pem:
    return Authority().issue(tmp_path_factory.mktemp("pem"))


@pytest.fixture
def line(tmp_path: Path, pem: Pem) -> Iterator[Line]:
    """It trusts the authority of `pem`."""
    terms = Terms(Reach(allows_loopback=True, authorities=pem.ca), b"k" * 32)
    with closing(Store(f"sqlite:///{tmp_path}/cloud.sqlite3")) as store:
        yield Line(store, terms)


def made(line: Line, kind: Kind, **fields: Any) -> str:
    told = {name: str(value) for name, value in fields.items()}
    return line.alerting.book.create(kind, {"name": kind.value, **told}, "ann")[0]


def news(line: Line, count: int = 1) -> None:
    """Something happens, and what is due is sent."""
    line.begin()
    line.clock.ns += 10**9
    line.happen(count)
    line.deliver()


def parcel(line: Line) -> Parcel:
    """What the test button sends."""
    told = Told("x", Topic.PROBLEM, 0, line.clock.ns, "words")
    news = News("Test", [told], {}, is_test=True)
    return Parcel("x", news, "https://seen.example", line.clock.ns)


def refused(line: Line, key: str) -> SendError:
    with pytest.raises(SendError) as raised:
        line.alerting.test(key)
    return raised.value


def test_slack_gets_blocks_and_is_told_its_own_words(line: Line, pem: Pem) -> None:
    with web(pem) as receiver:
        key = made(line, Kind.SLACK, url=f"{receiver.address}/services/T/B/x")
        news(line, 20)
        (got,) = receiver.got
        assert got.path == "/services/T/B/x"
        told = json.loads(got.body)
        kinds = [block["type"] for block in told["blocks"]]
        assert kinds[0] == "header"
        assert len(kinds) <= 50
        assert "20" in told["text"]
        assert "And 5 more" in got.body.decode()
        receiver.replies = [(404, {}, b"no_service")]
        error = refused(line, key)
        assert (str(error), error.is_final) == ("it answers 404: no_service", True)
        receiver.replies = [(404, {}, b"<b>Jane Doe</b>")]
        assert str(refused(line, key)) == "it answers 404"


@pytest.mark.parametrize(
    ("user", "login"),
    [
        ("ann@example.com", f"Basic {b64encode(b'ann@example.com:token').decode()}"),
        ("", "Bearer token"),
    ],
)
def test_jira_gets_an_issue_then_comments_and_a_new_one_if_it_is_gone(
    line: Line, pem: Pem, user: str, login: str
) -> None:
    with web(pem) as receiver:
        told = {"project": "SEC", "issue_type": "Task", "token": "token"}
        made(line, Kind.JIRA, url=receiver.address, user=user, **told)
        first, second = b'{"key": "SEC-1"}', b'{"key": "SEC-2"}'
        receiver.replies = [(201, {}, first), (201, {}, b"{}"), (404, {}, b"{}")]
        receiver.replies += [(201, {}, second)]
        for _ in range(3):
            news(line)
            line.clock.ns += 40 * 10**9
        paths = [got.path.removeprefix("/rest/api/2/issue") for got in receiver.got]
        assert paths == ["", "/SEC-1/comment", "/SEC-1/comment", ""]
        assert {got.headers["authorization"] for got in receiver.got} == {login}
        fields = json.loads(receiver.got[0].body)["fields"]
        assert fields["project"] == {"key": "SEC"}
        assert "{noformat}" in fields["description"]
        assert line.states()[State.SENT] == 3
        wrong = b'{"errors": {"customfield_1": "Jane Doe is needed"}}'
        receiver.replies = [(400, {}, wrong)]
        news(line)
        assert line.states()[State.SENT] + line.states()[State.DEAD] == 4


@pytest.mark.parametrize("transport", ["tcp", "tls", "udp"])
def test_syslog_gets_a_message_for_each_finding(
    line: Line, pem: Pem, transport: str
) -> None:
    with syslog(transport, pem) as receiver:
        where = {"host": "127.0.0.1", "port": receiver.port, "transport": transport}
        made(line, Kind.SYSLOG, **where)
        news(line, 3)
        assert eventually(lambda: len(receiver.got) == (3 if transport == "udp" else 1))
        assert line.states()[State.SENT] == 1
        told = receiver.got if transport == "udp" else list(counted(receiver.got[0]))
    assert len(told) == 3
    for one in told:
        found = SYSLOG.fullmatch(one)
        assert found
        assert int(found[1]) // 8 == 13
        assert json.loads(found[3])["class_uid"] == 2006


def counted(stream: bytes) -> Iterator[bytes]:
    """Messages with their octets counted (RFC 6587, section 3.4.1)."""
    while stream:
        size, _, stream = stream.partition(b" ")
        yield stream[: int(size)]
        stream = stream[int(size) :]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_over_tls_with_a_login(line: Line, pem: Pem, security: str) -> None:
    with post(pem, security, LOGIN) as receiver:
        settings = MAIL | {"port": receiver.port, "security": security}
        right = {"user": LOGIN[0].decode(), "password": LOGIN[1].decode()}
        key = made(line, Kind.MAIL, **settings, **right)
        news(line)
        (raw,) = receiver.got
        assert receiver.logins == [LOGIN]
        got = email.message_from_bytes(raw, policy=email.policy.default)
        assert got["to"] == "ann@example.com"
        assert "Vethscope" in str(got["subject"])
        line.alerting.book.delete(key)
        wrong = made(line, Kind.MAIL, **settings, **right | {"password": "other"})
        error = refused(line, wrong)
        assert (str(error), error.is_final) == ("the login is refused (535)", True)
        assert len(receiver.got) == 1


def test_no_password_goes_to_a_server_without_tls(line: Line) -> None:
    with post() as receiver:
        given = {"user": "vethscope", "password": "a password"}
        where = {"port": receiver.port, "security": "starttls"}
        key = made(line, Kind.MAIL, **MAIL, **where, **given)
        error = refused(line, key)
        assert (error.is_final, "no STARTTLS" in str(error)) == (True, True)
        assert not any((receiver.logins, receiver.got))


@pytest.mark.parametrize("fault", ["stranger", "name", "expired"])
def test_certificates_that_do_not_prove_who_it_is_are_refused(
    line: Line, pem: Pem, tmp_path: Path, fault: str
) -> None:
    authority = Authority("strangers")
    bad = authority.issue(tmp_path / "bad")
    line.alerting.terms = Terms(Reach(allows_loopback=True, authorities=bad.ca))
    if fault == "stranger":
        bad = pem
    elif fault == "name":
        other = x509.IPAddress(ip_address("127.0.0.2"))
        bad = authority.issue(tmp_path / "bad", "other.example", other)
    else:
        bad = authority.issue(tmp_path / "bad", lasts=timedelta(seconds=-5))
    login = {"user": "vethscope", "password": "a password"}
    with (
        web(bad) as receiver,
        syslog("tls", bad) as log,
        post(bad, "starttls") as starting,
    ):
        keys = [
            made(line, Kind.WEBHOOK, url=receiver.address),
            made(line, Kind.SLACK, url=receiver.address),
            made(line, Kind.SYSLOG, host="127.0.0.1", port=log.port, transport="tls"),
            made(line, Kind.MAIL, **MAIL, **login, port=starting.port),
        ]
        for key in keys:
            error = refused(line, key)
            assert "its certificate is not trusted" in str(error)
            assert not error.is_final, "somebody may mend it"
        assert not any((receiver.got, starting.got, starting.logins))
        assert not any(log.got)


def test_receivers_that_hang_cost_a_bounded_time(line: Line, tmp_path: Path) -> None:
    """Taken, and never answered; also in the midst of a greeting, or of TLS."""
    with (
        hung() as port,
        hung(b"220 here\r\n") as greeting,
        hung(b"HTTP/1.1 200") as begun,
    ):
        plain = MAIL | {"security": "none"}
        where = {"host": "127.0.0.1", "port": port}
        keys = [
            made(line, Kind.WEBHOOK, url=f"http://127.0.0.1:{port}"),
            made(line, Kind.WEBHOOK, url=f"https://127.0.0.1:{port}"),
            made(line, Kind.SLACK, url=f"http://127.0.0.1:{begun}"),
            made(line, Kind.MAIL, **plain, port=port),
            made(line, Kind.MAIL, **plain, port=greeting),
            made(line, Kind.SYSLOG, **where, transport="tls"),
        ]

        def tried(key: str) -> tuple[str, bool, float]:
            began, words, is_final = time.monotonic(), "", False
            try:
                line.alerting._sent(key, parcel(line))
            except SendError as error:
                words, is_final = str(error), error.is_final
            return words, is_final, time.monotonic() - began

        with ThreadPoolExecutor(len(keys)) as pool:
            outcomes = list(pool.map(tried, keys))
    assert {outcome[:2] for outcome in outcomes} == {("it took too long", False)}
    assert all(seconds < WHOLE_SECONDS + 2 for *_, seconds in outcomes)


def test_nobody_there_is_told(line: Line) -> None:
    port = closed_port()
    for key in (
        made(line, Kind.WEBHOOK, url=f"http://127.0.0.1:{port}"),
        made(line, Kind.SYSLOG, host="127.0.0.1", port=port, transport="tcp"),
        made(line, Kind.MAIL, **MAIL, port=port, security="none"),
    ):
        error = refused(line, key)
        assert (str(error), error.is_final) == (
            "it cannot be reached: connection refused",
            False,
        )


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.WEBHOOK])
def test_who_asks_to_wait_is_left_alone_so_long(line: Line, kind: Kind) -> None:
    with web() as receiver:
        receiver.replies = [(429, {"Retry-After": "900"})]
        made(line, kind, url=receiver.address)
        news(line)
        line.deliver(899)
        assert len(receiver.got) == 1
        line.deliver(2)
        assert len(receiver.got) == 2
        assert line.states()[State.SENT] == 1


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("120", 120, 120),
        ("99999999999", MOST_AFTER_SECONDS, MOST_AFTER_SECONDS),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("Fri, 01 Jan 1999 00:00:00 GMT", 0, 0),
        (lambda now: format_datetime(now), 50, 60),
    ],
)
def test_retry_after_is_bounded(
    text: str | Callable[[Any], str], least: float, most: float
) -> None:
    if callable(text):
        text = text(datetime.now(UTC) + timedelta(seconds=60))
    assert least <= _after(text) <= most
