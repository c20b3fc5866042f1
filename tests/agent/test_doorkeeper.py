"""The commands of who keeps the cloud's doors, as a user types them."""

import io
from pathlib import Path

import pytest

from agent.cli import main

PASSWORD = "correct horse battery"


class Keeper:
    """Runs commands on one database."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = f"sqlite:///{folder}/cloud.sqlite3"
        self._capsys = capsys

    def __call__(self, words: str, status: int = 0) -> list[list[str]]:
        """The lines of output, split at tabs; of standard error if it fails."""
        database = ["--cloud-database-url", self._url]
        assert main(["cloud", *words.split(), *database]) == status
        told = self._capsys.readouterr()
        text = told.err if status else told.out
        return [line.split("\t") for line in text.splitlines()]


@pytest.fixture
def keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keeper:
    return Keeper(tmp_path, capsys)


def test_tokens_are_created_listed_rotated_and_revoked(keep: Keeper) -> None:
    [[first]] = keep("token create shop")
    [[second]] = keep("token create shop")
    assert first.startswith("vsc_")
    assert first != second
    [[why]] = keep("token create shop", status=1)
    assert why == "vethscope: cloud: the cluster has 2 tokens: revoke one first"
    listed = keep("token list")
    assert [row[1] for row in listed] == ["shop", "shop"]
    assert not any(first in cell for row in listed for cell in row)
    keep(f"token revoke {listed[0][0]}")
    assert [row[0] for row in keep("token list")] == [listed[1][0]]
    keep("token create shop")
    [[why]] = keep("token revoke 0", status=1)
    assert why.startswith("vethscope: cloud: there is none of this id")


def test_users_are_added_with_a_password_from_standard_input(
    keep: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nshort\n"))
    keep("user add ann --role admin")
    assert keep("user list") == [["ann", "admin", "-"]]
    [[why]] = keep("user add bob", status=1)
    assert "10 to 200 characters" in why
    keep("user remove ann")
    assert keep("user list") == []
    actions = [line[3] for line in keep("audit")]
    assert actions == ["user set", "user removed"]


def test_keys_and_links_are_printed_once(keep: Keeper) -> None:
    [[key]] = keep("key create robot --role viewer --days 7")
    assert key.startswith("vsa_")
    [[name, owner, role, *_]] = keep("key list")
    assert (owner, role) == ("robot", "viewer")
    keep(f"key revoke {name}")
    assert keep("key list") == []
    [[link]] = keep("link")
    assert link.startswith("http://127.0.0.1:8080/enter?link=vsl_")
    assert keep("visit list") == []


@pytest.mark.parametrize("words", ["token", "user add", "key create a --role king"])
def test_bad_usage_ends_with_status_2(words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cloud", *words.split()])
    assert ended.value.code == 2


def test_a_foreign_database_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cloud.sqlite3"
    file.write_text("no database, but long enough to be looked at as if it were one")
    assert Keeper(tmp_path, capsys)("token list", status=1)
    assert file.read_text().startswith("no database")
