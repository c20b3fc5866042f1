"""All that a cloud sends to people, at real receivers: alerts of every way, digests.

In: a cloud in use, by its dashboard and its database. Out: what each receiver got.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa

from cloud.alerts.tables import State, cursors, deliveries
from cloud.digest.posting import Posting
from cloud.digest.subscriptions import Rhythm, choose
from cloud.digest.tables import subscriptions
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import People
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Role
from tests.cloud.alerts.receivers import Log, Post, Web, post, syslog, web
from tests.waiting import eventually

CHANNELS = "/administration/alerts/channels"
FILE = "siem.jsonl"
NO_MONEY = """
policies:
  - id: no-money
    title: No money
    severity: high
    deny: {data: {types: financial.*}}
"""
DAYS_NS = 2 * 86_400 * 10**9


class Received(NamedTuple):
    """Who may get something."""

    hook: Web
    slack: Web
    jira: Web
    postbox: Post
    stream: Log
    datagrams: Log
    folder: Path

    def by_way(self) -> dict[str, bytes]:
        """Way → all that came, headers too."""
        webs = {"webhook": self.hook, "slack": self.slack, "jira": self.jira}
        found = {
            way: b"\0".join(
                "\0".join((got.path, *got.headers.values())).encode() + got.body
                for got in one.got
            )
            for way, one in webs.items()
        }
        found["mail"] = b"\0".join(self.postbox.got)
        found["syslog"] = b"\0".join(self.stream.got)
        found["syslog by udp"] = b"\0".join(self.datagrams.got)
        file = self.folder / FILE
        found["file"] = file.read_bytes() if file.exists() else b""
        return found


@contextmanager
def receiving(
    dashboard: str, key: Callable[[Role], str], url: str, folder: Path
) -> Iterator[Received]:
    """Sets a channel of each way up, and a policy that much breaks; from now on they
    are told what is new."""
    with (
        web() as hook,
        web() as slack,
        web() as jira,
        post() as postbox,
        syslog("tcp") as stream,
        syslog("udp") as datagrams,
    ):
        jira.replies = [(201, {}, b'{"key": "SEC-1"}')] * 1_000
        host = {"host": "127.0.0.1"}
        sender = {"sender": "v@example.com", "recipients": "ann@example.com"}
        issue = {"project": "SEC", "issue_type": "Task", "token": "token"}
        channels: list[Mapping[str, object]] = [
            {"kind": "webhook", "url": hook.address},
            {"kind": "slack", "url": slack.address},
            {"kind": "jira", "url": jira.address} | issue,
            {"kind": "mail", "port": postbox.port, "security": "none"} | host | sender,
            {"kind": "syslog", "port": stream.port, "transport": "tcp"} | host,
            {"kind": "syslog", "port": datagrams.port, "transport": "udp"} | host,
            {"kind": "file", "file": FILE},
        ]
        admin = key(Role.ADMIN)
        for number, form in enumerate(channels):
            _send(dashboard, admin, CHANNELS, {"name": f"channel {number}", **form})
        _send(dashboard, admin, "/policies", {"document": NO_MONEY})
        _send(dashboard, admin, "/policies/no-money/switch", {"is_on": "yes"})
        with closing(Store(url)) as store:
            assert eventually(lambda: _count(store, cursors) == 2)
        yield Received(hook, slack, jira, postbox, stream, datagrams, folder)


def _send(dashboard: str, key: str, path: str, form: Mapping[str, object]) -> None:
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/x-www-form-urlencoded",
    }
    netloc = urlsplit(dashboard).netloc
    with closing(HTTPConnection(netloc, timeout=10)) as connection:
        connection.request("POST", path, urlencode(form), headers)
        assert connection.getresponse().status == 303, form


def send_digest(url: str, dashboard: str) -> None:
    """Somebody's digest, of the last two days, goes to the channel of mail."""
    with closing(Store(url)) as store, closing(Ledger(url)) as ledger:
        people = People(ledger)
        people.invite("ann", Role.VIEWER, EVERYTHING, "test")
        with ledger.writing() as connection:
            choice = (Rhythm.DAILY, 0, "digest@example.com")
            choose(connection, "ann", choice, time.time_ns())
            of = subscriptions.c
            back = {"told_ns": of.told_ns - DAYS_NS, "due_ns": of.due_ns - DAYS_NS}
            connection.execute(sa.update(subscriptions).values(back))
        Posting(store, people, dashboard).look()


def await_sent(url: str) -> None:
    """Until nothing is on its way."""
    under_way = deliveries.c.state.in_((State.GATHERING, State.WAITING))
    with closing(Store(url)) as store:
        assert eventually(lambda: _count(store, deliveries) > 0)
        assert eventually(lambda: _count(store, deliveries, under_way) == 0, 60)


def _count(store: Store, table: sa.Table, *of: sa.ColumnElement[bool]) -> int:
    with store.reading() as connection:
        counted = sa.select(sa.func.count()).select_from(table).where(*of)
        return connection.scalar(counted) or 0
