"""Copies of a store that is in use, and their way back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.doors.restoring import keep_doors
from cloud.errors import OverlapError, StoreError
from cloud.store.backup import backup, restore
from cloud.store.store import Store
from tests.cloud.packages import TOPIC, endpoint, offsets, package
from tests.cloud.test_store import content


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/cloud.sqlite3"


@pytest.fixture
def used(url: str) -> Iterator[Store]:
    store = Store(url)
    store.add(package(offsets(0, 10), endpoints=[endpoint("/before")]))
    yield store
    store.close()


def test_restored_store_goes_on_from_the_backup(
    used: Store, url: str, tmp_path: Path
) -> None:
    backup(url, tmp_path / "copy")
    before = content(used)
    later = package(offsets(10, 20), endpoints=[endpoint("/later")])
    used.add(later)
    restore(url, tmp_path / "copy", keep_doors("test"))
    after = content(used)
    assert {**after, "job": []} == {**before, "job": []}
    assert used.resume("local", TOPIC, [0]) == {0: 10}
    with pytest.raises(OverlapError, match="at 10"):
        used.add(package(offsets(20, 21)))
    assert used.add(later)
    assert [row[8] for row in content(used)["clusters"]] == [2]
    assert content(used)["clusters"][0][4] == 2, "endpoints are counted anew"


def test_backup_never_replaces_a_file(used: Store, url: str, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        backup(url, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "mine"


def test_what_is_no_backup_is_refused(used: Store, url: str, tmp_path: Path) -> None:
    before = content(used)
    (tmp_path / "notes").write_text("these are not tables\n" * 100)
    for name, words in (("notes", "not a database"), ("nothing", "no such file")):
        with pytest.raises(StoreError, match=words):
            restore(url, tmp_path / name, keep_doors("test"))
    assert content(used) == before


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="pg_dump"):
        backup("postgresql://u@127.0.0.1/x", tmp_path / "copy")
