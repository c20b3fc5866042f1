"""The demo's company with a provider of identities, receivers of alerts, and time that
passes."""

import email
import email.policy
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest
from msgspec.structs import replace
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from agent.demo import stage
from agent.demo.live import Live
from agent.loading import load
from agent.standalone import Standalone
from tests.browser.test_demo import await_text, forbid_employees
from tests.browser.test_doors import await_heading
from tests.browser.test_sign_in import approve, to_provider
from tests.cloud.alerts.receivers import Post, Web, post, web
from tests.cloud.alerts.test_documented import documented
from tests.cloud.provider import providing
from tests.netns.conftest import privileged
from tests.ports import steady_port
from tests.waiting import eventually

__all__ = ["privileged"]

POLICY = "Nobody outside asks for employees"
KEY = "a key of sixteen characters or more"
GATHERED_SECONDS = 3
MAIL_FIELD = "$.products[*].supplier.email"


class Company(NamedTuple):
    """A running one."""

    origin: str
    standalone: Standalone
    store: Path

    def get(self, path: str) -> Any:
        """JSON of the dashboard, as a program of this machine reads it."""
        headers = {"authorization": f"Bearer {self.standalone.key()}"}
        request = Request(f"{self.origin}/api/v1{path}", headers=headers)
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stored(self, statement: str, *values: object) -> Any:
        """The only value that a statement selects."""
        with closing(sqlite3.connect(self.store, timeout=10)) as connection:
            row = connection.execute(statement, values).fetchone()
        return row[0] if row else None


@pytest.fixture(scope="module")
def company(
    privileged: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """The demo's traffic through all roles, with a provider beside; whether decisions
    are over, and what is corrected, is looked at each second."""
    folder: Path = tmp_path_factory.mktemp("limited")
    secret = folder / "secret"
    secret.touch(0o600)
    secret.write_text("secret")
    port, stop = steady_port(), threading.Event()
    with (
        pytest.MonkeyPatch.context() as patch,
        providing() as provider,
        Live(stop) as traffic,
        stage.naming(traffic.addresses, folder) as cluster,
    ):
        patch.setattr("cloud.policies.judging.LOOK_SECONDS", 1.0)
        patch.setattr("agent.digger.corrections.ASK_SECONDS", 1.0)
        patch.setattr("cloud.alerts.deliveries.GATHERED_NS", GATHERED_SECONDS * 10**9)
        provider.know("2", preferred_username="bob", groups=["payments"])
        own = stage.settings(load(environment={}), cluster, traffic.addresses, folder)
        cloud = replace(
            own.cloud,
            listen=f"127.0.0.1:{port}",
            origin=f"http://localhost:{port}",
            oidc_issuer=provider.issuer,
            oidc_client_id="vethscope",
            oidc_secret_file=str(secret),
            oidc_grants="payments=viewer@local/payments",
            alerts_loopback=True,
        )
        settings = replace(own, cloud=cloud)
        with Standalone(settings, threading.Event(), traffic.source) as standalone:
            assert standalone.ready()
            stage.switch_on(standalone.dashboard, standalone.key)
            traffic.begin(standalone, 200.0)
            yield Company(cloud.origin, standalone, folder / "demo.sqlite3")
            traffic.finish()


@pytest.fixture(autouse=True)
def no_cookies(browser: Chrome, company: Company) -> None:
    browser.get(f"{company.origin}/login")
    browser.delete_all_cookies()


def test_one_namespace_is_all_there_is(browser: Chrome, company: Company) -> None:
    browser.get(f"{company.origin}/login")
    to_provider(browser)
    approve(browser, "2")
    await_heading(browser, "Today")
    await_text(browser, f"{company.origin}/endpoints", "/payments")
    for path in ("/endpoints", "/map?level=workloads", "/changes", "/coverage"):
        browser.get(company.origin + path)
        shown = browser.find_element(By.TAG_NAME, "main").text
        for foreign in ("clinic", "/employees", "/prescriptions", "catalogue"):
            assert foreign not in shown, path


def test_a_violation_is_told_accepted_until_a_day_and_told_again_after_it(
    browser: Chrome, company: Company
) -> None:
    browser.get(company.standalone.link())
    await_text(browser, f"{company.origin}/endpoints?q=employees", "/employees/{id}")
    with web() as receiver, post() as postbox:
        _add_channels(browser, company, receiver, postbox)
        address = forbid_employees(browser, company.origin)
        line = _told(receiver, postbox, "violation")
        assert line["words"] == "Policy violated"
        assert line["data_type"] == "special.religion"
        assert line["endpoint"] == "GET /employees/{id}"
        browser.get(line["link"])
        assert "/employees/{id}" in browser.find_element(By.TAG_NAME, "main").text
        _accept_until_tomorrow(browser)
        await_text(browser, f"{address}&state=accepted", "until the office moves")
        await_text(browser, address, "No violation matches")
        _let_days_pass(company.store)
        await_text(browser, address, "again")
        line = _told(receiver, postbox, "violation_returned")
        assert line["words"] == "Violation returned"
        assert line["link"] == address
        browser.get(f"{company.origin}/administration/alerts")
        shown = browser.find_element(By.TAG_NAME, "main").text
        assert "it answers 204" in shown
        assert "taken for 1 recipients" in shown
        told = b"".join([got.body for got in receiver.got] + postbox.got)
        assert b"buddhist" not in told


def test_what_is_none_is_gone_from_what_is_stored_and_does_not_come_again(
    browser: Chrome, company: Company
) -> None:
    browser.get(company.standalone.link())
    listed = f"{company.origin}/endpoints?q=products&type=contact.email"
    await_text(browser, listed, "/products")
    browser.find_element(By.CSS_SELECTOR, "tbody a.endpoint").click()
    await_heading(browser, "GET /products")
    page = browser.current_url
    path = page.removeprefix(company.origin)
    browser.find_element(By.PARTIAL_LINK_TEXT, "correct").click()
    await_heading(browser, "Correct a field")
    reason = "mailboxes of companies"
    browser.find_element(By.NAME, "reason").send_keys(reason)
    browser.find_element(By.XPATH, "//button[text()='Correct']").click()
    await_text(browser, page, reason)
    assert company.get(path)["fields"] == []
    rows = company.get(listed.removeprefix(company.origin))["endpoints"]
    assert path.rpartition("/")[2] not in {row["id"] for row in rows}
    await_text(browser, f"{company.origin}/corrections", "in force since")
    _let_pairs_pass(company, path)
    before = _stored_values(company, path)
    _let_pairs_pass(company, path)
    assert _stored_values(company, path) == before > 0, (
        "what was in new traffic was told"
    )
    browser.get(page)
    fold = browser.find_element(By.CSS_SELECTOR, ".corrections details")
    fold.find_element(By.TAG_NAME, "summary").click()
    fold.find_element(By.NAME, "reason").send_keys("they are persons, too")
    fold.find_element(By.TAG_NAME, "button").click()
    await_text(browser, page, MAIL_FIELD)
    [field] = company.get(path)["fields"]
    assert field["data_type"] == "contact.email"
    assert eventually(lambda: _stored_values(company, path) > before), "it comes again"


def _add_channels(
    browser: Chrome, company: Company, receiver: Web, postbox: Post
) -> None:
    hook = {"name": "hook", "url": f"{receiver.address}/hook", "key": KEY}
    mail = {
        "name": "mail",
        "host": "127.0.0.1",
        "port": str(postbox.port),
        "security": "none",
        "sender": "vethscope@example.com",
        "recipients": "ann@example.com",
    }
    for title, fields in (("Webhook", hook), ("Mail (SMTP)", mail)):
        browser.get(f"{company.origin}/administration/alerts")
        words = f"//details[summary[contains(., 'Add: {title}')]]"
        fold = browser.find_element(By.XPATH, words)
        fold.find_element(By.TAG_NAME, "summary").click()
        _fill(fold, fields)
        fold.find_element(By.XPATH, ".//button[text()='Add']").click()
        await_text(browser, browser.current_url, fields["name"])
    begun = "SELECT COUNT(*) FROM alert_cursors"
    assert eventually(lambda: company.stored(begun) == 2)


def _fill(form: WebElement, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        field = form.find_element(By.NAME, name)
        if field.tag_name == "select":
            Select(field).select_by_visible_text(value)
        else:
            field.clear()
            field.send_keys(value)


def _told(receiver: Web, postbox: Post, topic: str) -> dict[str, Any]:
    """The line that both receivers got of a topic and our policy, checked as a receiver
    checks it; the demo breaks a policy of its own."""
    lines: list[dict[str, Any]] = []

    def has_come() -> bool:
        news = [json.loads(got.body)["news"] for got in list(receiver.got)]
        told = [one for some in news for one in some if one["topic"] == topic]
        lines[:] = [one for one in told if one["policy"] == POLICY]
        return bool(lines)

    def mails() -> list[str]:
        texts = [_text(got) for got in list(postbox.got)]
        return [text for text in texts if line["words"] in text and POLICY in text]

    assert eventually(has_come), f"{topic} did not come by web"
    for got in list(receiver.got):
        assert documented()(KEY, got.headers, got.body)
    line = lines[0]
    assert eventually(lambda: bool(mails()))
    assert any(line["link"] in text for text in mails())
    return line


def _text(raw: bytes) -> str:
    got = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(got, email.message.EmailMessage)
    text = got.get_body(("plain",))
    assert text is not None
    return str(text.get_content())


def _accept_until_tomorrow(browser: Chrome) -> None:
    for box in browser.find_elements(By.NAME, "id"):
        box.click()
    decide = browser.find_element(By.CSS_SELECTOR, "fieldset.decide")
    Select(decide.find_element(By.NAME, "state")).select_by_value("accepted")
    decide.find_element(By.NAME, "reason").send_keys("until the office moves")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    until = decide.find_element(By.NAME, "until")
    browser.execute_script("arguments[0].value = arguments[1]", until, tomorrow)
    decide.find_element(By.TAG_NAME, "button").click()


def _let_days_pass(store: Path) -> None:
    """The last day of what is accepted was a moment ago."""
    with closing(sqlite3.connect(store, timeout=10)) as connection:
        moved = connection.execute(
            "UPDATE violations SET until_ns = ? WHERE until_ns > 0", (time.time_ns(),)
        )
        assert moved.rowcount > 0
        connection.commit()


def _let_pairs_pass(company: Company, path: str) -> None:
    """More than packages and inspections under way hold."""
    wanted = company.get(path)["inspected"] + 30
    assert eventually(lambda: company.get(path)["inspected"] >= wanted, 60)


def _stored_values(company: Company, path: str) -> int:
    counted = 'SELECT SUM("count") FROM places WHERE endpoint_id = ? AND path = ?'
    key = int(path.rpartition("/")[2], 16)
    return int(company.stored(counted, key, MAIL_FIELD) or 0)
