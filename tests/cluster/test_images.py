"""An image is made anew when its sources change, and only then."""

from pathlib import Path

import pytest

from tests.cluster import images


def test_what_was_built_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "ROOT", tmp_path)
    source = tmp_path / "agent"
    source.mkdir()
    (source / "cli.py").write_text("a")
    before = images._digest([source])
    (source / "cli.so").write_text("built")
    assert images._digest([source]) == before
    (source / "cli.py").write_text("b")
    assert images._digest([source]) != before
