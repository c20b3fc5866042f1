"""For tests with real packets: a network that nobody else uses."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.rings.networks import alone


@pytest.fixture
def own_network() -> Iterator[None]:
    """Runs the test in a network namespace of its own, its loopback up."""
    with alone():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
