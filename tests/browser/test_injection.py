"""Hostile names in a real browser: no script runs, nothing is asked of anybody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.view import resize
from tests.cloud import hostile
from tests.cloud.running import Cloud
from tests.cloud.test_injection import shown

WATCH = """
window.reached = [];
for (const name of ['alert', 'confirm', 'prompt', 'open'])
  window[name] = () => window.reached.push(name);
"""
"""Before any page's own: what the attacks call."""
STATE = """
return [window.reached,
  performance.getEntriesByType('resource').map(one => new URL(one.name).origin),
  document.querySelectorAll('script:not([src^="/static/"])').length,
  document.documentElement.scrollWidth, location.origin];
"""


@pytest.fixture(scope="module")
def attacked(
    browser: Chrome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    file: Path = tmp_path_factory.mktemp("attacked") / "cloud.sqlite3"
    with Cloud(f"sqlite:///{file}") as running:
        for made in hostile.town():
            running.collector.Send(made, timeout=30)
        browser.get(running.new_link())
        browser.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": WATCH}
        )
        yield running


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [1280, 480])
def test_names_do_nothing_and_fit(browser: Chrome, attacked: Cloud, width: int) -> None:
    resize(browser, width)
    for path in shown(attacked):
        browser.get(attacked.address + path)
        reached, asked, scripts, broad, ours = browser.execute_script(STATE)
        assert reached == [], path
        assert set(asked) <= {ours}, path
        assert scripts == 0, path
        assert broad <= width, (path, broad)
        assert browser.get_log("browser") == [], path  # type: ignore[no-untyped-call]


def test_the_watch_sees_what_a_script_would_do(
    browser: Chrome, attacked: Cloud
) -> None:
    browser.get(attacked.address)
    browser.execute_script("alert(1)")
    assert browser.execute_script(STATE)[0] == ["alert"]
