"""The audit of what we run with sees what it is there for."""

from email.message import Message
from pathlib import Path

import pytest

from tests import audit
from tests.ports import free_port

HASHED = "a==1 \\\n    --hash=sha256:00\nb-c==2 ; x > '3' \\\n    --hash=sha256:11\n"


def test_what_we_have_passes() -> None:
    assert list(audit.faults()) == []


def test_requirement_without_a_hash_is_told() -> None:
    assert list(audit.unhashed(HASHED)) == []
    assert list(audit.unhashed(HASHED + "d==4\n")) == ["d==4: has no hash"]
    assert audit.pinned(HASHED) == {"a": {"1"}, "b-c": {"2"}}


def test_another_version_than_the_lock_s_is_told() -> None:
    lock = {"a": {"0", "1"}, "b": {"1", "2"}}
    [line] = audit.strays(lock, {"a": "1", "b": "3", "c": "4"})
    assert line == "b: 3 is installed, the lock says 1 or 2"


@pytest.mark.parametrize(
    ("name", "text", "is_free"),
    [
        ("License-Expression", "Apache-2.0 OR BSD-3-Clause", True),
        ("License", "MIT License\n\nCopyright …", True),
        ("Classifier", "License :: OSI Approved :: BSD License", True),
        ("License-Expression", "AGPL-3.0-only", False),
        ("License-Expression", "GPL-3.0-or-later", False),
        ("License", "Proprietary", False),
        ("Summary", "MIT", False),
    ],
)
def test_licences_are_those_that_let_us(name: str, text: str, is_free: bool) -> None:
    metadata = Message()
    metadata[name] = text.replace("\n", " ")
    assert bool(audit._FREE.search(audit.licence(metadata))) is is_free


def test_service_out_of_reach_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"a==1 --hash=sha256:{'0' * 64}\n")
    found, unknown = audit.looked_up(lock)
    assert found == []
    assert unknown == (
        "vulnerabilities were not looked up: the service does not answer"
    )


def test_what_was_not_looked_up_is_not_good() -> None:
    known = {"id": "PYSEC-1", "fix_versions": ["3"]}
    told = {
        "dependencies": [
            {"name": "a", "version": "1", "vulns": []},
            {"name": "b", "version": "2", "vulns": [known]},
            {"name": "c", "skip_reason": "not found"},
        ]
    }
    assert audit.vulnerable(told) == (["b 2: PYSEC-1, see 3"], ["c"])
