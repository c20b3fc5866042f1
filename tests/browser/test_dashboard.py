"""The dashboard in a real browser, wide and narrow, light and dark."""

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.view import emulate, resize

WIDTHS = (1280, 400)


def click(browser: Chrome, words: str) -> None:
    """Follows the link with these words, until its page is there."""
    link = browser.find_element(By.PARTIAL_LINK_TEXT, words)
    target = link.get_attribute("href")
    link.click()
    WebDriverWait(browser, 30).until(lambda b: b.current_url == target)


def heading(browser: Chrome) -> str:
    """Of the page as it is now: found and read in one step."""
    return str(browser.execute_script("return document.querySelector('h1').innerText"))


def assert_calm(browser: Chrome, width: int) -> None:
    """Nothing sticks out to the side, nothing went wrong."""
    shown = browser.execute_script("return document.documentElement.scrollWidth")
    assert shown <= width, f"{browser.current_url} is {shown} wide"
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("width", WIDTHS)
def test_user_clicks_from_the_overview_to_the_fields_of_an_endpoint(
    browser: Chrome, dashboard: str, width: int
) -> None:
    resize(browser, width)
    browser.get(f"{dashboard}/overview")
    assert heading(browser) == "Overview"
    assert_calm(browser, width)
    click(browser, "/users/{id}")
    assert heading(browser) == "GET /users/{id}"
    assert "US SSN" not in browser.page_source
    assert_calm(browser, width)
    click(browser, "Show less certain")
    fields = browser.find_element(By.TAG_NAME, "table").text
    for shown in ("$.note", "US SSN", "possible", "$.email", "very likely"):
        assert shown in fields
    assert_calm(browser, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_user_filters_the_list(browser: Chrome, dashboard: str, width: int) -> None:
    resize(browser, width)
    browser.get(f"{dashboard}/endpoints")
    assert_calm(browser, width)
    search = browser.find_element(By.NAME, "q")
    search.send_keys("ledger", Keys.ENTER)
    WebDriverWait(browser, 30).until(lambda b: "q=ledger" in b.current_url)
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert len(rows) == 1
    assert "/entries" in rows[0].text
    assert_calm(browser, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_user_opens_the_coverage_of_a_workload(
    browser: Chrome, dashboard: str, width: int
) -> None:
    resize(browser, width)
    browser.get(f"{dashboard}/coverage")
    part = browser.find_element(By.CSS_SELECTOR, "details")
    assert "other protocols than HTTP" not in part.text
    part.find_element(By.TAG_NAME, "summary").click()
    assert "other protocols than HTTP" in part.text
    assert_calm(browser, width)


def test_keyboard_reaches_the_content_first(browser: Chrome, dashboard: str) -> None:
    resize(browser, 1280)
    browser.get(dashboard)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "content"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/overview", "/endpoints", "/coverage"])
def test_text_stands_out_from_its_background(
    browser: Chrome, dashboard: str, scheme: str, path: str
) -> None:
    """WCAG 2.2 success criterion 1.4.3: a contrast of at least 4.5."""
    emulate(browser, scheme)
    resize(browser, 1280)
    browser.get(dashboard + path)
    assert browser.execute_script(FAINT) == []


FAINT = """
const parse = (color) => color.match(/[\\d.]+/g).map(Number);
const luminance = (color) => {
  const [r, g, b] = parse(color).slice(0, 3).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const color = getComputedStyle(e).backgroundColor;
    const parts = parse(color);
    if (parts.length === 3 || parts[3] === 1) return color;
  }
  return "rgb(255, 255, 255)";
};
const faint = new Set();
for (const element of document.querySelectorAll("body *")) {
  const owns = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!owns || !element.checkVisibility()) continue;
  const pair = [getComputedStyle(element).color, background(element)].map(luminance);
  const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (contrast < 4.5) faint.add(`${element.className} ${contrast.toFixed(2)}`);
}
return [...faint];
"""
