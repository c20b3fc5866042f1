"""From signing in to why a field is what it is, with the keyboard alone."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import People
from cloud.visitor import Role
from tests.browser.axe import findings
from tests.browser.test_dashboard import assert_calm
from tests.browser.test_doors import await_heading
from tests.browser.view import emulate, resize
from tests.cloud.inhabited import inhabited
from tests.cloud.running import Cloud

NAME, PASSWORD = "eve", "correct horse battery"
MOST_STEPS = 120
"""Of the Tab key on one page."""
WORDS = "return arguments[0].textContent.replace(/\\s+/g, ' ').trim()"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with inhabited(tmp_path_factory.mktemp("journey")) as running:
        with closing(Ledger(running.database_url)) as ledger:
            People(ledger).add(NAME, Role.EDITOR, PASSWORD, "test")
        yield running


@pytest.fixture
def editor(browser: Chrome, cloud: Cloud) -> Chrome:
    """The browser on Today, after signing in by keyboard."""
    emulate(browser, "light")
    resize(browser, 1280)
    browser.get(f"{cloud.address}/login")
    browser.delete_all_cookies()
    browser.get(f"{cloud.address}/login")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    step_to(browser, lambda one: one.get_attribute("id") == "name").send_keys(NAME)
    field = step_to(browser, lambda one: one.get_attribute("id") == "password")
    field.send_keys(PASSWORD, Keys.ENTER)
    await_heading(browser, "Today")
    return browser


def step_to(browser: Chrome, wanted: Callable[[WebElement], bool]) -> WebElement:
    """Presses Tab until the focus is on what is wanted."""
    for _ in range(MOST_STEPS):
        focused = browser.switch_to.active_element
        if focused.tag_name != "body" and wanted(focused):
            return focused
        focused.send_keys(Keys.TAB)
    pytest.fail(f"the keyboard does not reach it on {browser.current_url}")


def press(browser: Chrome, words: str, within: str = "main") -> WebElement:
    """Steps to what is called so, and presses Enter."""

    def called(one: WebElement) -> bool:
        is_within = bool(one.find_elements(By.XPATH, f"ancestor::{within}"))
        return is_within and browser.execute_script(WORDS, one) == words

    focused = step_to(browser, called)
    focused.send_keys(Keys.ENTER)
    return focused


def to_the_endpoint(browser: Chrome) -> None:
    press(browser, "Catalog", within="nav")
    await_heading(browser, "Catalog")
    press(browser, "prod")
    await_heading(browser, "prod")
    press(browser, "payments")
    await_heading(browser, "Workloads of payments")
    press(browser, "checkout")
    await_heading(browser, "checkout")
    press(browser, "POST /v1/payments")
    await_heading(browser, "POST /v1/payments")


def test_editor_goes_from_today_to_the_evidence(editor: Chrome, cloud: Cloud) -> None:
    lines = cloud.get("/api/v1/today?window=week").json()["lines"]
    line = next(one for one in lines if one["title"] == "New data at payments/checkout")
    press(editor, line["title"])
    await_heading(editor, "POST /v1/payments")
    assert editor.current_url == cloud.address + line["evidence"]
    shown = editor.find_element(By.CSS_SELECTOR, "main section table").text
    assert "$.customer.born" in shown
    assert_calm(editor, 1280)


def test_editor_goes_from_the_catalog_to_why_a_field_is_a_card(editor: Chrome) -> None:
    to_the_endpoint(editor)
    summary = press(editor, "why financial.payment_card at $.card.number")
    why = summary.find_element(By.XPATH, "..").text
    assert "financial.payment_card" in why
    assert "Points: " in why
    assert "= very likely" in why
    assert_calm(editor, 1280)


def test_editor_corrects_a_field_and_everything_stays_readable(
    editor: Chrome, cloud: Cloud
) -> None:
    to_the_endpoint(editor)
    press(editor, "correct contact.postal_code at $.billing.zip")
    await_heading(editor, "Correct a field")
    reason = step_to(editor, lambda one: one.get_attribute("name") == "reason")
    reason.send_keys("the number of a shop", Keys.ENTER)
    WebDriverWait(editor, 30).until(lambda b: "/correct?" not in b.current_url)
    for path, part in (("/corrections", "main table"), ("/account", "#digest")):
        for width in (1280, 480):
            for scheme in ("light", "dark"):
                emulate(editor, scheme)
                resize(editor, width)
                editor.get(cloud.address + path)
                assert editor.find_elements(By.CSS_SELECTOR, part)
                assert findings(editor) == []
                assert_calm(editor, width)
