"""Killed again and again while it stores or rolls up: all is there, once.

`VETHSCOPE_KILLS=20 python -m pytest tests/cloud -k killed` kills so often, also while
it migrates (`test_migrations`).
"""

import random
import threading
import time
from contextlib import closing
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa

from cloud.store import schema
from cloud.store.facts import amounts_of, seen_of
from cloud.store.schema import DAY, HOURS, LEVELS, MINUTES
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud.dying import KILLED, ROLL_UP, dying
from tests.cloud.packages import (
    SECOND,
    START,
    TOPIC,
    coverage,
    endpoint,
    offsets,
    package,
    place,
)
from tests.cloud.running import KILLS
from tests.cloud.test_program import end, start
from tests.cloud.test_store import content
from tests.cloud.test_windows import totals
from tests.ports import free_port

NOW = START // SECOND
SENT = 6 * KILLS + 60
PATHS = 20 + 2 * KILLS
"""Each hour has slices left for as many kills, four commits in the mean before each."""


def sent(number: int) -> c.Package:
    """Old names and new ones, and of some the first sight is news."""
    at = START + (number - SENT) * 150 * SECOND
    at -= at % (300 * SECOND)
    found = [place(path=f"$.f{number % 50}"), place(f"a.t{number % 7}")]
    rows = [endpoint(f"/{number % 40}", found, at=at)]
    told = [coverage({"paired": 5, "tls": number}, at=at)]
    covered = offsets(number, number + 1)
    return package(covered, endpoints=rows, coverage=told, at=at)


def test_killed_while_it_stores(database_url: str, tmp_path: Path) -> None:
    """The sender repeats, as a digger does."""
    listen, collector = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    chance = random.Random(KILLS)
    options = [("grpc.max_reconnect_backoff_ms", 200)]
    child = start(listen, collector, database_url)
    try:
        with grpc.insecure_channel(collector, options) as channel:
            stub = CollectorStub(channel)
            stored = threading.Semaphore(0)
            sender = threading.Thread(target=_send_all, args=(stub, stored))
            sender.start()
            for _ in range(KILLS):
                for _ in range(5):
                    assert stored.acquire(timeout=30)
                time.sleep(chance.random() / 20)
                child.kill()
                end(child)
                child = start(listen, collector, database_url)
            sender.join(60)
            assert not sender.is_alive()
            asked = c.ResumeRequest(cluster="local", topic=TOPIC, partitions=[0])
            assert dict(stub.Resume(asked).next) == {0: SENT}
    finally:
        child.kill()
        end(child)
    assert_as_if_nothing_happened(database_url, tmp_path)


def assert_as_if_nothing_happened(url: str, tmp_path: Path) -> None:
    """Row for row what a store holds that was left alone."""
    with (
        closing(Store(url)) as killed,
        closing(Store(f"sqlite:///{tmp_path}/whole.sqlite3")) as whole,
    ):
        for number in range(SENT):
            assert whole.add(sent(number))
        found, expected = _timeless(killed), _timeless(whole)
    assert len(expected["changes"]) > 40
    for name in expected:
        assert found[name] == expected[name], name


def _timeless(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Without what tells when it was stored, and with documents read."""
    rows = content(store)
    del rows["job"], rows["moments"]
    for name, read in (("traffic", seen_of), ("coverage", amounts_of)):
        for level in LEVELS:
            table = f"{name}_{level.name}"
            rows[table] = [(*row[:-1], read(row[-1])) for row in rows[table]]  # type: ignore[arg-type]
    for stored in schema.metadata.sorted_tables:
        for column in {"stored_ns", "heard_ns"} & set(stored.c.keys()):
            at = list(stored.c.keys()).index(column)
            told = rows[stored.name]
            rows[stored.name] = sorted((*row[:at], *row[at + 1 :]) for row in told)
    return rows


def _send_all(collector: CollectorStub, stored: threading.Semaphore) -> None:
    for number in range(SENT):
        while True:
            try:
                collector.Send(sent(number), timeout=5, wait_for_ready=True)
            except grpc.RpcError:
                continue
            break
        stored.release()


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_killed_while_it_rolls_up(database_url: str, is_after: bool) -> None:
    """Before or after a commit; what is rolled up grows meanwhile."""
    with closing(Store(database_url, clock=lambda: NOW)) as store:
        for hour in range(20):
            at = (NOW - 5 * DAY + hour * 3_600) * SECOND
            many = [endpoint(f"/{n}", [place()], at=at) for n in range(PATHS)]
            told = [coverage({"paired": 5}, at=at)]
            store.add(package(offsets(hour, hour + 1), endpoints=many, coverage=told))
        before = totals(store)
        assert before == (20 * PATHS, 20 * PATHS, 100)
        halves = 0
        for number in range(KILLS):
            last = 2 + number % 5 if is_after else 3
            assert dying(ROLL_UP, database_url, last, is_after, NOW) == KILLED
            assert totals(store) == before
            halves += 0 < _count(store, HOURS.traffic) < 20 * PATHS
        assert halves or not is_after
        assert _count(store, MINUTES.traffic)
        assert dying(ROLL_UP, database_url, 0, False, NOW) == 0
        assert totals(store) == before
        assert not _count(store, MINUTES.traffic)


def _count(store: Store, table: sa.Table) -> int:
    with store.reading() as connection:
        counted = sa.select(sa.func.count()).select_from(table)
        return connection.execute(counted).scalar_one()
