"""Databases of earlier versions, of others, and upgrades that are interrupted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine

from cloud.errors import StoreError
from cloud.pages import coverage, overview
from cloud.store import migrations, schema
from cloud.store.store import Store
from tests.cloud.packages import offsets, package

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
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(sa.text("DROP TABLE alembic_version"))
        for statement in OLD:
            connection.execute(sa.text(statement))
    return engine


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
    def is_ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name != "alembic_version"

    with engine.begin() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": is_ours}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_upgrade_from_version_1_keeps_data(first: Engine, database_url: str) -> None:
    store = Store(database_url)
    try:
        with store.reading() as connection:
            seen = overview.report(connection)
            covered = coverage.summary(connection)
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


def _break_last_step(patched: pytest.MonkeyPatch) -> None:
    """After all of the upgrade was done, before its end."""

    def upgrade(connection: Connection) -> None:
        migrations.upgrade(connection)
        connection.execute(sa.text("SELECT 1 FROM nowhere"))

    patched.setattr("cloud.store.store.upgrade", upgrade)


def test_database_of_another_program_is_left_untouched(
    engine: Engine, database_url: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE clusters (name TEXT)"))
    with pytest.raises(StoreError, match="another program"):
        Store(database_url)
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
