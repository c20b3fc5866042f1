"""Stores on SQLite and on a real PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.store.store import Store
from tests.cloud import packages
from tests.cloud.postgres import Postgres, missing
from tests.cloud.running import Cloud


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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cloud.sqlite3"
    server: Postgres = request.getfixturevalue("postgres")
    return server.emptied()


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
