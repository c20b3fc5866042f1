"""The plain twins of the C helpers."""

import subprocess
import sys

from rings import memory

DATA = b"\x01\x02\x03\x04Text"


def test_numbers_are_read_in_both_byte_orders() -> None:
    assert memory.read_be16(DATA, 0) == 0x0102
    assert memory.read_le16(DATA, 0) == 0x0201
    assert memory.read_be32(DATA, 0) == 0x01020304
    assert memory.read_le32(DATA, 0) == 0x04030201


def test_copies_are_independent_bytes() -> None:
    target = bytearray(b"a")
    memory.append(target, memoryview(DATA), 4, 6)
    assert target == b"aTe"
    assert memory.copy(memoryview(DATA), 4, 8) == b"Text"


def test_a_swapped_key_is_the_other_directions() -> None:
    assert memory.swapped(b"clntsrvrCcSs") == b"srvrclntSsCc"
    assert memory.swapped(memory.swapped(bytes(range(36)))) == bytes(range(36))


def test_an_octet_is_found_only_within_its_bounds() -> None:
    assert memory.find_byte(DATA, 4, 0, 8) == 3
    assert memory.find_byte(DATA, 4, 0, 3) == -1
    assert memory.find_byte(DATA, 4, 5, 5) == -1


def test_the_shorter_of_two_may_begin_the_other() -> None:
    assert memory.begins(DATA, 4, 6, b"Text")
    assert memory.begins(DATA, 4, 8, b"Te")
    assert not memory.begins(DATA, 4, 6, b"Tx")
    assert memory.begins(DATA, 4, 4, b"Tx")


def test_comparisons_look_at_whole_literals() -> None:
    assert memory.equals(DATA, 4, 8, b"Text")
    assert not memory.equals(DATA, 4, 7, b"Text")
    assert memory.starts_with(DATA, 4, 8, b"Te")
    assert not memory.starts_with(DATA, 7, 8, b"tt")
    assert memory.equals_folded(DATA, 4, 8, b"text")
    assert not memory.equals_folded(DATA, 4, 8, b"texts")


def test_no_read_goes_past_the_end_of_captured_memory() -> None:
    """In a process of its own: it would end by a signal."""
    command = [sys.executable, "-m", "tests.rings.guarded", "--rounds", "50"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
