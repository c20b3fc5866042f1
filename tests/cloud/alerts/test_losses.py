"""Alerts when a cloud is killed in the midst of one, and when a copy is put back."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.alerts import deliveries
from cloud.alerts.restoring import MARK, WAITED_NS
from cloud.alerts.tables import State
from cloud.alerts.tables import deliveries as queue
from cloud.restoring import keep_all
from cloud.store.backup import backup, restore
from cloud.store.store import Store
from tests.cloud.alerts.receivers import Web, web
from tests.cloud.alerts.test_alerting import LOOPBACK, Line
from tests.cloud.running import KILLS
from tests.cloud.test_program import end
from tests.ports import free_port
from tests.waiting import eventually

CHILD = """
import sys, threading
from cloud.alerts import alerting, deliveries
from cloud.alerts.ways.reaching import Reach
from cloud.program import serve
listen, collector, url = sys.argv[1:]
alerting.LOOK_SECONDS = 0.2
deliveries.GATHERED_NS = 10**8
deliveries.CLAIM_NS = 2 * 10**9
terms = alerting.Terms(Reach(allows_loopback=True), b"k" * 32)
told = lambda opened: print(opened.address)
serve(listen, collector, url, threading.Event(), told, terms=terms)
"""
"""A cloud that sends at once, and whose claims end soon."""
HOUR = 3_600.0


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web() as kept:
        yield kept


def start(url: str) -> subprocess.Popen[str]:
    listens = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, *listens, url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline().startswith("http://127.0.0.1:")
    return child


def test_a_cloud_killed_while_it_sends_sends_again_under_the_same_id(
    database_url: str, receiver: Web
) -> None:
    """The receiver has it already, and has not answered yet."""
    with closing(Store(database_url)) as store:
        line = Line(store)
        line.webhook(receiver.address)
        line.begin()
        for _ in range(KILLS):
            receiver.got.clear()
            receiver.hold.clear()
            line.clock.ns = time.time_ns()
            line.happen()
            child = start(database_url)
            try:
                assert eventually(lambda: len(receiver.got) == 1)
                child.kill()
                end(child)
                receiver.hold.set()
                child = start(database_url)
                assert eventually(lambda: len(receiver.got) == 2)
                assert eventually(lambda: line.states()[State.WAITING] == 0)
            finally:
                child.kill()
                end(child)
            assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
            first, second = (json.loads(got.body)["news"] for got in receiver.got)
            assert [one["id"] for one in first] == [one["id"] for one in second]
        assert line.states()[State.SENT] == KILLS


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/cloud.sqlite3"


@pytest.fixture
def line(url: str, receiver: Web) -> Iterator[Line]:
    """One message is sent, one waits."""
    with closing(Store(url)) as store:
        made = Line(store)
        made.webhook(receiver.address)
        made.begin()
        made.clock.ns += 10**9
        made.happen()
        made.deliver()
        receiver.replies = [(500, {})]
        made.happen()
        made.deliver()
        assert len(receiver.got) == 2
        yield made


def test_what_was_sent_since_the_copy_is_not_sent_again(
    line: Line, url: str, receiver: Web, tmp_path: Path
) -> None:
    backup(url, tmp_path / "copy")
    line.deliver(HOUR)
    assert line.states()[State.SENT] == 2
    gone = line.webhook(f"{receiver.address}/gone")
    line.alerting.book.delete(gone)
    restore(url, tmp_path / "copy", keep_all("test", line.clock))
    assert line.states()[State.SENT] == 2
    line.deliver(HOUR)
    assert len(receiver.got) == 3
    assert {got.path for got in receiver.got} == {"/"}


def test_what_is_read_again_after_a_copy_is_told_to_nobody(
    line: Line, url: str, receiver: Web, tmp_path: Path
) -> None:
    backup(url, tmp_path / "copy")
    line.deliver(HOUR)
    line.happen(5)
    happened_ns = line.clock.ns
    line.deliver(HOUR)
    told = len(receiver.got)
    restore(url, tmp_path / "copy", keep_all("test", line.clock))
    line.number -= 5
    line.happen(5, at_ns=happened_ns)
    line.deliver()
    assert len(receiver.got) == told
    line.clock.ns += 10**9
    line.happen(2)
    line.deliver()
    assert len(receiver.got) == told + 1


def test_after_a_loss_what_waited_long_is_marked_and_people_decide(
    line: Line, url: str, receiver: Web, tmp_path: Path
) -> None:
    backup(url, tmp_path / "copy")
    old, young = (f"sqlite:///{tmp_path}/{name}.sqlite3" for name in ("old", "young"))
    line.clock.ns += 60 * 10**9
    restore(young, tmp_path / "copy", keep_all("test", line.clock))
    line.clock.ns += WAITED_NS
    restore(old, tmp_path / "copy", keep_all("test", line.clock))
    sent = len(receiver.got)
    with closing(Store(old)) as store:
        late = Line(store, LOOPBACK)
        late.clock.ns = line.clock.ns
        late.deliver(HOUR)
        assert len(receiver.got) == sent
        assert late.states()[State.DEAD] == 1
        with store.reading() as connection:
            row = connection.execute(
                sa.select(queue).where(queue.c.state == State.DEAD)
            ).one()
        assert row.reason == MARK
        assert late.do(lambda c: deliveries.again(c, row.id, late.clock.ns))
        late.deliver()
        assert len(receiver.got) == sent + 1
    with closing(Store(young)) as store:
        soon = Line(store, LOOPBACK)
        soon.clock.ns = line.clock.ns
        soon.deliver(HOUR)
        assert len(receiver.got) == sent + 2
        ids = [got.headers["webhook-id"] for got in receiver.got]
        assert ids[-1] == ids[-2] == row.id
