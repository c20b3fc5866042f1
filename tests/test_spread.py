"""Tests are spread so that those who share the machine's networks do not meet."""

import re
from pathlib import Path

import pytest

from tests.spread import ALONE

ROOT = Path(__file__).parents[1]
OF_THE_MACHINE = re.compile(
    r"\b(own_network|privileged: None|node: Node|kafka: KafkaNode|cluster: ApiServer)\b"
)
APART = ("tests/cluster/", "tests/image/", "tests/load/")
"""Runs of their own."""
REPORT = """
import os
def test_one(record_property): record_property("by", os.environ["PYTEST_XDIST_WORKER"])
def test_two(record_property): record_property("by", os.environ["PYTEST_XDIST_WORKER"])
"""


def test_who_uses_what_the_machine_has_once_is_alone() -> None:
    files = [
        file
        for file in ROOT.glob("tests/**/test_*.py")
        if file.name != "test_spread.py"
    ]
    names = [
        str(file.relative_to(ROOT))
        for file in files
        if OF_THE_MACHINE.search(file.read_text())
    ]
    assert len(names) > 10
    assert not [name for name in names if not name.startswith(ALONE + APART)]


def test_those_alone_are_one_after_another_in_the_first_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest('pytest_plugins = ["tests.spread"]')
    files = ("tests/netns/test_a.py", "tests/kafka/test_b.py", "tests/test_c.py")
    for name in files:
        file = pytester.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(REPORT)
    flags = ("-n", "2", "-p", "no:cacheprovider", "--junit-xml", "told.xml")
    pytester.runpytest_subprocess(*flags).assert_outcomes(passed=6)
    told = (pytester.path / "told.xml").read_text()
    found = re.findall(r'classname="(.*?)".*?name="by" value="(.*?)"', told, re.S)
    by = {
        file: {who for where, who in found if file in where}
        for file in ("test_a", "test_b", "test_c")
    }
    assert by["test_a"] == by["test_b"] == {"gw0"}
