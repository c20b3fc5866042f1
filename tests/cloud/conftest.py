"""Stores on SQLite and on a real PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.store.store import Store
from tests.cloud import packages, prepared
from tests.cloud.company import at_work
from tests.cloud.postgres import Postgres, missing
from tests.cloud.running import Cloud


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with prepared.cheap_passwords():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of our own on loopback; without one the test is skipped."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_server(request: pytest.FixtureRequest) -> Postgres | None:
    """Of each kind of database; SQLite has none."""
    if request.param == "sqlite":
        return None
    found: Postgres = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def empty_url(database_server: Postgres | None, tmp_path: Path) -> str:
    """A database of each kind, without tables."""
    if database_server is None:
        return f"sqlite:///{tmp_path}/cloud.sqlite3"
    return database_server.emptied()


@pytest.fixture
def database_url(database_server: Postgres | None, tmp_path: Path) -> str:
    """A database of each kind, with our tables and nothing in them."""
    if database_server is None:
        url = f"sqlite:///{tmp_path}/cloud.sqlite3"
        prepared.sqlite(url)
        return url
    return prepared.postgres(database_server)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A running cloud with nothing in it."""
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3") as running:
        yield running


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A running cloud that knows a small shop; tests only read it."""
    directory = tmp_path_factory.mktemp("shop")
    with Cloud(f"sqlite:///{directory}/cloud.sqlite3") as running:
        running.collector.Send(packages.shop(), timeout=10)
        yield running


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A running cloud of two clusters with two namespaces each."""
    with at_work(tmp_path_factory.mktemp("company")) as running:
        yield running
