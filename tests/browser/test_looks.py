"""What every page must be, with a company's days in it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser import axe
from tests.browser.pages import PAGES
from tests.browser.view import emulate, resize
from tests.cloud.inhabited import inhabited, post
from tests.cloud.running import Cloud

SCREENS, SCREEN = 10, 900
"""At 480 px no page is longer than ten screens of 900 px."""
CUT = """
const parts = [...document.querySelectorAll(".sheet")];
const cut = parts.filter((part) => part.scrollWidth > part.clientWidth);
return cut.map((part) => part.getAttribute("aria-label"));
"""
"""Tables that do not fit, so that one has to scroll them to the side."""
CHOICES = ".side, .filter, .paging, .takes, .skip, .decide, form.row, button"
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def company(
    browser: Chrome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("town")
    with inhabited(folder) as running:
        browser.get(running.new_link())
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 480])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_calm(
    browser: Chrome, company: Cloud, name: str, width: int, scheme: str
) -> None:
    emulate(browser, scheme)
    resize(browser, width)
    browser.get(company.address + PAGES[name](company))
    assert axe.findings(browser) == []
    size = browser.execute_script(
        "const e = document.documentElement; return [e.scrollWidth, e.scrollHeight];"
    )
    assert size[0] <= width
    assert browser.execute_script(CUT) == []
    assert size[1] <= SCREENS * SCREEN or width > 480
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_small(company: Cloud, name: str) -> None:
    answer = company.get(PAGES[name](company))
    assert answer.status == 200
    assert len(answer.text.encode()) <= MOST_BYTES


def test_all_rows_are_chosen_at_once_by_keyboard(
    browser: Chrome, company: Cloud
) -> None:
    resize(browser, 1280)
    browser.get(f"{company.address}/violations")
    above = browser.find_element(By.CSS_SELECTOR, "thead input.all")
    boxes = browser.find_elements(By.CSS_SELECTOR, "tbody input[type=checkbox]")
    assert len(boxes) > 1
    above.send_keys(Keys.SPACE)
    assert all(box.is_selected() for box in boxes)
    boxes[0].send_keys(Keys.SPACE)
    assert not above.is_selected()
    assert above.get_property("indeterminate") is True
    above.send_keys(Keys.SPACE)
    assert boxes[0].is_selected()


def test_paper_has_no_choices(browser: Chrome, company: Cloud) -> None:
    """What is printed: the page without what leads elsewhere, on white."""
    resize(browser, 800)
    media = {"media": "print"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        for name in ("today", "map", "violations"):
            browser.get(company.address + PAGES[name](company))
            for part in browser.find_elements(By.CSS_SELECTOR, CHOICES):
                assert not part.is_displayed(), (name, part.get_attribute("class"))
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_form_that_comes_again_is_accessible(browser: Chrome, company: Cloud) -> None:
    """Filled, with its mistake told, also beside what it undoes."""
    path = urlsplit(PAGES["correct"](company))
    field = dict(parse_qsl(path.query))
    told = {"scope": "workload", "reason": "an order's number", "becomes": ""}
    assert post(company, path.path, **field, **told).status == 303
    try:
        resize(browser, 480)
        browser.get(company.address + path.path.removesuffix("/correct"))
        undo = browser.find_element(By.CSS_SELECTOR, ".corrections details")
        undo.find_element(By.TAG_NAME, "summary").click()
        browser.execute_script("document.querySelector('[required]').required = false")
        undo.find_element(By.TAG_NAME, "button").click()
        alert = WebDriverWait(browser, 20).until(
            lambda shown: shown.find_element(By.CSS_SELECTOR, "[role=alert]")
        )
        assert alert.text == "Say why: a reason is needed."
        assert alert.is_displayed()
        assert axe.findings(browser) == []
        # That the answer was a refusal is no mistake of the page.
        (told,) = browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert "400" in told["message"]
    finally:
        (made,) = company.get("/api/v1/corrections").json()["corrections"]
        post(company, "/corrections/undo", id=made["id"], reason="a test")
