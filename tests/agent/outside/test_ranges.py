"""Addresses in ranges have the name of the smallest."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.cluster.names import NamesError
from agent.outside import ranges
from agent.outside.ranges import Ranges

TEXT = """
[[range]]
name = "office"
addresses = ["192.0.2.0/24", "2001:db8:1::/48", "198.51.100.7"]
[[range]]
name = "office, printers"
addresses = ["192.0.2.128/25"]
"""


def load(tmp_path: Path, text: str) -> Ranges:
    file = tmp_path / "ranges.toml"
    file.write_text(text)
    return Ranges.load(str(file))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "office"),
        ("192.0.2.129", "office, printers"),
        ("198.51.100.7", "office"),
        ("198.51.100.8", ""),
        ("2001:db8:1:2::3", "office"),
        ("2001:db8:2::3", ""),
    ],
)
def test_the_smallest_range_names(tmp_path: Path, address: str, name: str) -> None:
    assert load(tmp_path, TEXT).name(ip_address(address).packed) == name


def test_without_a_file_nothing_has_a_name() -> None:
    assert Ranges.load("").name(bytes(4)) == ""


@pytest.mark.parametrize(
    "text",
    [
        '[[range]]\nname = "a"\naddresses = ["x/8"]',
        "[[range]]\nname = 1",
        '[[range]]\nname = "a\\u0000"\naddresses = []',
        "[[other]]",
    ],
)
def test_mistakes_name_the_setting(tmp_path: Path, text: str) -> None:
    with pytest.raises(NamesError, match=r"addresses\.ranges_file"):
        load(tmp_path, text)


def test_there_are_so_many_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "MOST_RANGES", 3)
    with pytest.raises(NamesError, match="more than 3"):
        load(tmp_path, TEXT)
