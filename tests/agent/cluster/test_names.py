"""Names from a file."""

from pathlib import Path

import pytest

from agent.cluster.addresses import AddressIndex
from agent.cluster.names import NamesError, load

GOOD = """
[[workload]]
namespace = "shop"
name = "orders"
addresses = ["10.1.0.2", "fd00::2"]

[[workload]]
kind = "StatefulSet"
name = "db"
addresses = ["10.1.0.3"]

[[service]]
namespace = "shop"
name = "orders"
addresses = ["10.96.0.12"]
"""


def loaded(directory: Path, text: str) -> AddressIndex:
    file = directory / "names.toml"
    file.write_text(text)
    index = AddressIndex()
    load(file, index)
    return index


def test_names_hold_at_all_times(tmp_path: Path) -> None:
    index = loaded(tmp_path, GOOD)
    ipv6 = bytes.fromhex("fd" + "00" * 14 + "02")
    assert index.find(b"\x0a\1\0\2", 1) == ("shop", "Deployment", "orders")
    assert index.find(ipv6, 2**62) == ("shop", "Deployment", "orders")
    assert index.find(b"\x0a\1\0\3", 1) == ("", "StatefulSet", "db")
    assert index.find(b"\x0a\x60\0\x0c", 1) == ("shop", "Service", "orders")
    assert len(index.snapshot()[1]) == 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[workload]]\nname = 'a'\naddresses = ['10.1']", "'10.1': not an IP address"),
        (
            "[[workload]]\nname = 'a'\naddresses = ['10.1.0.1']\n"
            "[[workload]]\nname = 'b'\naddresses = ['10.1.0.1']",
            "'10.1.0.1': has two owners",
        ),
        ("[[workload]]\naddresses = []", "missing required field `name`"),
        ("[[workload]]\nname = ''\naddresses = []", r"workload\[0\]\.name"),
        ("[[pod]]\nname = 'a'", "unknown field `pod`"),
        ("[[", "names.toml"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(NamesError, match=complaint):
        loaded(tmp_path, text)


def test_all_wrong_addresses_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(NamesError) as raised:
        loaded(tmp_path, "[[service]]\nname = 'a'\naddresses = ['x', 'y']")
    assert len(str(raised.value).splitlines()) == 2


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NamesError, match=r"gone\.toml"):
        load(tmp_path / "gone.toml", AddressIndex())
