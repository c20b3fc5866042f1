"""Logging in at a provider in a real browser, with the dashboard under a path."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cloud.doors.visitors.grants import read_grants
from cloud.doors.visitors.provider import Provider, Terms
from cloud.doors.web.sign_in import BACK, LEFT, Door
from tests.browser import axe
from tests.browser.test_dashboard import heading
from tests.browser.test_doors import await_heading
from tests.browser.view import resize
from tests.cloud import packages
from tests.cloud.provider import providing
from tests.cloud.proxy import proxying
from tests.cloud.running import Cloud
from tests.ports import steady_port

PATH = "/tools/vethscope"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file: Path = tmp_path_factory.mktemp("oidc") / "cloud.sqlite3"
    port = steady_port()
    address = f"http://localhost:{port}{PATH}"
    with providing() as provider:
        provider.know("1", preferred_username="ann", groups=["admins"])
        provider.know("2", preferred_username="bob", groups=["shop"])
        grants = read_grants("admins=admin;shop=viewer@local/shop")
        terms = Terms(provider.issuer, "vethscope", "secret")
        door = Door(Provider(terms, address + BACK, address + LEFT), grants)
        with (
            Cloud(f"sqlite:///{file}", address, door) as running,
            proxying(port, PATH, running.address),
        ):
            running.collector.Send(packages.shop(), timeout=10)
            yield address


@pytest.fixture(autouse=True)
def no_cookies(browser: Chrome, origin: str) -> None:
    browser.get(f"{origin}/login")
    browser.delete_all_cookies()


def to_provider(browser: Chrome) -> None:
    browser.find_element(By.PARTIAL_LINK_TEXT, "Log in at").click()
    WebDriverWait(browser, 30).until(lambda b: "/oauth2/authorize" in b.current_url)


def approve(browser: Chrome, subject: str) -> None:
    browser.find_element(By.NAME, "sub").send_keys(subject)
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()


def test_provider_lets_in_and_pages_stay_under_the_path(
    browser: Chrome, origin: str
) -> None:
    browser.get(origin + "/")
    assert heading(browser) == "Log in"
    to_provider(browser)
    approve(browser, "1")
    await_heading(browser, "Today")
    assert browser.current_url == f"{origin}/"
    assert "oidc:ann, admin" in browser.find_element(By.CLASS_NAME, "visitor").text
    sheets = "return document.styleSheets[0].cssRules.length"
    assert browser.execute_script(sheets) > 10, "the style comes from under the path"
    for words in ("Endpoints", "Coverage"):
        browser.find_element(By.LINK_TEXT, words).click()
        await_heading(browser, words)
        assert browser.current_url.startswith(f"{origin}/")
    browser.find_element(By.LINK_TEXT, "Log out").click()
    await_heading(browser, "Log out")
    browser.find_element(By.XPATH, "//button[.='Log out here only']").click()
    await_heading(browser, "Log in")
    browser.get(f"{origin}/endpoints")
    assert heading(browser) == "Log in"


def test_who_leaves_goes_by_the_provider_and_comes_back(
    browser: Chrome, origin: str
) -> None:
    browser.get(f"{origin}/login")
    to_provider(browser)
    approve(browser, "1")
    await_heading(browser, "Today")
    browser.get(f"{origin}/logout")
    for width in (1280, 480):
        resize(browser, width)
        assert axe.findings(browser) == []
    browser.find_element(By.NAME, "everywhere").click()
    WebDriverWait(browser, 30).until(lambda b: "/end_session" in b.current_url)
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    await_heading(browser, "Log in")
    assert browser.current_url.startswith(f"{origin}/login/oidc/left?state=")
    assert "You are logged out, here and at the provider." in browser.page_source
    browser.get(f"{origin}/endpoints")
    assert heading(browser) == "Log in"


def test_two_tabs_log_in_at_once(browser: Chrome, origin: str) -> None:
    browser.get(f"{origin}/login")
    first = browser.current_window_handle
    to_provider(browser)
    browser.switch_to.new_window("tab")
    try:
        browser.get(f"{origin}/login")
        to_provider(browser)
        second = browser.current_window_handle
        browser.switch_to.window(first)
        approve(browser, "2")
        await_heading(browser, "Today")
        browser.switch_to.window(second)
        approve(browser, "1")
        await_heading(browser, "Today")
        assert "oidc:ann" in browser.page_source
    finally:
        browser.close()
        browser.switch_to.window(first)


def test_a_cookie_from_before_is_not_the_one_from_after(
    browser: Chrome, origin: str
) -> None:
    """An attacker who has put his own visit into the browser does not get the next."""
    browser.get(f"{origin}/login")
    to_provider(browser)
    approve(browser, "2")
    await_heading(browser, "Today")
    [planted] = [c for c in browser.get_cookies() if c["name"].endswith("-visit")]
    browser.get(f"{origin}/login")
    to_provider(browser)
    approve(browser, "1")
    await_heading(browser, "Today")
    [own] = [c for c in browser.get_cookies() if c["name"].endswith("-visit")]
    assert own["value"] != planted["value"]
    assert [c["name"] for c in browser.get_cookies() if "attempt" in c["name"]] == []
    browser.delete_all_cookies()
    browser.add_cookie({"name": planted["name"], "value": planted["value"]})
    browser.get(f"{origin}/")
    assert "oidc:bob" in browser.page_source


def test_who_denies_at_the_provider_is_told(browser: Chrome, origin: str) -> None:
    browser.get(f"{origin}/login")
    to_provider(browser)
    browser.find_element(By.CSS_SELECTOR, "button[value=deny]").click()
    await_heading(browser, "Log in")
    assert "The provider did not let you in." in browser.page_source
