"""An operator in a real browser: a banner that tells, and a token's whole life."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import People
from cloud.visitor import Role
from tests.browser import axe
from tests.browser.test_doors import NAME, PASSWORD, await_heading, log_in
from tests.browser.view import emulate, resize
from tests.cloud import packages
from tests.cloud.postgres import Postgres, missing
from tests.cloud.running import Cloud
from tests.cloud.test_administration import resumed

TOKENS = "/administration/tokens"
BANNER_SECONDS = 60


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3") as running:
        running.collector.Send(packages.shop(), timeout=10)
        with closing(Ledger(running.database_url)) as ledger:
            People(ledger).add(NAME, Role.VIEWER, PASSWORD, "test")
        yield running


def test_problem_is_told_on_a_page_that_is_open(browser: Chrome, cloud: Cloud) -> None:
    browser.get(cloud.new_link())
    banner = browser.find_element(By.ID, "banner")
    assert banner.get_attribute("role") == "status"
    assert banner.get_attribute("aria-live") == "polite"
    assert "are refused" not in banner.text
    wrong = packages.shop()
    wrong.endpoints[0].path = "x" * 3_000
    with pytest.raises(grpc.RpcError):
        cloud.collector.Send(wrong)
    waiting = WebDriverWait(browser, BANNER_SECONDS)
    waiting.until(lambda _: "are refused" in banner.text)
    assert "endpoints[0].path: longer than 2048 bytes" in banner.text
    for width in (1280, 480):
        resize(browser, width)
        assert axe.findings(browser) == []
    banner.find_element(By.LINK_TEXT, "Status").click()
    await_heading(browser, "Status")
    assert "are refused" in browser.find_element(By.ID, "banner").text


def created(browser: Chrome, cloud: Cloud) -> str:
    """A token made by the page's form."""
    browser.get(cloud.address + TOKENS)
    field = browser.find_element(By.CSS_SELECTOR, ".form [name=cluster]")
    field.send_keys("eu-production")
    browser.find_element(By.XPATH, "//button[.='Create a token']").click()
    await_heading(browser, "Token of eu-production")
    return browser.find_element(By.ID, "secret").text


def test_token_is_made_used_rotated_and_revoked(browser: Chrome, cloud: Cloud) -> None:
    browser.get(cloud.new_link())
    first = created(browser, cloud)
    for width in (1280, 480):
        resize(browser, width)
        assert axe.findings(browser) == []
    resumed(cloud, "eu-production", first)
    second = created(browser, cloud)
    for token in (first, second):
        resumed(cloud, "eu-production", token)
    browser.find_element(By.LINK_TEXT, "Done").click()
    await_heading(browser, "Clusters' tokens")
    name = f"Revoke: {first.split('_')[1]}"
    browser.find_element(By.XPATH, f"//button[@aria-label='{name}']").click()
    WebDriverWait(browser, 30).until(lambda b: name not in b.page_source)
    with pytest.raises(grpc.RpcError) as raised:
        resumed(cloud, "eu-production", first)
    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
    resumed(cloud, "eu-production", second)


def test_viewer_is_not_let_in_there(browser: Chrome, cloud: Cloud) -> None:
    browser.get(f"{cloud.address}/login")
    browser.delete_all_cookies()
    log_in(browser, cloud)
    await_heading(browser, "Today")
    assert not browser.find_elements(By.LINK_TEXT, "Clusters' tokens")
    browser.get(cloud.address + TOKENS)
    assert "This needs the role admin; yours is viewer." in browser.page_source


def test_page_says_that_the_database_is_away_and_comes_back(browser: Chrome) -> None:
    if reason := missing():
        pytest.skip(reason)
    with Postgres() as postgres, Cloud(postgres.emptied()) as cloud:
        cloud.collector.Send(packages.shop(), timeout=10)
        browser.get(cloud.new_link())
        postgres.stop()
        browser.get(f"{cloud.address}/endpoints")
        await_heading(browser, "The database is away")
        assert "does not answer" in browser.find_element(By.ID, "banner").text
        assert browser.find_element(By.CSS_SELECTOR, "nav [aria-current=page]")
        assert "comes by itself" in browser.find_element(By.TAG_NAME, "main").text
        for scheme in ("light", "dark"):
            emulate(browser, scheme)
            for width in (1280, 480):
                resize(browser, width)
                assert axe.findings(browser) == []
        emulate(browser, "light")
        postgres.start()
        await_heading(browser, "Endpoints", BANNER_SECONDS)
        assert "does not answer" not in browser.find_element(By.ID, "banner").text
