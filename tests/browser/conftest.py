"""A real Chromium without a window, and a dashboard with data to show."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.cloud import packages
from tests.cloud.running import Cloud

BROWSER = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Debian's Chromium; without it the test is skipped."""
    for program in (BROWSER, DRIVER):
        if not shutil.which(program):
            reason = f"{program} is not installed (Debian: chromium, chromium-driver)"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
    options = ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(DRIVER))
    chrome.set_page_load_timeout(30)
    try:
        yield chrome
    finally:
        chrome.quit()


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
