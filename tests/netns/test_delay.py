"""How soon new pods are captured."""

import statistics

import pytest

from benchmarks.interfaces import delays_ms
from tests.waiting import busyness

PODS = 200
MOST_MS = 200.0
ATTEMPTS = 2
"""A machine that is busy with something else for a second is measured again."""


@pytest.mark.usefixtures("privileged")
def test_of_100_new_pods_99_are_captured_within_200_ms() -> None:
    """From before the interface is made until all workers' filters pass it."""
    measured = []
    for _ in range(ATTEMPTS):
        delays = delays_ms(PODS)
        assert len(delays) == PODS
        measured.append(statistics.quantiles(delays, n=100)[98])
        if measured[-1] < MOST_MS * busyness():
            return
    pytest.fail(f"the 99th of 100 came after {min(measured):.0f} ms")
