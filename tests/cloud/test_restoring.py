"""What was revoked stays revoked when a copy of the store is put back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from cloud.doors.clusters.tokens import Tokens
from cloud.doors.ledger import Ledger
from cloud.doors.restoring import keep_doors
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.errors import StoreError, UnknownError
from cloud.store.backup import backup, restore
from cloud.store.store import Store
from cloud.visitor import Role

PASSWORD = "correct horse battery"


class Doors(NamedTuple):
    tokens: Tokens
    people: People
    visits: Visits
    ledger: Ledger

    @property
    def actions(self) -> list[str]:
        return [line.action for line in self.ledger.audited(100)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/cloud.sqlite3"


def opened(url: str) -> Doors:
    ledger = Ledger(url)
    people = People(ledger)
    return Doors(Tokens(ledger), people, Visits(ledger, people, Attempts()), ledger)


@pytest.fixture
def doors(url: str) -> Iterator[Doors]:
    Store(url).close()
    found = opened(url)
    yield found
    found.ledger.close()


def id_of(key: str) -> str:
    return key.split("_")[1]


def test_what_was_revoked_since_opens_nothing(
    doors: Doors, url: str, tmp_path: Path
) -> None:
    token, kept = (doors.tokens.create("local", "test") for _ in range(2))
    key = doors.visits.make_api_key("robot", Role.VIEWER, 60, "test")
    for name in ("ann", "bob", "eve"):
        doors.people.add(name, Role.ADMIN, PASSWORD, "test")
    left = doors.visits.log_in("bob", PASSWORD, "") or ""
    backup(url, tmp_path / "copy")
    doors.tokens.revoke(id_of(token), "test")
    doors.visits.end_api_key(id_of(key), "test")
    doors.visits.end(id_of(left), "test")
    doors.people.remove("ann", "test")
    doors.people.add("eve", Role.VIEWER, PASSWORD + "2", "test")
    new = doors.tokens.create("other", "test")
    before = doors.actions
    restore(url, tmp_path / "copy", keep_doors("command"))
    with pytest.raises(UnknownError):
        doors.tokens.owner(token)
    assert doors.visits.program(key) is None
    assert doors.visits.visitor(left) is None
    assert not doors.people.is_password("ann", PASSWORD)
    assert not doors.people.is_password("eve", PASSWORD)
    roles = {user.name: user.role for user in doors.people.all()}
    assert roles == {"bob": Role.ADMIN, "eve": Role.VIEWER}
    assert doors.tokens.owner(kept) == "local"
    assert doors.tokens.owner(new) == "other"
    assert doors.actions == [*before, "store restored"]
    assert doors.ledger.audited(1)[0].who == "command"


def test_a_lost_database_gets_its_people_and_keys_back(
    doors: Doors, url: str, tmp_path: Path
) -> None:
    token = doors.tokens.create("local", "test")
    doors.people.add("ann", Role.ADMIN, PASSWORD, "test")
    visit = doors.visits.log_in("ann", PASSWORD, "") or ""
    link = doors.visits.link()
    backup(url, tmp_path / "copy")
    for lost in (f"sqlite:///{tmp_path}/none.sqlite3", fresh(tmp_path)):
        restore(lost, tmp_path / "copy", keep_doors("command"))
        found = opened(lost)
        with closing(found.ledger):
            assert found.tokens.owner(token) == "local"
            assert found.people.is_password("ann", PASSWORD)
            assert found.visits.visitor(visit) is None
            assert found.visits.enter(link, "") is None
            assert "link of another" not in found.actions
            assert "store restored" in found.actions


def fresh(folder: Path) -> str:
    """A database that somebody began anew with after the loss."""
    url = f"sqlite:///{folder}/fresh.sqlite3"
    Store(url).close()
    doors = opened(url)
    with closing(doors.ledger):
        doors.visits.note("x", "link of another", "", "")
    return url


def test_a_copy_of_before_the_doors_takes_nothing_away(
    doors: Doors, url: str, tmp_path: Path
) -> None:
    backup(url, tmp_path / "copy")
    token = doors.tokens.create("local", "test")
    restore(url, tmp_path / "copy", keep_doors("command"))
    assert doors.tokens.owner(token) == "local"


def test_the_audit_log_may_have_forgotten_the_copy(
    doors: Doors, url: str, tmp_path: Path
) -> None:
    """Lines leave after 100,000: a log that begins later goes on from it."""
    token = doors.tokens.create("local", "test")
    backup(url, tmp_path / "copy")
    doors.tokens.revoke(id_of(token), "test")
    with closing(sqlite3.connect(tmp_path / "cloud.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM door_audit WHERE id = 1")
    restore(url, tmp_path / "copy", keep_doors("command"))
    with pytest.raises(UnknownError):
        doors.tokens.owner(token)


def test_a_database_that_cannot_say_what_was_revoked_is_not_replaced(
    doors: Doors, url: str, tmp_path: Path
) -> None:
    backup(url, tmp_path / "copy")
    other = tmp_path / "other.sqlite3"
    other.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="move it away"):
        restore(f"sqlite:///{other}", tmp_path / "copy", keep_doors("command"))
    assert other.read_bytes().startswith(b"no database")
