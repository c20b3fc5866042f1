"""Databases of earlier versions, of others, and upgrades that are interrupted."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData

from cloud.alerts.tables import metadata as tables_of_alerts
from cloud.digest.tables import metadata as tables_of_digest
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.ledger import Ledger
from cloud.doors.tables import metadata as tables_of_doors
from cloud.doors.visitors.people import People, User
from cloud.errors import StoreError
from cloud.pages import overview
from cloud.pages.coverage import shares
from cloud.pages.map.tables import metadata as tables_of_map
from cloud.pages.today.tables import metadata as tables_of_today
from cloud.policies.tables import metadata as tables_of_policies
from cloud.store import migrations, schema
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Role
from tests.cloud.packages import offsets, package
from tests.cloud.running import KILLS

OLD = (
    "INSERT INTO schema_version VALUES (1)",
    "INSERT INTO clusters VALUES ('local', 7, 'sha256:1', 100, 900)",
    "INSERT INTO offsets VALUES ('local', 'topic', 0, 55, 3)",
    "INSERT INTO workloads VALUES (1, 'local', 'shop', 'Deployment', 'api'),"
    " (2, 'local', 'web', 'Deployment', 'gateway')",
    "INSERT INTO endpoints VALUES"
    " (10, 1, 80, 'GET', '/a', 5, 5, 1, 2, 0, 0, 0, 5, 0, 0, 0, 3, 100, 900)",
    "INSERT INTO traffic VALUES (10, 2, 5, 5, 1, 2, 0, 0, 0, 5, 0, 0, 0, 3, 100, 900)",
    "INSERT INTO places VALUES (20, 10, 2, 1, 1, '$.a', 'contact.email', 3, 5, 4,"
    " 100, 900), (21, 10, 2, 1, 1, '$.b', 'id.us_ssn', 3, 2, 1, 100, 900)",
    "INSERT INTO coverage VALUES (30, 'local', 'n', 1, 1, 'paired', 60, 100, 900),"
    " (31, 'local', 'n', 1, 1, 'tls', 40, 100, 900)",
)

SECRET = "a" * 43
OLD_DOORS = (
    "CREATE TABLE doors_version (version INTEGER PRIMARY KEY)",
    "INSERT INTO doors_version VALUES (1)",
    "CREATE TABLE door_keys (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL,"
    " owner TEXT NOT NULL, role TEXT NOT NULL, digest {bytes} NOT NULL,"
    " created_ns BIGINT NOT NULL, used_ns BIGINT NOT NULL, expires_ns BIGINT NOT NULL)",
    "CREATE INDEX ix_door_keys_owner ON door_keys (owner)",
    "CREATE TABLE door_users (name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL,"
    " password TEXT NOT NULL, created_ns BIGINT NOT NULL)",
    "CREATE TABLE door_audit (id {serial} NOT NULL PRIMARY KEY, at_ns BIGINT NOT NULL,"
    " who TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL,"
    " subject TEXT NOT NULL)",
    "INSERT INTO door_users VALUES ('ann', 'editor', 'x', 5)",
    "INSERT INTO door_audit (at_ns, who, address, action, subject)"
    " VALUES (7, 'ann', '', 'login', '')",
)
"""The doors' tables as they made themselves, before they were migrated."""


UPGRADING = """
import os, signal, sys
from sqlalchemy import Engine, event
from cloud.store.store import Store
last, ran = int(sys.argv[2]), 0

def count(*_):
    global ran
    ran += 1
    if ran == last:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "before_cursor_execute", count)
Store(sys.argv[1]).close()
"""
"""Upgrades a database, and dies before its nth statement."""


MOST_STATEMENTS = 100
"""An upgrade has more."""
STEP = max(20 // KILLS, 1)
"""Statements between two at which it fails: with VETHSCOPE_KILLS=20 it does at each."""


@pytest.fixture
def database_url(empty_url: str) -> str:
    return empty_url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = sa.create_engine(database_url)
    if made.dialect.name == "sqlite":
        sa.event.listen(
            made, "connect", lambda c, _: setattr(c, "isolation_level", None)
        )
        sa.event.listen(made, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    yield made
    made.dispose()


@pytest.fixture
def first(engine: Engine) -> Engine:
    """A database as version 1 left it."""
    with engine.begin() as connection:
        make(connection, "0001")
        connection.execute(sa.text("DROP TABLE alembic_version"))
        for statement in OLD:
            connection.execute(sa.text(statement))
    return engine


def make(connection: Connection, version: str) -> None:
    """The store's tables of a version."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def make_doors(connection: Connection) -> None:
    """With a key that holds, one with a name, and a line of the audit log."""
    is_sqlite = connection.dialect.name == "sqlite"
    words = {
        "bytes": "BLOB" if is_sqlite else "BYTEA",
        "serial": "INTEGER" if is_sqlite else "SERIAL",
    }
    for statement in OLD_DOORS:
        connection.execute(sa.text(statement.format(**words)))
    digest = hashlib.sha256(SECRET.encode()).digest()
    key = (
        "INSERT INTO door_keys VALUES ('0123456789ab', 'vsc', 'local', '', :d, 1, 2, 0)"
    )
    connection.execute(sa.text(key), {"d": digest})


def everything() -> MetaData:
    """The tables of all rooms."""
    whole = MetaData()
    for metadata in (
        schema.metadata,
        tables_of_alerts,
        tables_of_digest,
        tables_of_doors,
        tables_of_map,
        tables_of_policies,
        tables_of_today,
    ):
        for table in metadata.sorted_tables:
            table.to_metadata(whole)
    return whole


def compare(connection: Connection) -> Any:
    """What differs from the tables of this program."""

    def is_ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name != "alembic_version"

    context = MigrationContext.configure(connection, opts={"include_object": is_ours})
    return compare_metadata(context, everything())


def tables(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return {
            name: connection.exec_driver_sql(
                f"SELECT COUNT(*) FROM {name}"
            ).scalar_one()
            for name in sa.inspect(connection).get_table_names()
        }


def test_new_database_has_the_tables_of_the_schema(
    store: Store, engine: Engine
) -> None:
    with engine.begin() as connection:
        assert compare(connection) == []


def test_upgrade_from_version_1_keeps_data(first: Engine, database_url: str) -> None:
    assert_kept(database_url)


def assert_kept(database_url: str) -> None:
    """What version 1 knew, in the tables of this one."""
    store = Store(database_url)
    try:
        with store.reading() as connection:
            seen = overview.report(connection)
            covered = shares.summary(connection)
        assert (seen.endpoints, seen.workloads, seen.pairs) == (1, 2, 5)
        assert [one.data_type for one in seen.data_types] == ["contact.email"]
        assert seen.data_types[0].endpoints == 1
        [edge] = seen.edges
        assert (edge.endpoints, edge.pairs, edge.data_types[0].count) == (1, 5, 4)
        assert covered.captured_share == pytest.approx(0.6)
        assert seen.losses.records == 3
        assert store.resume("local", "topic", [0]) == {0: 55}
        assert store.add(package(offsets(55, 56, topic="topic")))
    finally:
        store.close()


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_doors_that_made_themselves_are_taken_over(
    engine: Engine, database_url: str, version: str
) -> None:
    with engine.begin() as connection:
        make(connection, version)
        make_doors(connection)
    with closing(Ledger(database_url)) as ledger:
        people = People(ledger)
        assert people.all() == [User("ann", Role.EDITOR, EVERYTHING)]
        assert Tokens(ledger).owner(f"vsc_0123456789ab_{SECRET}") == "local"
        people.remove("ann", "test")
        told = [line.action for line in ledger.audited(9)]
        assert told == ["login", "user removed"]
    assert "doors_version" not in tables(engine)
    with engine.begin() as connection:
        assert compare(connection) == []


def test_interrupted_upgrade_of_doors_has_not_begun(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        make(connection, "0003")
        make_doors(connection)
    before = tables(engine)
    with monkeypatch.context() as patched:
        _break_last_step(patched)
        for opening in (Store, Ledger):
            with pytest.raises(StoreError):
                opening(database_url)
    assert tables(engine) == before
    Ledger(database_url).close()
    assert tables(engine)["door_keys"] == 1


def test_doors_of_another_version_are_left_untouched(
    engine: Engine, database_url: str
) -> None:
    with engine.begin() as connection:
        make(connection, "0003")
        make_doors(connection)
        connection.execute(sa.text("UPDATE doors_version SET version = 2"))
    before = tables(engine)
    for opening in (Store, Ledger):
        with pytest.raises(StoreError, match="version 2"):
            opening(database_url)
    assert tables(engine) == before


def test_interrupted_upgrade_has_not_begun(
    first: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(first)
    with monkeypatch.context() as patched:
        _break_last_step(patched)
        with pytest.raises(StoreError):
            Store(database_url)
    assert tables(first) == before
    Store(database_url).close()
    assert tables(first)["places"] == 2


def test_upgrade_that_fails_at_any_statement_has_not_begun(
    first: Engine, database_url: str
) -> None:
    before = tables(first)
    failing = 1
    while (outcome := _upgrade(database_url, failing)) is not None:
        assert "stopped here" in str(outcome)
        assert tables(first) == before, failing
        failing += STEP
    assert failing > MOST_STATEMENTS
    assert_kept(database_url)


def _upgrade(database_url: str, failing: int) -> StoreError | None:
    """Opens a store whose nth statement fails; gives what came of it."""
    ran = 0

    def count(*_: object) -> None:
        nonlocal ran
        ran += 1
        if ran == failing:
            cause = Exception("stopped here")
            raise sa.exc.OperationalError("", None, cause)

    sa.event.listen(Engine, "before_cursor_execute", count)
    try:
        Store(database_url).close()
    except StoreError as error:
        return error
    finally:
        sa.event.remove(Engine, "before_cursor_execute", count)
    return None


def test_killed_while_it_migrates(first: Engine, database_url: str) -> None:
    before = tables(first)
    for number in range(KILLS):
        last = 1 + number * MOST_STATEMENTS // KILLS
        command = [sys.executable, "-c", UPGRADING, database_url, str(last)]
        assert subprocess.run(command, timeout=60, check=False).returncode == -9
        assert tables(first) == before
    assert_kept(database_url)


VERSIONS = [f"000{number}" for number in range(1, 7)]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_earlier_version_becomes_this_one(
    engine: Engine, database_url: str, version: str
) -> None:
    with engine.begin() as connection:
        make(connection, version)
        if version == "0001":
            connection.execute(sa.text("DROP TABLE alembic_version"))
            connection.execute(sa.text("INSERT INTO schema_version VALUES (1)"))
    Store(database_url).close()
    with engine.begin() as connection:
        assert compare(connection) == []


def test_what_agents_told_is_told_of_their_nodes(
    engine: Engine, database_url: str
) -> None:
    with engine.begin() as connection:
        make(connection, "0012")
        for statement in (
            "INSERT INTO agents VALUES ('eu', 'a', '1', '6.8', 'ready', 2, 10, 20),"
            " ('eu', 'b', '2', '6.9', 'stopped', 1, 30, 40)",
            "INSERT INTO nodes VALUES ('eu', 'a', 5, 6, 1, 4), ('us', 'a', 7, 8, 2, 3)",
        ):
            connection.execute(sa.text(statement))
    Store(database_url).close()
    with engine.begin() as connection:
        wanted = sa.select(schema.nodes).order_by("cluster", "node")
        assert [tuple(row) for row in connection.execute(wanted)] == [
            ("eu", "a", 5, 6, 1, 4, "1", "6.8", "ready", 2, 10, 20),
            ("eu", "b", 40, 40, 40, 40, "2", "6.9", "stopped", 1, 30, 40),
            ("us", "a", 7, 8, 2, 3, "", "", "", 0, 0, 0),
        ]


def _break_last_step(patched: pytest.MonkeyPatch) -> None:
    """After all of the upgrade was done, before its end."""

    def upgrade(connection: Connection) -> None:
        migrations.upgrade(connection)
        connection.execute(sa.text("SELECT 1 FROM nowhere"))

    patched.setattr("cloud.store.store.upgrade", upgrade)
    patched.setattr("cloud.doors.ledger.upgrade", upgrade)


def test_database_of_another_program_is_left_untouched(
    engine: Engine, database_url: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE clusters (name TEXT)"))
    for opening in (Store, Ledger):
        with pytest.raises(StoreError, match="another program"):
            opening(database_url)
    assert tables(engine) == {"clusters": 0}


@pytest.mark.parametrize("table", ["schema_version", "alembic_version"])
def test_database_of_another_version_is_left_untouched(
    engine: Engine, database_url: str, table: str
) -> None:
    column = "version INTEGER" if table == "schema_version" else "version_num TEXT"
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {table} ({column})"))
        connection.execute(sa.text(f"INSERT INTO {table} VALUES ('99')"))
    with pytest.raises(StoreError, match="version 99"):
        Store(database_url)
    assert tables(engine) == {table: 1}


def test_values_in_answers_are_told_from_those_in_requests(
    database_url: str, first: Engine
) -> None:
    answer = (
        "INSERT INTO places VALUES (22, 10, 2, 2, 1, '$.a', 'contact.email', 3, 5, 6,"
        " 100, 900)"
    )
    with first.begin() as connection:
        connection.execute(sa.text(answer))
    Store(database_url).close()
    with first.begin() as connection:
        found = connection.execute(sa.select(schema.edge_types)).all()
    assert [tuple(row) for row in found] == [(2, 1, "contact.email", 3, 10, 6)]
