"""A network namespace of a test's own."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_NEW_NETWORK = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def alone() -> Iterator[None]:
    """Puts this thread into a network that nobody else uses, with nothing up; skips
    the test where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("the program ip is not installed")
    with open("/proc/thread-self/ns/net") as before:  # noqa: PTH123
        if _libc.unshare(_NEW_NETWORK) != 0:
            pytest.skip("the kernel refuses a network namespace")
        try:
            yield
        finally:
            _libc.setns(before.fileno(), _NEW_NETWORK)
