"""What a cloud needs before a test begins, made cheaply.

Databases have the program's tables and nothing in them: the steps that make these are
done once by each process of tests, and copied. Passwords are kept by the same algorithm
with the least work; programs that tests start as others do the whole.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from cloud.doors.visitors import people
from cloud.store.store import Store
from tests.cloud.postgres import Postgres

_TEMPLATE = "vethscope"


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Each cloud makes one at its start, for names that nobody has."""
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "PasswordHasher", cheap)
        yield


def sqlite(database_url: str) -> None:
    """Makes the file, if the URL is that of a file that is not there."""
    url = sa.make_url(database_url)
    if url.drivername == "sqlite" and url.database and not Path(url.database).exists():
        Path(url.database).write_bytes(_file())


def postgres(server: Postgres) -> str:
    """The URL of the server's database, made anew."""
    with _administering(server) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]
        )
        if found.fetchone() is None:
            Store(server.emptied()).close()
            connection.execute(f"ALTER DATABASE postgres RENAME TO {_TEMPLATE}")
        connection.execute("DROP DATABASE IF EXISTS postgres WITH (FORCE)")
        # Without fsync there is no faster way, and none that writes less.
        connection.execute(
            f"CREATE DATABASE postgres TEMPLATE {_TEMPLATE} STRATEGY file_copy"
        )
    return server.url


@cache
def _file() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "cloud.sqlite3"
        Store(f"sqlite:///{file}").close()
        return file.read_bytes()


@contextmanager
def _administering(server: Postgres) -> Iterator[psycopg.Connection]:
    address = server.address.rpartition("/")[0] + "/template1"
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        yield connection
