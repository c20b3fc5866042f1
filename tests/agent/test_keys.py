"""The key file: order kept, wrong content told by line and never shown."""

import base64
from pathlib import Path

import pytest

from agent.keys import MOST_BYTES, KeyFileError, read_keys

FIRST, SECOND = b"\x01" * 32, b"\xff" * 32


def key_file(folder: Path, *keys: bytes, mode: int = 0o600) -> str:
    """A file as an operator would make it."""
    file = folder / "keys"
    file.write_bytes(b"".join(base64.b64encode(key) + b"\n" for key in keys))
    file.chmod(mode)
    return str(file)


def written(folder: Path, content: bytes) -> str:
    file = key_file(folder)
    Path(file).write_bytes(content)
    return file


def why(file: str) -> str:
    with pytest.raises(KeyFileError) as caught:
        read_keys(file)
    assert caught.value.__cause__ is None
    return str(caught.value).removeprefix("kafka.encryption_key_file: ")


def test_keys_keep_their_order(tmp_path: Path) -> None:
    assert read_keys(key_file(tmp_path, FIRST, SECOND)) == (FIRST, SECOND)
    assert read_keys(key_file(tmp_path, SECOND, FIRST)) == (SECOND, FIRST)


def test_empty_lines_and_foreign_line_ends_do_not_matter(tmp_path: Path) -> None:
    line = base64.b64encode(FIRST)
    assert read_keys(written(tmp_path, b"\r\n  " + line + b"\t\r\n\r\n")) == (FIRST,)
    assert read_keys(written(tmp_path, line)) == (FIRST,)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_every_wrong_line_is_named_and_none_shown(tmp_path: Path, size: int) -> None:
    good, wrong = base64.b64encode(FIRST), base64.b64encode(b"A" * size) + b"="
    told = why(written(tmp_path, b"\n".join((good, wrong, b"", b"canary", b"\xff"))))
    assert told == "line 2, 4, 5: must be 32 bytes in base64, each once"


def test_a_key_given_twice_is_a_mistake(tmp_path: Path) -> None:
    assert why(key_file(tmp_path, FIRST, SECOND, FIRST)).startswith("line 1, 3: ")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    assert why(written(tmp_path, content)).startswith("holds no key")


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_file_open_to_all_is_refused(tmp_path: Path, mode: int) -> None:
    assert why(key_file(tmp_path, FIRST, mode=mode)).startswith("is open to all")


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o660])
def test_owner_and_group_may_have_it(tmp_path: Path, mode: int) -> None:
    assert read_keys(key_file(tmp_path, FIRST, mode=mode)) == (FIRST,)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    assert "longer" in why(written(tmp_path, b"\n" * (MOST_BYTES + 1)))


def test_a_key_taken_for_its_file_is_not_shown(tmp_path: Path) -> None:
    key = base64.b64encode(FIRST).decode()
    assert key not in why(key)
    assert why(key * 9) == "cannot be read: File name too long"
    assert why(str(tmp_path)).startswith("no such file")
