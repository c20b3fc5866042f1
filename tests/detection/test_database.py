"""Databases are compiled once and kept."""

import os
from pathlib import Path

import pytest

from detection.catalog import Catalog
from detection.database import KEPT, default_cache, open_database
from detection.finding import Message
from detection.scanner import Scanner
from detection.words import PhraseBook

BODY = Message(body=b'{"badge": 12345}')


def files(cache: Path) -> list[Path]:
    return list(cache.glob("*.hsdb"))


def test_a_cached_database_finds_the_same(small: Catalog, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = Scanner(small, cache).scan([BODY])
    (file,) = files(cache)
    written = file.stat().st_mtime_ns
    assert Scanner(small, cache).scan([BODY]) == first != [[]]
    assert file.stat().st_mtime_ns == written


def test_the_cache_keeps_only_the_newest(small: Catalog, tmp_path: Path) -> None:
    for number in range(KEPT):
        file = tmp_path / f"{number}.hsdb"
        file.touch()
        os.utime(file, ns=(number, number))
    Scanner(small, tmp_path)
    left = {file.name for file in files(tmp_path)}
    assert len(left) == KEPT
    assert "0.hsdb" not in left
    assert f"{KEPT - 1}.hsdb" in left


def test_a_damaged_cache_is_written_again(small: Catalog, tmp_path: Path) -> None:
    Scanner(small, tmp_path)
    (file,) = files(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"?")
    assert Scanner(small, tmp_path).scan([BODY]) != [[]]
    assert file.read_bytes()[:32] == data[:32]


def test_a_foreign_cache_is_not_read(
    small: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Scanner(small, tmp_path)
    (file,) = files(tmp_path)
    inode = file.stat().st_ino
    if os.getuid() == 0:
        os.chown(file, 12345, -1)
    else:
        monkeypatch.setattr("os.getuid", lambda: 12345)
    assert Scanner(small, tmp_path).scan([BODY]) != [[]]
    (file,) = files(tmp_path)
    assert file.stat().st_ino != inode


def test_another_engines_cache_is_compiled_again(
    small: Catalog, tmp_path: Path
) -> None:
    import hashlib

    Scanner(small, tmp_path)
    (file,) = files(tmp_path)
    other = b"not a database" * 9
    file.write_bytes(hashlib.sha256(other).digest() + other)
    assert Scanner(small, tmp_path).scan([BODY]) != [[]]


def test_a_cache_that_cannot_be_written_is_done_without(
    small: Catalog, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    database = open_database(small, PhraseBook(small), blocked / "cache")
    assert database.size() > 0


def test_the_cache_is_below_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_cache() == Path("/x/vethscope")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path("~/.cache/vethscope").expanduser()
