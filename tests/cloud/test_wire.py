"""Elements are counted as the parser would make them."""

import random

import pytest

from cloud.doors.clusters import wire
from cloud.errors import RefusedError
from tests.cloud import packages
from tests.cloud.packages import endpoint, package, place


@pytest.fixture(autouse=True)
def always_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SMALL_BYTES", 0)


def test_lawful_package_passes() -> None:
    wire.check(packages.shop().SerializeToString())


def test_largest_lawful_package_passes() -> None:
    rows = [endpoint("/", [place(), place()]) for _ in range(10_000)]
    wire.check(package(endpoints=rows).SerializeToString())


@pytest.mark.parametrize("key", [b"\x22", b"\x2a", b"\x32"])
def test_too_many_elements_are_refused(key: bytes) -> None:
    with pytest.raises(RefusedError, match="more than 150000 elements"):
        wire.check(key + b"\0" + (key + b"\0") * 150_000)


def test_too_many_within_an_element_are_refused() -> None:
    inner = b"\x72\0" * 150_001
    length = bytes(
        [len(inner) & 127 | 128, len(inner) >> 7 & 127 | 128, len(inner) >> 14]
    )
    with pytest.raises(RefusedError):
        wire.check(b"\x2a" + length + inner)


def test_whatever_comes_the_count_ends() -> None:
    chance = random.Random(3)
    for _ in range(2_000):
        wire.check(chance.randbytes(chance.randint(0, 60)))
