"""The page of alerts over real HTTP: set up, tested, sent by a whole cloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.alerts.alerting import Terms
from cloud.alerts.ways.reaching import Reach
from tests.cloud.alerts.receivers import Web, web
from tests.cloud.inhabited import post
from tests.cloud.running import Cloud

PAGE = "/administration/alerts"
KEY = "a key of sixteen characters or more"


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web() as kept:
        yield kept


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    terms = Terms(Reach(allows_loopback=True), folder=str(tmp_path))
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3", terms=terms) as running:
        yield running


def told(cloud: Cloud) -> Any:
    return cloud.get(f"/api/v1{PAGE}").json()


def test_channel_is_set_up_tested_turned_off_and_deleted(
    cloud: Cloud, receiver: Web
) -> None:
    address = f"{receiver.address}/hidden-path"
    sent = {"kind": "webhook", "name": "hook", "url": address, "key": KEY}
    assert post(cloud, f"{PAGE}/channels", **sent).status == 303
    (channel,) = told(cloud)["channels"]
    assert channel["leads_to"] == receiver.address
    key = channel["id"]
    tested = post(cloud, f"{PAGE}/channels/test", id=key)
    assert "The test was sent: it answers 204." in tested.text
    receiver.replies = [(500, {})]
    tested = post(cloud, f"{PAGE}/channels/test", id=key)
    assert (tested.status, "it answers 500" in tested.text) == (400, True)
    changed = {"id": key, "name": "renamed"}
    assert post(cloud, f"{PAGE}/channels/change", **changed).status == 303
    assert json.loads(receiver.got[-1].body)["type"] == "vethscope.test"
    for shown in (cloud.get(PAGE).text, json.dumps(told(cloud)), tested.text):
        assert KEY not in shown
        assert "hidden-path" not in shown
    assert post(cloud, f"{PAGE}/channels/switch", id=key, is_on="no").status == 303
    assert told(cloud)["channels"][0]["is_on"] is False
    assert post(cloud, f"{PAGE}/channels/delete", id=key).status == 400
    assert post(cloud, f"{PAGE}/channels/delete", id=key, sure="yes").status == 303
    assert told(cloud)["channels"] == []
    audit = cloud.get("/api/v1/administration/audit").json()["lines"]
    assert {"alert channel created", "alert channel deleted"} <= {
        line["action"] for line in audit
    }
    assert KEY not in json.dumps(audit)


def test_key_that_is_made_is_shown_once(cloud: Cloud, receiver: Web) -> None:
    sent = {"kind": "webhook", "name": "hook", "url": receiver.address}
    answer = post(cloud, f"{PAGE}/channels", **sent)
    shown = answer.headers["location"]
    assert "whsec_" in cloud.get(shown).text
    assert cloud.get(shown).status == 404


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("url", {"kind": "webhook", "name": "x", "url": "ftp://x/" + KEY}),
        ("name", {"kind": "slack", "name": "", "url": "https://x/"}),
        ("password", {"kind": "mail", "name": "x", "host": "h", "user": "u"}),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(
    cloud: Cloud, field: str, sent: dict[str, str]
) -> None:
    usual = {"sender": "a@example.com", "recipients": "b@example.com"}
    answer = post(cloud, f"{PAGE}/channels", **{**usual, **sent})
    assert answer.status == 400
    assert f'id="wrong-{field}"' in answer.text
    assert KEY not in answer.text


def test_password_does_not_go_to_another_host(cloud: Cloud) -> None:
    sent = {
        "kind": "mail",
        "name": "m",
        "host": "old",
        "user": "u",
        "password": KEY,
        "sender": "a@example.com",
        "recipients": "b@example.com",
    }
    assert post(cloud, f"{PAGE}/channels", **sent).status == 303
    key = told(cloud)["channels"][0]["id"]
    same = sent | {"id": key, "password": "", "port": "587", "security": "starttls"}
    assert post(cloud, f"{PAGE}/channels/change", **same).status == 303
    other = same | {"host": "new"}
    assert post(cloud, f"{PAGE}/channels/change", **other).status == 400


def test_rules_are_made_changed_and_deleted(cloud: Cloud) -> None:
    assert len(told(cloud)["rules"]) == 2
    sent: dict[str, str | list[str]] = {"title": "Mine", "topics": ["problem"]}
    assert post(cloud, f"{PAGE}/rules", **sent).status == 303
    (mine,) = [one for one in told(cloud)["rules"] if one["title"] == "Mine"]
    sent |= {"id": mine["id"], "topics": ["data_in_url"], "scope": "eu us/shop"}
    assert post(cloud, f"{PAGE}/rules", **sent).status == 303
    assert post(cloud, f"{PAGE}/rules", title="None", topics=[]).status == 400
    post(cloud, f"{PAGE}/rules/switch", id=mine["id"], is_on="no")
    (mine,) = [one for one in told(cloud)["rules"] if one["title"] == "Mine"]
    assert mine["topics"] == ["data_in_url"]
    assert (mine["scope"], mine["is_on"]) == ("eu us/shop", False)
    assert post(cloud, f"{PAGE}/rules/delete", id=mine["id"]).status == 303
    assert len(told(cloud)["rules"]) == 2


def test_finding_is_written_as_ocsf(cloud: Cloud, tmp_path: Path) -> None:
    sent = {"kind": "file", "name": "siem", "file": "found.jsonl"}
    post(cloud, f"{PAGE}/channels", **sent)
    key = told(cloud)["channels"][0]["id"]
    assert "1 findings written" in post(cloud, f"{PAGE}/channels/test", id=key).text
    (line,) = (tmp_path / "found.jsonl").read_bytes().splitlines()
    found = json.loads(line)
    assert (found["class_uid"], found["type_uid"]) == (2006, 200_601)
    assert found["metadata"]["version"] == "1.6.0"
    escape = {"kind": "file", "name": "x", "file": "../x"}
    assert post(cloud, f"{PAGE}/channels", **escape).status == 400
