"""What a person does first, in a real browser, on what real agents saw of the demo."""

import csv
import io
import re
from collections.abc import Iterator

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.test_dashboard import click
from tests.browser.test_doors import await_heading
from tests.browser.view import resize
from tests.netns.conftest import privileged
from tests.netns.test_demo import demo

__all__ = ["privileged"]

LINK = re.compile(r"opens once: (\S+)/enter\?link=(\S+)")
WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def company(privileged: None, browser: Chrome) -> Iterator[str]:
    """The dashboard of a running demo, after its roll-out; the browser is let in."""
    resize(browser, 1280)
    with demo("--json") as running:
        running.await_line("brought a field")
        found = LINK.search(running.errors)
        assert found
        browser.get(f"{found[1]}/enter?link={found[2]}")
        yield found[1]


def await_text(browser: Chrome, address: str, words: str) -> None:
    """Loads the page until it says so: agents and cloud take some seconds."""

    def has_come(_: Chrome) -> bool:
        browser.get(address)
        read = "return document.querySelector('main').innerText"
        return words in browser.execute_script(read)

    waiting = WebDriverWait(browser, WAIT_SECONDS, 0.5, [WebDriverException])
    waiting.until(has_come)


def test_from_the_map_of_cards_to_why_a_field_is_one(
    browser: Chrome, company: str
) -> None:
    await_text(
        browser, f"{company}/map?type=financial.payment_card", "payments.example"
    )
    click(browser, "Violations")
    await_heading(browser, "Violations")
    click(browser, "/charges")
    await_heading(browser, "POST /charges")
    why = browser.find_element(By.CSS_SELECTOR, "details.why")
    why.find_element(By.TAG_NAME, "summary").click()
    assert why.get_attribute("open") is not None
    assert "5555" not in browser.page_source


def test_what_a_roll_out_brought_is_among_the_changes(
    browser: Chrome, company: str
) -> None:
    await_text(browser, f"{company}/changes", "$.payment.card_number")
    await_text(browser, f"{company}/changes", "mail.example")


def forbid_employees(browser: Chrome, company: str) -> str:
    """Writes a policy, tries it on the past and switches it on: where its violations
    are."""
    browser.get(f"{company}/policies")
    for name, text in (
        ("title", "Nobody outside asks for employees"),
        ("id", "employees-outside"),
        ("types", "special.religion"),
    ):
        browser.find_element(By.NAME, name).send_keys(text)
    browser.find_element(By.CSS_SELECTOR, "[formaction='/policies/try']").click()
    await_heading(browser, "Nobody outside asks for employees")
    assert "hr" in browser.find_element(By.CSS_SELECTOR, "[role=status] ~ *").text
    browser.find_element(By.XPATH, "//button[text()='Save']").click()
    WebDriverWait(browser, 30).until(lambda b: b.current_url.endswith("-outside"))
    browser.find_element(By.XPATH, "//button[text()='Switch on']").click()
    return f"{company}/violations?policy=employees-outside"


def test_a_policy_is_written_tried_and_broken_by_what_goes_on(
    browser: Chrome, company: str
) -> None:
    address = forbid_employees(browser, company)
    await_text(browser, address, "/employees/{id}")
    browser.find_element(By.NAME, "id").click()
    state = browser.find_element(By.CSS_SELECTOR, "fieldset.decide select")
    state.send_keys("accepted")
    browser.find_element(By.NAME, "reason").send_keys("the office may")
    browser.find_element(By.XPATH, "//fieldset[@class='decide']//button").click()
    await_text(browser, f"{address}&state=accepted", "the office may")


def test_a_table_is_opened_as_csv(browser: Chrome, company: str) -> None:
    address = f"{company}/violations?policy=pci-card-outside"
    await_text(browser, address, "payments.example")
    link = browser.find_element(By.LINK_TEXT, "CSV").get_attribute("href")
    text = browser.execute_async_script(
        "fetch(arguments[0]).then((a) => a.text()).then(arguments[1])", link
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    shown = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert len(rows) == len(shown) > 0
    assert {row["policy"] for row in rows} == {"pci-card-outside"}
