"""The store: one transaction, exact offsets, the same on both databases."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.errors import (
    OverlapError,
    RefusedError,
    StoreError,
    UnavailableError,
)
from cloud.store import schema
from cloud.store.store import Store
from tests.cloud import packages
from tests.cloud.packages import START, TOPIC, endpoint, offsets, package
from tests.cloud.postgres import Postgres


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as connection:
        return {
            table.name: sorted(
                tuple(row) for row in connection.execute(sa.select(table))
            )
            for table in schema.metadata.sorted_tables
        }


def pairs(store: Store) -> int:
    with store.reading() as connection:
        total = sa.select(sa.func.coalesce(sa.func.sum(schema.endpoints.c.pairs), 0))
        return int(connection.execute(total).scalar_one())


def test_new_package_is_stored_once(store: Store) -> None:
    assert store.add(packages.shop())
    once = content(store)
    assert not store.add(packages.shop())
    assert content(store) == once
    assert len(once["endpoints"]) == 5
    assert len(once["traffic"]) == 6


def test_earlier_package_again_is_a_duplicate(store: Store) -> None:
    for first in (0, 10, 20):
        assert store.add(package(offsets(first, first + 10), endpoints=[endpoint()]))
    assert not store.add(package(offsets(0, 10), endpoints=[endpoint()]))
    assert not store.add(package(offsets(5, 25), endpoints=[endpoint()]))
    assert pairs(store) == 3


def test_package_stored_in_part_is_refused_and_told_where_to_resume(
    store: Store,
) -> None:
    store.add(package(offsets(0, 10), endpoints=[endpoint()]))
    before = content(store)
    with pytest.raises(OverlapError, match=f"{TOPIC} partition 0 at 10"):
        store.add(package(offsets(5, 15), endpoints=[endpoint()]))
    assert content(store) == before


def test_one_stored_partition_refuses_the_whole_package(store: Store) -> None:
    store.add(package(offsets(0, 10, partition=1)))
    before = content(store)
    with pytest.raises(OverlapError, match=f"{TOPIC} partition 1 at 10$"):
        store.add(package(offsets(0, 10, partition=1), offsets(0, 5, partition=2)))
    assert content(store) == before


def test_skipped_records_are_counted(store: Store) -> None:
    store.add(package(offsets(0, 10)))
    assert store.add(package(offsets(14, 20, follows=10)))
    assert store.add(package(offsets(21, 22, follows=20)))
    [(_, _, _, following, skipped)] = content(store)["offsets"]
    assert (following, skipped) == (22, 5)


def test_a_gap_that_is_not_declared_is_refused(store: Store) -> None:
    store.add(package(offsets(0, 10)))
    before = content(store)
    for covered in (offsets(14, 20), offsets(14, 20, follows=12)):
        with pytest.raises(OverlapError, match=f"{TOPIC} partition 0 at 10"):
            store.add(package(covered, endpoints=[endpoint()]))
    assert content(store) == before


def test_a_log_that_lost_its_end_starts_over_once(store: Store) -> None:
    store.add(package(offsets(0, 100), endpoints=[endpoint()]))
    started_over = package(offsets(60, 60, follows=100))
    assert store.add(started_over)
    assert not store.add(started_over)
    assert store.add(package(offsets(60, 80), endpoints=[endpoint()]))
    assert not store.add(started_over)
    [(_, _, _, following, skipped)] = content(store)["offsets"]
    assert (following, skipped, pairs(store)) == (80, 0, 2)


def test_first_package_of_a_partition_may_start_anywhere(store: Store) -> None:
    assert store.add(package(offsets(1_000, 1_001)))
    assert store.resume("local", TOPIC, [0]) == {0: 1_001}
    [(*_, skipped)] = content(store)["offsets"]
    assert skipped == 0


def test_empty_range_changes_nothing_and_hides_nothing(store: Store) -> None:
    assert store.add(package(offsets(0, 3), offsets(7, 7, partition=1)))
    assert store.resume("local", TOPIC, [0, 1]) == {0: 3}
    assert not store.add(package(offsets(0, 3), offsets(9, 9, partition=1)))


def test_resume_tells_only_what_was_asked_and_stored(store: Store) -> None:
    store.add(package(offsets(0, 10), offsets(3, 7, partition=5)))
    store.add(package(offsets(0, 99), cluster="other"))
    store.add(package(offsets(0, 55, topic="vethscope.coverage")))
    assert store.resume("local", TOPIC, [0, 5, 9]) == {0: 10, 5: 7}
    assert store.resume("local", TOPIC, [9]) == {}
    assert store.resume("other", TOPIC, range(10)) == {0: 99}
    assert store.resume("local", "vethscope.coverage", [0]) == {0: 55}


def test_counts_add_up_and_times_widen(store: Store) -> None:
    later = START + 3_600 * packages.SECOND
    found = packages.place(count=3)
    store.add(package(offsets(0, 1), endpoints=[endpoint(places=[found], at=later)]))
    store.add(package(offsets(1, 2), endpoints=[endpoint(places=[found])]))
    stored = content(store)
    [place] = stored["places"]
    assert place[-5:] == (6, 0, 0, START, later + packages.SECOND)
    assert stored["endpoints"][0][-3:] == (START, later + packages.SECOND, 0)
    assert stored["clusters"][0][1] == 2


def test_endpoint_keeps_its_highest_sensitivity(store: Store) -> None:
    store.add(packages.shop())
    store.add(package(offsets(900, 901), endpoints=[endpoint("/payments")]))
    with store.reading() as connection:
        kept = sa.select(schema.endpoints.c.sensitivity).where(
            schema.endpoints.c.path == "/payments"
        )
        assert sorted(connection.execute(kept).scalars()) == [0, 3]


def test_same_endpoint_has_the_same_key_in_every_database(tmp_path: Path) -> None:
    keys = []
    for name in ("one", "two"):
        opened = Store(f"sqlite:///{tmp_path}/{name}.sqlite3")
        opened.add(packages.shop())
        keys.append([row[0] for row in content(opened)["endpoints"]])
        opened.close()
    assert keys[0] == keys[1]


def test_concurrent_senders_lose_and_double_nothing(store: Store) -> None:
    """Twenty packages of four partitions, each sent twice at the same time."""
    start = threading.Barrier(8)

    def send(partition: int) -> None:
        start.wait(10)
        for first in range(5):
            covered = offsets(first, first + 1, partition)
            sent = package(covered, endpoints=[endpoint(), endpoint("/orders")])
            while True:
                try:
                    store.add(sent)
                except UnavailableError:
                    continue
                break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, [0, 1, 2, 3] * 2))
    assert pairs(store) == 40
    assert store.resume("local", TOPIC, range(4)) == dict.fromkeys(range(4), 5)


def test_what_was_stored_is_there_after_a_restart(database_url: str) -> None:
    first = Store(database_url)
    first.add(packages.shop())
    before = content(first)
    first.close()
    second = Store(database_url)
    assert content(second) == before
    assert not second.add(packages.shop())
    second.close()


def test_failure_within_a_package_leaves_nothing_of_it(
    store: Store, database_url: str
) -> None:
    """The last table fails, after offsets and endpoints were written."""
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE clusters RENAME TO away"))
    with pytest.raises(UnavailableError):
        store.add(packages.shop())
    assert store.resume("local", TOPIC, [0]) == {}
    assert pairs(store) == 0
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO clusters"))
    engine.dispose()
    assert store.add(packages.shop())


def test_several_may_create_the_tables_at_once(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for opened in list(pool.map(Store, [empty_url] * 4)):
            opened.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("rubbish", "not understood"),
        ("oracle+nothing://x", "not understood"),
        ("mysql+mysqldb://x", "must name sqlite or postgresql"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:////nowhere/at/all.sqlite3", "unable to open"),
        ("postgresql://u:secret@127.0.0.1:1/x", r"u:\*\*\*@127.0.0.1"),
    ],
)
def test_unusable_database_url_is_one_clear_line(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as raised:
        Store(url)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are not tables\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{file}")


def test_locked_sqlite_is_unavailable_and_later_works(tmp_path: Path) -> None:
    file = tmp_path / "cloud.sqlite3"
    opened = Store(f"sqlite:///{file}")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="try again"):
        opened.add(packages.shop())
    assert pairs(opened) == 0, "readers are not kept waiting"
    other.execute("ROLLBACK")
    other.close()
    assert opened.add(packages.shop())
    opened.close()


def test_sqlite_is_durable_and_readers_only_read(tmp_path: Path) -> None:
    opened = Store(f"sqlite:///{tmp_path}/cloud.sqlite3")
    with opened.reading() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "query_only", "synchronous")
        ]
    assert settings == ["wal", 1, 2]
    opened.close()


def test_postgresql_away_at_start_is_waited_for(postgres: Postgres) -> None:
    url = postgres.emptied()
    postgres.stop()
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Store, url, stop=stop)
        try:
            assert not opening.done()
        finally:
            postgres.start()
        opened = opening.result(30)
        assert opened.add(packages.shop())
        opened.close()


def test_waiting_for_a_database_ends_with_the_program() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
        Store("postgresql://u@127.0.0.1:1/x", stop=stop)


def test_a_package_that_cannot_be_stored_never_harms_its_group(
    store: Store,
) -> None:
    """Both wait while a job holds the writer, so they come in one group."""
    gate = threading.Event()

    def job(_: sa.Connection) -> bool:
        return not gate.wait(10)

    held = store._writer.run(job)
    bad = endpoint("/bad")
    bad.server_port = 1 << 31
    good = store.submit(package(offsets(0, 1), endpoints=[endpoint()]))
    wrong = store.submit(package(endpoints=[bad], cluster="other"))
    again = store.submit(package(offsets(0, 1), endpoints=[endpoint()]))
    gate.set()
    assert not held.result(10)
    assert good.result(10)
    assert not again.result(10)
    if store._database.is_sqlite:
        assert wrong.result(10), "SQLite takes any whole number"
    else:
        with pytest.raises(RefusedError, match="cannot be stored"):
            wrong.result(10)


def test_postgresql_away_is_unavailable_and_later_works(postgres: Postgres) -> None:
    opened = Store(postgres.emptied())
    opened.add(package(offsets(0, 1), endpoints=[endpoint()]))
    postgres.stop()
    try:
        with pytest.raises(UnavailableError, match="try again"):
            opened.add(package(offsets(1, 2), endpoints=[endpoint()]))
        with pytest.raises(UnavailableError):
            opened.resume("local", TOPIC, [0])
    finally:
        postgres.start()
    assert opened.add(package(offsets(1, 2), endpoints=[endpoint()]))
    assert pairs(opened) == 2
    opened.close()
