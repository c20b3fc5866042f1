"""What a build of kube-apiserver tells, and where it cannot be built."""

import os
from pathlib import Path

import pytest

from tests.kubernetes import building
from tests.kubernetes.building import PACKAGE, TELL_SECONDS, Progress


def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    now = 0.0
    told: list[str] = []
    progress = Progress(told.append, lambda: now)
    for package in ("a", "b", "c", PACKAGE):
        progress.expect(package)
    progress.see("a")
    assert not told
    now = TELL_SECONDS
    progress.see("b")
    assert told == ["2 of at most 4 packages compiled, 15 s"]
    progress.see(PACKAGE)
    assert told[1] == "3 of at most 4 packages compiled, 15 s, linking"


@pytest.mark.parametrize(("is_ci", "status"), [("true", 1), ("", 0)])
def test_what_is_missing_is_told_and_fails_only_where_all_must_run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    is_ci: str,
    status: int,
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setenv("CI", is_ci)
    assert building.main() == status
    told = capsys.readouterr().err
    assert told == (
        "set-up: kube-apiserver: its tests are skipped: etcd is not installed\n"
    )


def test_an_old_go_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name in ("etcd", "openssl", "go"):
        (tmp_path / name).write_text("#!/bin/sh\necho go1.19.8\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    building.main()
    assert "go is older than 1.21" in capsys.readouterr().err


def test_a_failed_build_is_told_with_the_last_words_of_go(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name in ("etcd", "openssl", "go"):
        (tmp_path / name).write_text("#!/bin/sh\necho no network\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    assert building.main() == 1
    assert "go list failed:\nno network" in capsys.readouterr().err
