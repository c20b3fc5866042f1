"""How tests are spread over processes (`-n` of pytest-xdist): file by file.

Tests that look at the whole machine, load it or measure time begin first: one process
does all of them, one after another. The others yield the processors to it, so that it
finds them about as on a machine with nothing else to do.
"""

import os

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

ALONE = (
    "tests/agent/demo/",
    "tests/agent/interceptor/",
    "tests/browser/test_company.py",
    "tests/browser/test_demo.py",
    "tests/kafka/",
    "tests/kubernetes/",
    "tests/netns/",
    "tests/peers/",
    "tests/rings/packets/",
    "tests/test_canary.py",
)
LONG = ("tests/browser/", "tests/cloud/")
"""Begin before the rest, so that all processes end at about the same time."""
FIRST = "gw0"
"""The process that gets what begins first."""
NICENESS = 10


class Spread(LoadScopeScheduling):  # type: ignore[misc]
    """What is ALONE is given out as one, and to the FIRST; all else by file."""

    @property
    def nodes(self) -> list[WorkerController]:
        """In whatever order they became ready."""
        return sorted(super().nodes, key=lambda node: node.gateway.id != FIRST)

    def _split_scope(self, nodeid: str) -> str:
        file: str = nodeid.partition("::")[0]
        return "alone" if file.startswith(ALONE) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Spread:
    config.option.loadscopereorder = False
    return Spread(config, log)


def pytest_configure() -> None:
    if os.environ.get("PYTEST_XDIST_WORKER", FIRST) != FIRST:
        os.nice(NICENESS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of beginning; within it, the random one stays."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    groups = (ALONE, LONG)
    begun = (item.nodeid.startswith(group) for group in groups)
    return next((rank for rank, is_in in enumerate(begun) if is_in), len(groups))
