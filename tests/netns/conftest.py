"""Fixtures of the tests in network namespaces: root's privileges and pods."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.netns.pods import IpError, Node, ip


def _missing() -> str:
    for program in ("ip", "iptables"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    name = f"vs{os.getpid()}probe"
    try:
        ip(f"netns add {name}", f"netns del {name}")
    except IpError as error:
        return f"network namespaces cannot be made here: {error}"
    return ""


@pytest.fixture(scope="session")
def privileged() -> None:
    """Skips where namespaces cannot be made."""
    if reason := _missing():
        pytest.skip(reason)


@pytest.fixture
def node(privileged: None) -> Iterator[Node]:
    """Makes pods; they are removed afterwards."""
    made = Node()
    try:
        yield made
    finally:
        made.close()
