"""The doors in a real browser: login, logout, and what other sites cannot do."""

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import ATTEMPTS_OF_NAME, People
from cloud.visitor import Role
from tests.browser.test_dashboard import FAINT, assert_calm, heading
from tests.browser.view import resize
from tests.cloud import packages
from tests.cloud.running import Cloud

NAME, PASSWORD = "ann", "correct horse battery"
FORGED = """<!doctype html><title>elsewhere</title>
<form method="post" action="{target}"><input name="proof" value="0"></form>
<script>document.forms[0].submit()</script>"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A dashboard with one name."""
    file: Path = tmp_path_factory.mktemp("doors") / "cloud.sqlite3"
    with Cloud(f"sqlite:///{file}") as running:
        running.collector.Send(packages.shop(), timeout=10)
        with closing(Ledger(running.database_url)) as ledger:
            People(ledger).add(NAME, Role.VIEWER, PASSWORD, "test")
        yield running


@pytest.fixture(autouse=True)
def no_cookies(browser: Chrome, cloud: Cloud) -> None:
    browser.get(f"{cloud.address}/login")
    browser.delete_all_cookies()
    browser.get_log("browser")  # type: ignore[no-untyped-call]


@pytest.fixture
def elsewhere(cloud: Cloud) -> Iterator[str]:
    """A page of another origin that posts to the dashboard as soon as it is opened."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(FORGED.format(target=f"{cloud.address}/logout").encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def await_heading(browser: Chrome, words: str, seconds: float = 30) -> None:
    """Looks again if a look fails, for a page may be replaced while it is read."""
    waiting = WebDriverWait(browser, seconds, ignored_exceptions=[WebDriverException])
    waiting.until(lambda b: heading(b) == words)


def log_in(browser: Chrome, cloud: Cloud, password: str = PASSWORD) -> None:
    browser.get(cloud.address)
    assert heading(browser) == "Log in"
    browser.find_element(By.ID, "name").send_keys(NAME)
    browser.find_element(By.ID, "password").send_keys(password)
    browser.find_element(By.TAG_NAME, "button").click()


@pytest.mark.parametrize("width", [1280, 400])
def test_user_logs_in_and_out(browser: Chrome, cloud: Cloud, width: int) -> None:
    resize(browser, width)
    log_in(browser, cloud)
    await_heading(browser, "Today")
    assert_calm(browser, width)
    browser.find_element(By.LINK_TEXT, "Log out").click()
    await_heading(browser, "Log out")
    assert f"You are {NAME}, viewer." in browser.page_source
    assert_calm(browser, width)
    browser.find_element(By.TAG_NAME, "button").click()
    await_heading(browser, "Log in")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(f"{cloud.address}/endpoints")
    assert heading(browser) == "Log in"
    assert_calm(browser, width)


def test_wrong_password_stays_out(browser: Chrome, cloud: Cloud) -> None:
    log_in(browser, cloud, "wrong password")
    words = "Name or password are wrong"
    WebDriverWait(browser, 30).until(lambda b: words in b.page_source)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(cloud.address)
    assert heading(browser) == "Log in"


def test_guessing_ends_even_with_the_right_password(
    browser: Chrome, cloud: Cloud
) -> None:
    words = "there were too many attempts"
    with closing(Ledger(cloud.database_url)) as ledger:
        People(ledger).add("guessed", Role.VIEWER, PASSWORD, "test")
    for password in (*["wrong password"] * ATTEMPTS_OF_NAME, PASSWORD):
        browser.get(f"{cloud.address}/login")
        browser.find_element(By.ID, "name").send_keys("guessed")
        browser.find_element(By.ID, "password").send_keys(password)
        browser.find_element(By.TAG_NAME, "button").click()
        WebDriverWait(browser, 30).until(lambda b: words in b.page_source)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(cloud.address)
    assert heading(browser) == "Log in"


def test_another_site_changes_nothing(
    browser: Chrome, cloud: Cloud, elsewhere: str
) -> None:
    log_in(browser, cloud)
    await_heading(browser, "Today")
    browser.get(elsewhere)
    refused = "Changes are only taken from these pages."
    WebDriverWait(browser, 30).until(lambda b: refused in b.page_source)
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(cloud.address)
    assert heading(browser) == "Today"


def test_scripts_cannot_read_the_cookie(browser: Chrome, cloud: Cloud) -> None:
    log_in(browser, cloud)
    await_heading(browser, "Today")
    assert browser.execute_script("return document.cookie") == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_login_stands_out_from_its_background(
    browser: Chrome, cloud: Cloud, scheme: str
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(f"{cloud.address}/login")
    assert browser.execute_script(FAINT) == []
