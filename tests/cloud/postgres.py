"""A PostgreSQL server of the tests' own: Debian's programs, a fresh cluster.

PostgreSQL refuses to run as root, so root lends it Debian's `postgres` user. The server
trusts all who reach it, keeps nothing safe, and is gone with the fixture.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.ports import free_port

START_SECONDS = 30
USER = "postgres"
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    if _programs() is None:
        return "PostgreSQL's server programs are not installed (Debian: postgresql)"
    if os.geteuid() == 0 and not (_has_user() and shutil.which("setpriv")):
        return "as root PostgreSQL needs the user postgres, and setpriv (util-linux)"
    return ""


class Postgres:
    """A running server; use as a context. Its files are in `within`, if that is
    given."""

    def __init__(self, within: Path | None = None) -> None:
        self._within = within

    def __enter__(self) -> "Postgres":
        made = tempfile.mkdtemp(prefix="vethscope-postgres-", dir=self._within)
        self._directory = Path(made)
        if os.geteuid() == 0:
            shutil.chown(self._directory, USER)
        self._data = self._directory / "data"
        try:
            self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-N")
            self.port = free_port()
            self.start()
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self._directory)

    def start(self) -> None:
        command = [
            *("postgres", "-D", str(self._data), "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            *("-c", "fsync=off", "-c", "shared_buffers=16MB"),
        ]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                unprivileged(command), stdout=log, stderr=log, cwd=self._directory
            )
        self._wait()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def take_no_writes(self) -> None:
        """As a standby that clients are led to: all who come now may only read."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            name = "ALTER DATABASE postgres SET default_transaction_read_only = on"
            connection.execute(name)
            connection.execute(_END_OTHERS)

    def take_writes(self) -> None:
        """As before."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(
                "ALTER DATABASE postgres RESET default_transaction_read_only"
            )
            connection.execute(_END_OTHERS)

    def stop(self, mode: str = "fast") -> None:
        """As an administrator does in a hurry: clients are cut off."""
        if self._process.poll() is None:
            self._run("pg_ctl", "stop", "-D", str(self._data), "-m", mode)
        self._process.wait(START_SECONDS)

    def emptied(self) -> str:
        """The URL of the database, with nothing and nobody in it any more."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self.url

    @property
    def url(self) -> str:
        """Of the database, as the cloud's settings have it."""
        return self.address.replace("postgresql:", "postgresql+psycopg:")

    @property
    def address(self) -> str:
        """The same, as PostgreSQL's own programs have it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.address, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        self._process.kill()
        raise RuntimeError((self._directory / "log").read_text())

    def _run(self, *command: str) -> None:
        subprocess.run(
            unprivileged(command),
            check=True,
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
            timeout=START_SECONDS,
        )


def unprivileged(command: Sequence[str]) -> list[str]:
    """One of PostgreSQL's programs, so that it does not run as root."""
    programs = _programs()
    assert programs
    full = [str(programs / command[0]), *command[1:]]
    if os.geteuid() != 0:
        return full
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *full]


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _has_user() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True
