"""A real Chromium without a window, and a dashboard with data to show."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import BROWSER, DRIVER, chromium
from tests.cloud import packages, prepared
from tests.cloud.running import Cloud


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with prepared.cheap_passwords():
        yield


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Debian's Chromium; without it the test is skipped."""
    for program in (BROWSER, DRIVER):
        if not shutil.which(program):
            reason = f"{program} is not installed (Debian: chromium, chromium-driver)"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
    with chromium(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def dashboard(
    browser: Chrome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a dashboard that shows a small shop, and lets the browser in."""
    file: Path = tmp_path_factory.mktemp("shop") / "cloud.sqlite3"
    with Cloud(f"sqlite:///{file}") as running:
        running.collector.Send(packages.shop(), timeout=10)
        browser.get(running.new_link())
        yield running.address
