"""OCSF 1.6.0, class *Data Security Finding* (class_uid 2006, category 2, Findings).

In: a parcel. Out: one finding a line of the message, and one more with the count of
what has no line. Fields and numbers are those of github.com/ocsf/ocsf-schema, tag
v1.6.0: events/findings/data_security_finding and its objects. Times are milliseconds.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from cloud.alerts.message import WORDS, Line, News, Topic
from cloud.alerts.ways.parcel import Parcel, between, counted, headline

VERSION = "1.6.0"
CLASS, CATEGORY, CREATE, UPDATE = 2006, 2, 1, 2
_SEVERITIES = (
    (1, "Informational"),
    (2, "Low"),
    (3, "Medium"),
    (4, "High"),
    (5, "Critical"),
)
"""By gravity."""
_CATEGORIES = {
    "contact": 1,
    "health": 1,
    "location": 1,
    "personal": 1,
    "special": 1,
    "identity": 2,
    "financial": 3,
    "apikey": 6,
    "credential": 6,
    "device": 6,
    "network": 6,
}
"""First part of a data type's name → OCSF's category."""
_CONFIDENTIALITY = {"low": 5, "medium": 2, "high": 6}
"""Sensitivity → Private, Confidential, Restricted."""


def lines(parcel: Parcel, news: News) -> Iterator[bytes]:
    """Findings as JSON, each in one line of ASCII without its end."""
    for line in news.lines:
        yield _encoded(finding(parcel, news, line))
    if news.more > 0:
        yield _encoded(_rest(parcel, news))


def finding(parcel: Parcel, news: News, line: Line) -> dict[str, Any]:
    """One of them."""
    at_ms = line.at_ns // 10**6
    told = _base(parcel, news, line.gravity)
    activity = UPDATE if line.topic is Topic.RETURNED else CREATE
    told |= {
        "activity_id": activity,
        "activity_name": "Update" if activity == UPDATE else "Create",
        "type_uid": CLASS * 100 + activity,
        "message": ". ".join(filter(None, (headline(line), between(line)))),
        "start_time": at_ms,
        "finding_info": {
            "uid": line.id,
            "title": headline(line),
            "desc": line.advice or line.words,
            "types": [WORDS[line.topic]],
            "first_seen_time": at_ms,
            "created_time": parcel.now_ns // 10**6,
            "src_url": parcel.link(line.path),
            "analytic": {
                "type_id": 1,
                "type": "Rule",
                "name": line.policy or news.rule,
            },
        },
    }
    if line.data_type:
        told["data_security"] = _data_security(line)
    if line.sender:
        told["src_endpoint"] = _endpoint(line.sender)
    if line.receiver:
        told["dst_endpoint"] = _endpoint(line.receiver)
    if resources := _resources(line):
        told["resources"] = resources
    return told


def _base(parcel: Parcel, news: News, gravity: int) -> dict[str, Any]:
    number, name = _SEVERITIES[gravity]
    return {
        "class_uid": CLASS,
        "class_name": "Data Security Finding",
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "time": parcel.now_ns // 10**6,
        "severity_id": number,
        "severity": name,
        "status_id": 1,
        "status": "New",
        "is_alert": not news.is_test,
        "metadata": {
            "version": VERSION,
            "uid": parcel.id,
            "product": {"name": "Vethscope", "vendor_name": "Vethscope"},
        },
    }


def _rest(parcel: Parcel, news: News) -> dict[str, Any]:
    words = f"{news.more:,} more news that are not told one by one"
    return _base(parcel, news, 0) | {
        "activity_id": CREATE,
        "activity_name": "Create",
        "type_uid": CLASS * 100 + CREATE,
        "message": f"{words}; in all {counted(news)}",
        "count": news.more,
        "finding_info": {
            "uid": f"{parcel.id}-more",
            "title": words,
            "src_url": parcel.link("/changes"),
            "analytic": {"type_id": 1, "type": "Rule", "name": news.rule},
        },
    }


def _data_security(line: Line) -> dict[str, Any]:
    first = line.data_type.partition(".")[0]
    told: dict[str, Any] = {
        "category_id": _CATEGORIES.get(first, 99),
        "category": first,
        "confidentiality_id": _CONFIDENTIALITY.get(line.sensitivity, 0),
        "detection_pattern": line.data_type,
        "detection_system_id": 99,
        "detection_system": "Network capture",
        "data_lifecycle_state_id": 2,
        "data_lifecycle_state": "Data in-Transit",
    }
    if line.policy:
        told["policy"] = {"name": line.policy}
    return told


def _endpoint(name: str) -> dict[str, Any]:
    return {"name": name, "svc_name": name.rpartition("/")[2]}


def _resources(line: Line) -> list[dict[str, Any]]:
    found = []
    if line.endpoint:
        found.append({"type": "Endpoint", "name": line.endpoint})
    if line.field:
        found.append({"type": "Field", "name": line.field})
    if line.cluster:
        found.append({"type": "Cluster", "name": line.cluster})
    return found


def _encoded(document: dict[str, Any]) -> bytes:
    """ASCII, so that no receiver has to guess (RFC 5424, section 6.4)."""
    text = msgspec.json.encode(document).decode()
    return "".join(c if c < "\x7f" else _escape(c) for c in text).encode()


def _escape(sign: str) -> str:
    raw = sign.encode("utf-16-be")
    return "".join(f"\\u{raw[at : at + 2].hex()}" for at in range(0, len(raw), 2))
