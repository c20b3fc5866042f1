"""The real API server of these tests."""

import os
from collections.abc import Iterator

import pytest

from tests.kubernetes.apiserver import ApiServer, missing


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Skips where it cannot be had, in CI that is a failure."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    server = ApiServer(tmp_path_factory.mktemp("kubernetes"))
    try:
        yield server
    finally:
        server.close()
