"""The map in a real browser: by keyboard, by mouse, without a script, and as a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import axe
from tests.browser.view import emulate, resize
from tests.cloud import town
from tests.cloud.running import Cloud

PAGES = (
    "/map",
    "/map?open=prod/shop",
    "/map?level=workloads",
    "/map?level=clusters",
    "/map?type=financial.payment_card",
    "/map?cluster=nowhere",
)
LETTERS = """
return [...document.querySelectorAll(".map text")].map((text) => {
  const box = text.getBoundingClientRect();
  const node = text.closest(".node, .label");
  if (!node) return null;
  const rect = node.querySelector("rect").getBoundingClientRect();
  const isIn = box.left >= rect.left - 1 && box.right <= rect.right + 1
    && box.top >= rect.top - 2 && box.bottom <= rect.bottom + 2;
  return isIn ? null : text.textContent;
}).filter(Boolean);
"""
"""Words that stick out of their box."""
COVERED = """
const boxes = [...document.querySelectorAll(".map .node > rect, .map .label > rect")]
  .map((rect) => rect.getBoundingClientRect());
let covered = 0;
boxes.forEach((a, n) => boxes.slice(n + 1).forEach((b) => {
  if (a.left < b.right - 1 && b.left < a.right - 1
      && a.top < b.bottom - 1 && b.top < a.bottom - 1) covered += 1;
}));
return covered;
"""
"""Boxes and labels that cover each other."""


@pytest.fixture(scope="module")
def company(
    browser: Chrome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    file: Path = tmp_path_factory.mktemp("map") / "cloud.sqlite3"
    with Cloud(f"sqlite:///{file}") as running:
        for package in town.packages():
            running.collector.Send(package, timeout=30)
        browser.get(running.new_link())
        yield running


@pytest.fixture(autouse=True)
def plain(browser: Chrome) -> None:
    emulate(browser, "light")
    resize(browser, 1280)


def focused(browser: Chrome) -> WebElement:
    return browser.switch_to.active_element


def title(node: WebElement) -> str:
    found = node.find_element(By.CSS_SELECTOR, "title")
    return str(found.get_attribute("textContent"))


def tab_to_map(browser: Chrome) -> WebElement:
    """Presses Tab until a box of the map has the focus."""
    for _ in range(60):
        focused(browser).send_keys(Keys.TAB)
        if focused(browser).get_attribute("data-n"):
            return focused(browser)
    raise AssertionError("the map cannot be reached by Tab")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 480])
@pytest.mark.parametrize("path", PAGES)
def test_map_is_accessible(
    browser: Chrome, company: Cloud, path: str, width: int, scheme: str
) -> None:
    emulate(browser, scheme)
    resize(browser, width)
    browser.get(company.address + path)
    assert axe.findings(browser) == []
    shown = browser.execute_script("return document.documentElement.scrollWidth")
    assert shown <= width
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("path", PAGES[:5])
def test_words_fit_and_nothing_is_covered(
    browser: Chrome, company: Cloud, path: str
) -> None:
    browser.get(company.address + path)
    assert browser.find_elements(By.CSS_SELECTOR, ".map .node")
    assert browser.execute_script(LETTERS) == []
    assert browser.execute_script(COVERED) == 0


def test_keyboard_alone_goes_through_the_map(browser: Chrome, company: Cloud) -> None:
    browser.get(f"{company.address}/map?level=workloads")
    first = tab_to_map(browser)
    assert title(first).startswith("internet, outside")
    told = browser.find_element(By.ID, "told")
    assert "asks 2, asked by 0" in str(told.get_attribute("textContent"))
    first.send_keys(Keys.ARROW_RIGHT)
    second = focused(browser)
    assert title(second).startswith(("gateway, Deployment", "portal, Deployment"))
    assert title(second) in str(told.get_attribute("textContent"))
    second.send_keys(Keys.ARROW_LEFT)
    assert title(focused(browser)).startswith(("internet", "shop.example"))
    focused(browser).send_keys(Keys.ARROW_DOWN)
    assert title(focused(browser)).split(",")[0] in ("shop.example", "prometheus")
    focused(browser).send_keys(Keys.ENTER)
    WebDriverWait(browser, 30).until(lambda b: "workload=" in b.current_url)
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("Around ")


def test_enter_opens_a_namespace(browser: Chrome, company: Cloud) -> None:
    browser.get(f"{company.address}/map")
    node = tab_to_map(browser)
    while not title(node).startswith("shop, namespace"):
        node.send_keys(Keys.TAB)
        node = focused(browser)
    node.send_keys(Keys.ENTER)
    WebDriverWait(browser, 30).until(lambda b: "open=prod" in b.current_url)
    assert browser.find_elements(By.CSS_SELECTOR, ".map .frame")


def test_neighbours_stand_out_while_a_box_has_the_focus(
    browser: Chrome, company: Cloud
) -> None:
    browser.get(f"{company.address}/map?level=workloads")
    node = tab_to_map(browser)
    drawing = browser.find_element(By.ID, "map")
    assert "dim" in str(drawing.get_attribute("class"))
    near = browser.find_elements(By.CSS_SELECTOR, ".map a.near")
    assert {title(one).split(",")[0] for one in near} == {
        *("internet", "gateway", "portal"),
    }
    assert len(browser.find_elements(By.CSS_SELECTOR, ".map path.near")) == 2
    node.send_keys(Keys.ESCAPE)
    assert "dim" not in str(drawing.get_attribute("class"))


def view(browser: Chrome) -> list[float]:
    told = browser.find_element(By.ID, "map").get_dom_attribute("viewBox")
    return [float(number) for number in str(told).split()]


def test_size_by_key_and_by_button(browser: Chrome, company: Cloud) -> None:
    browser.get(f"{company.address}/map")
    whole = view(browser)
    node = tab_to_map(browser)
    node.send_keys("+")
    assert view(browser)[2] == pytest.approx(whole[2] / 1.25, abs=0.2)
    node.send_keys("-")
    assert view(browser) == pytest.approx(whole, abs=0.2)
    node.send_keys("++")
    node.send_keys("0")
    assert view(browser) == pytest.approx(whole, abs=0.2)
    browser.find_element(By.CSS_SELECTOR, "[aria-label=Larger]").click()
    larger = view(browser)
    assert larger[2] < whole[2]
    drag = """
        const map = document.getElementById("map");
        const at = (type, x, y) => map.dispatchEvent(new PointerEvent(type,
            {clientX: x, clientY: y, bubbles: true}));
        at("pointerdown", 500, 300); at("pointermove", 450, 300); at("pointerup", 0, 0);
    """
    browser.execute_script(drag)
    assert view(browser)[0] > larger[0]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_map_without_a_script(browser: Chrome, company: Cloud) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"{company.address}/map")
        links = browser.find_elements(By.CSS_SELECTOR, ".map a.namespace")
        assert not browser.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
        browser.get(company.address + str(links[0].get_dom_attribute("href")))
        assert browser.find_elements(By.CSS_SELECTOR, ".map .frame")
        browser.find_element(By.NAME, "sensitivity").send_keys("high")
        browser.find_element(By.CSS_SELECTOR, ".filter button").click()
        waiting = WebDriverWait(browser, 30)
        waiting.until(lambda b: "sensitivity=high" in b.current_url)
        waiting.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".map .flow.s3"))
        assert not browser.find_elements(By.CSS_SELECTOR, ".map .flow.s2")
    finally:
        browser.execute_cdp_cmd(
            "Emulation.setScriptExecutionDisabled", {"value": False}
        )


def test_names_are_left_out_by_a_form(browser: Chrome, company: Cloud) -> None:
    browser.get(f"{company.address}/map")
    browser.find_element(By.CSS_SELECTOR, ".left-out summary").click()
    field = browser.find_element(
        By.CSS_SELECTOR, "form[action='/map/hide'] [name=name]"
    )
    field.send_keys("prometheus", Keys.ENTER)
    again = "[aria-label='Show prometheus again']"
    waiting = WebDriverWait(browser, 30)
    waiting.until(lambda b: b.find_elements(By.CSS_SELECTOR, again))
    nodes = browser.find_elements(By.CSS_SELECTOR, ".map .node")
    assert not any(title(node).startswith("prometheus") for node in nodes)
    browser.find_element(By.CSS_SELECTOR, again).click()
    waiting.until(lambda b: not b.find_elements(By.CSS_SELECTOR, again))


def test_file_is_a_picture_of_its_own(
    browser: Chrome, company: Cloud, tmp_path: Path
) -> None:
    answer = company.get("/api/v1/map?level=workloads&format=svg")
    file = tmp_path / "map.svg"
    file.write_text(answer.text)
    try:
        browser.get(file.as_uri())
        color = """
            const box = document.querySelector(".node rect");
            return [getComputedStyle(box).fill, box.getBoundingClientRect().width];
        """
        fill, width = browser.execute_script(color)
        assert fill == "rgb(255, 255, 255)"
        assert width > 50
    finally:
        browser.get(company.address)
