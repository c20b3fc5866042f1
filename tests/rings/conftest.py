"""For tests with real packets: a network that nobody else uses."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

_NEW_NETWORK = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def own_network() -> Iterator[None]:
    """Runs the test in a network namespace of its own, its loopback up."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    program = shutil.which("ip")
    if program is None:
        pytest.skip("the program ip is not installed")
    with open("/proc/thread-self/ns/net") as before:  # noqa: PTH123
        if _libc.unshare(_NEW_NETWORK) != 0:
            pytest.skip("the kernel refuses a network namespace")
        try:
            subprocess.run([program, "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _libc.setns(before.fileno(), _NEW_NETWORK)
