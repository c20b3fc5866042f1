"""Allowances of clusters, in a time of the test's own."""

import pytest

from cloud.doors.clusters import rates
from cloud.doors.clusters.rates import Limits, Rates
from cloud.errors import BusyError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_packages_fill_up_evenly() -> None:
    clock = Clock()
    allowed = Rates(Limits(packages=60, rows=1_000), clock)
    for _ in range(60):
        allowed.take("a", 1)
    with pytest.raises(BusyError):
        allowed.take("a", 1)
    clock.now = 1.5
    allowed.take("a", 1)
    with pytest.raises(BusyError):
        allowed.ask("a")


def test_rows_beyond_are_owed() -> None:
    clock = Clock()
    allowed = Rates(Limits(packages=1_000, rows=600), clock)
    allowed.take("a", 900)
    clock.now = 29
    with pytest.raises(BusyError):
        allowed.take("a", 1)
    clock.now = 31
    allowed.take("a", 1)


def test_clusters_do_not_share() -> None:
    allowed = Rates(Limits(packages=1, rows=10), Clock())
    allowed.take("a", 100)
    allowed.take("b", 1)


def test_clusters_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_CLUSTERS", 2)
    allowed = Rates(Limits(packages=1, rows=10), Clock())
    for name in "abca":
        allowed.take(name, 1)
    with pytest.raises(BusyError):
        allowed.take("a", 1)
