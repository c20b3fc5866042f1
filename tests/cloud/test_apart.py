"""Pages made by a process of their own: the same pages, whatever becomes of it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.pages.apart import apart
from cloud.pages.apart.messages import Wanted, encode
from cloud.pages.site import PAGES
from cloud.pages.today.tables import marks
from cloud.restoring import keep_all
from cloud.store.backup import backup, restore
from cloud.store.database import Database
from cloud.visitor import Role, read_scope
from proto.v1 import collector_pb2 as c
from tests.cloud import packages, prepared
from tests.cloud.postgres import Postgres
from tests.cloud.running import WAIT_SECONDS, Cloud
from tests.cloud.test_migrations import make
from tests.ports import free_port
from tests.waiting import busyness, eventually, freeze

ASKED = [
    path
    for page in PAGES
    if "{" not in page.path and page.path != "/coverage/node"
    for path in (page.path, page.api)
]
KEPT = ("/api/v1/types", "/api/v1/map?level=workloads", "/api/v1/endpoints")
READER = b"cloud.pages.apart.reader"
CHILD = """
import sys, threading
from cloud.program import serve
listen, collector, url = sys.argv[1:]
told = lambda opened: print(opened.address, flush=True)
serve(listen, collector, url, threading.Event(), told, is_apart=True)
"""


def readers(parent: int) -> list[int]:
    """The processes of pages that it has, by their ids."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    children = [pid for made in tasks for pid in made.read_text().split()]
    return [int(pid) for pid in children if is_reader(int(pid))]


def is_reader(pid: int) -> bool:
    try:
        return READER in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_pages_are_the_same(database_url: str) -> None:
    with Cloud(database_url, is_apart=True) as cloud:
        cloud.collector.Send(packages.shop())
        answers = {path: cloud.get(path).status for path in ASKED}
        assert answers == dict.fromkeys(ASKED, 200)
        assert cloud.get("/api/v1/overview").json()["pairs"] == 908
        table = cloud.get("/api/v1/endpoints?format=csv")
        assert table.headers["content-type"].startswith("text/csv")
        assert cloud.get("/endpoints/12").status == 404
        assert cloud.get("/api/v1/endpoints?page=no").status == 400
        assert cloud.get("/overview", "HEAD").status == 200
        # What the watch saw is told to the process, not looked for by it.
        assert cloud.get("/api/v1/status").json()["store"]["ready"] is True
        # What is no page that is read is answered as ever.
        for path in ("/account", "/administration/users", "/readyz", "/healthz"):
            assert cloud.get(path).status == 200
        assert len(readers(os.getpid())) == 1
        assert cloud.measure("page_process_starts_total") == 1
        assert eventually(lambda: is_look_noted(database_url))
        assert [is_shop_shown(cloud, to) for to in ("local", "elsewhere")] == [
            True,
            False,
        ]
        assert cloud.ask("/overview").status == 303
    assert not readers(os.getpid())


def is_look_noted(database_url: str) -> bool:
    """Whether the look at Today came to the writer."""
    with closing(Database(database_url)) as database, database.reading() as connection:
        counted = sa.select(sa.func.count()).select_from(marks)
        return connection.scalar(counted) == 1


def is_shop_shown(cloud: Cloud, limits: str) -> bool:
    """To somebody who may see these clusters."""
    with closing(Ledger(cloud.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        scope = read_scope(limits)
        key = visits.make_api_key(limits, Role.VIEWER, 60, "a test", scope)
    headers = {"authorization": f"Bearer {key}"}
    report = cloud.ask("/api/v1/endpoints", headers=headers).json()
    return bool(report["endpoints"])


def test_process_that_dies_or_hangs_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "AGAIN_SECONDS", 0.1)
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3", is_apart=True) as cloud:
        (first,) = readers(os.getpid())
        os.kill(first, signal.SIGTERM)
        assert cloud.get("/overview").status == 200
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: cloud.get("/overview").status == 200)
        (second,) = readers(os.getpid())
        assert second != first
        monkeypatch.setattr(apart, "MAKING_SECONDS", 0.2)
        freeze(second)
        answer = cloud.get("/overview")
        assert answer.status == 503
        assert "Try again" in answer.text
        # The doors and the collector do not need it.
        assert cloud.get("/readyz").status == 200
        assert not cloud.collector.Send(packages.shop()).duplicate
        monkeypatch.undo()
        assert eventually(lambda: cloud.get("/overview").status == 200)
        assert cloud.measure("page_process_starts_total") == 3


def test_all_are_told_soon_where_no_process_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They wait together, not one behind the other."""
    for name, seconds in (("AGAIN_SECONDS", 0.1), ("START_SECONDS", 2.0)):
        monkeypatch.setattr(apart, name, seconds)
    with (
        Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3", is_apart=True) as cloud,
        ThreadPoolExecutor(24) as pool,
    ):
        (reader,) = readers(os.getpid())
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/bin/false")
            os.kill(reader, signal.SIGKILL)
            assert eventually(lambda: not is_reader(reader))
            began = time.monotonic()
            answers = list(pool.map(cloud.get, ["/overview"] * 24))
            took = time.monotonic() - began
            assert {answer.status for answer in answers} == {503}
            assert all("Try again" in answer.text for answer in answers)
            # One behind the other they would take six times two seconds.
            assert took < 3 * busyness()
            assert cloud.get("/readyz").status == 200
        monkeypatch.setattr(apart, "START_SECONDS", 30.0)
        assert eventually(lambda: cloud.get("/overview").status == 200)


def test_who_asks_while_processes_are_killed_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "AGAIN_SECONDS", 0.1)
    stop = threading.Event()
    with (
        Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3", is_apart=True) as cloud,
        ThreadPoolExecutor(8) as pool,
    ):
        cloud.collector.Send(packages.shop())

        def ask(path: str) -> set[tuple[int, bool]]:
            told = set()
            while not stop.is_set():
                answer = cloud.get(path)
                told.add((answer.status, "Try again" in answer.text))
            return told

        asked = [pool.submit(ask, path) for path in ("/overview", "/map", "/") * 2]
        for _ in range(2):
            (reader,) = readers(os.getpid())
            os.kill(reader, signal.SIGKILL)
            assert eventually(partial(is_there_another, reader))
        assert eventually(lambda: cloud.get("/overview").status == 200)
        stop.set()
        told = set().union(*(one.result() for one in asked))
        assert (200, False) in told
        assert told <= {(200, False), (503, True)}


def is_there_another(gone: int) -> bool:
    return any(one != gone for one in readers(os.getpid()))


@pytest.mark.parametrize("is_apart", [True, False])
def test_a_page_that_fails_says_so_and_quotes_nothing(
    tmp_path: Path, is_apart: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """By a row that no version of ours writes."""
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    with Cloud(url, is_apart=is_apart) as cloud:
        made = packages.shop()
        shop = c.Workload(namespace="shop", kind="Deployment", name="shop-api")
        made.workloads.append(c.WorkloadFacts(workload=shop, owner="canary"))
        cloud.collector.Send(made)
        with closing(sqlite3.connect(tmp_path / "cloud.sqlite3", timeout=30)) as file:
            file.execute("UPDATE workload_facts SET labels = x'ff'")
            file.commit()
        for path in ("/workloads", "/api/v1/workloads"):
            answer = cloud.get(path)
            assert answer.status == 500
            assert "a mistake of Vethscope" in answer.text
            assert "canary" not in answer.text
        assert 'href="/catalog"' in cloud.get("/workloads").text
        assert cloud.get("/overview").status == 200
        if is_apart:
            assert cloud.measure("page_process_starts_total") == 1
    lines = [one.getMessage() for one in caplog.records if one.name == "vethscope"]
    assert any(line.startswith("page: ValidationError in ") for line in lines)
    assert not any("canary" in line for line in lines)


def test_database_that_was_away_is_read_again(postgres: Postgres) -> None:
    """By the same process."""
    with Cloud(prepared.postgres(postgres), is_apart=True) as cloud:
        cloud.collector.Send(packages.shop())
        assert cloud.get("/overview").status == 200
        postgres.stop()
        try:
            answer = cloud.get("/overview")
            assert answer.status == 503
            assert 'href="/' in answer.text
            assert eventually(lambda: "does not answer" in cloud.get("/map").text)
            assert cloud.get("/api/v1/overview").status == 503
        finally:
            postgres.start()
        assert eventually(lambda: cloud.get("/overview").status == 200)
        assert cloud.get("/api/v1/overview").json()["pairs"] == 908
        assert cloud.measure("page_process_starts_total") == 1


def test_database_of_an_earlier_version_is_brought_up_first(tmp_path: Path) -> None:
    """Pages are made from what is there after the migration."""
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        make(connection, "0001")
    engine.dispose()
    with Cloud(url, is_apart=True) as cloud:
        cloud.collector.Send(packages.shop())
        answers = {path: cloud.get(path).status for path in ASKED}
        assert answers == dict.fromkeys(ASKED, 200)


def test_what_was_restored_is_shown(tmp_path: Path) -> None:
    """Also where pages are kept."""
    url, copy = f"sqlite:///{tmp_path}/cloud.sqlite3", tmp_path / "copy"
    with Cloud(url, is_apart=True) as cloud:
        cloud.collector.Send(packages.shop())
        backup(url, copy)
        before = {path: cloud.get(path).json() for path in KEPT}
        found = [packages.place("contact.phone")]
        more = [packages.endpoint("/later", found, client=packages.LEDGER)]
        later = packages.package(packages.offsets(0, 1, partition=7), endpoints=more)
        assert not cloud.collector.Send(later).duplicate
        after = {path: cloud.get(path).json() for path in KEPT}
        assert all(after[path] != before[path] for path in KEPT)
        restore(url, copy, keep_all("test"))
        assert {path: cloud.get(path).json() for path in KEPT} == before
        assert cloud.measure("page_process_starts_total") == 1


def test_end_waits_for_no_page_and_tells_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    is_asked = threading.Event()

    def noted(message: object) -> bytes:
        if isinstance(message, Wanted):
            is_asked.set()
        return encode(message)

    def ask() -> None:
        told.append(cloud.get("/overview").status)

    monkeypatch.setattr(apart, "encode", noted)
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3", is_apart=True) as cloud:
        (reader,) = readers(os.getpid())
        freeze(reader)
        asking = threading.Thread(target=ask)
        asking.start()
        assert is_asked.wait(WAIT_SECONDS)
        began = time.monotonic()
    asking.join()
    assert time.monotonic() - began < 4 * busyness()
    assert told == [503]
    assert not is_reader(reader)


def test_process_goes_with_a_cloud_that_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    command = [sys.executable, "-c", CHILD, "127.0.0.1:0", f"127.0.0.1:{free_port()}"]
    with subprocess.Popen([*command, url], stdout=subprocess.PIPE) as cloud:
        assert cloud.stdout
        assert cloud.stdout.readline().startswith(b"http://")
        (reader,) = readers(cloud.pid)
        cloud.kill()
        assert eventually(lambda: not is_reader(reader))
