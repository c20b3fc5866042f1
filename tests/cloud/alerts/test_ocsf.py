"""Findings against what OCSF 1.6.0 says of the class and of its objects.

`ocsf-1.6.0.json` holds names, types, numbers and what is required, read out of
github.com/ocsf/ocsf-schema, tag v1.6.0 (Apache-2.0). Its category 2 and class 6 are the
numbers 2 and 2006.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from cloud.alerts.message import Line, News, Topic
from cloud.alerts.ways import ocsf
from cloud.alerts.ways.parcel import Parcel

SCHEMA = json.loads(Path(__file__).with_name("ocsf-1.6.0.json").read_text())
SIMPLE = {
    "string_t": str,
    "integer_t": int,
    "long_t": int,
    "hostname_t": str,
    "timestamp_t": int,
    "boolean_t": bool,
    "url_t": str,
}


def check(told: dict[str, Any], shape: dict[str, Any]) -> None:
    known = shape["attributes"]
    required = {name for name, one in known.items() if one.get("is_required")}
    assert required <= told.keys()
    some = shape.get("constraints", {}).get("at_least_one")
    assert not some or set(some) & told.keys()
    for name, value in told.items():
        one = known[name]
        values = value if one.get("is_array") else [value]
        for each in values:
            if one["type"] in SCHEMA["objects"]:
                check(each, SCHEMA["objects"][one["type"]])
            else:
                assert type(each) is SIMPLE[one["type"]], name
            if "enum" in one:
                assert str(each) in one["enum"], name


@pytest.mark.parametrize("topic", Topic)
def test_findings_are_of_the_class(topic: Topic) -> None:
    full = Line(
        id="a",
        topic=topic,
        gravity=4,
        at_ns=10**18,
        words="Wörter",
        sensitivity="high",
        data_type="financial.iban",
        cluster="eu",
        sender="shop/api",
        receiver="x/y",
        endpoint="GET /",
        field="$.a",
        policy="None",
        advice="Look",
    )
    news = News("Rule", [full, Line("b", topic, 0, 1, "words")], {topic: 7})
    lines = list(ocsf.lines(Parcel("id", news, "https://x", 10**18), news))
    assert len(lines) == 3
    for line in lines:
        assert line.isascii()
        told = json.loads(line)
        check(told, SCHEMA["class"])
        assert told["class_uid"] == 2006
        assert told["type_uid"] == 200_600 + told["activity_id"]
    assert json.loads(lines[-1])["count"] == 5
    assert "W\\u00f6rter" in lines[0].decode()
