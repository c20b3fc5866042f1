"""A webhook: JSON, signed as Standard Webhooks (specification 1.0.0) has it.

In: a parcel, and a channel's address and key. Out: a POST. The signature is HMAC-SHA256
(RFC 2104) over `id.timestamp.body`, in the header `webhook-signature` as `v1,` and
base64. A receiver refuses timestamps that are older or newer than five minutes, and
ids that it has seen: attempts of one delivery have the same id.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from cloud.alerts.channel import KEY_MARK
from cloud.alerts.message import SEVERITIES, Line, News
from cloud.alerts.ways.parcel import Parcel
from cloud.alerts.ways.reaching import Reach, SendError
from cloud.alerts.ways.web import place, post

VERSION = 1
"""Of the document; it grows when a field changes its meaning."""
REPLAY_SECONDS = 300
"""A receiver refuses what is older."""


def send(
    parcel: Parcel, settings: Mapping[str, str], secret: Mapping[str, str], reach: Reach
) -> str:
    """What the receiver said. Raises SendError."""
    if not isinstance(parcel.message, News):
        raise SendError("a mail goes by mail only", is_final=True)
    body = msgspec.json.encode(document(parcel, parcel.message))
    moment = str(parcel.now_ns // 10**9)
    headers = {
        "content-type": "application/json",
        "webhook-id": parcel.id,
        "webhook-timestamp": moment,
        "webhook-signature": signature(secret["key"], parcel.id, moment, body),
    }
    answer = post(place(secret["url"]), body, headers, reach)
    return f"it answers {answer.status}"


def signature(key: str, delivery: str, moment: str, body: bytes) -> str:
    """A key that begins with `whsec_` is base64, all others are text."""
    try:
        raw = b64decode(key.removeprefix(KEY_MARK), validate=True)
    except ValueError:
        raw = b""
    if not key.startswith(KEY_MARK) or not raw:
        raw = key.encode()
    signed = f"{delivery}.{moment}.".encode() + body
    return f"v1,{b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()}"


def document(parcel: Parcel, news: News) -> dict[str, Any]:
    """What is sent."""
    return {
        "version": VERSION,
        "id": parcel.id,
        "type": "vethscope.test" if news.is_test else "vethscope.news",
        "rule": news.rule,
        "severity": SEVERITIES[news.gravity],
        "total": news.total,
        "counts": news.counts,
        "more": news.more,
        "link": parcel.link("/changes"),
        "news": [_told(parcel, line) for line in news.lines],
    }


def _told(parcel: Parcel, line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "topic": line.topic,
        "severity": SEVERITIES[line.gravity],
        "seconds": line.at_ns // 10**9,
        "words": line.words,
        "sensitivity": line.sensitivity,
        "data_type": line.data_type,
        "cluster": line.cluster,
        "sender": line.sender,
        "receiver": line.receiver,
        "endpoint": line.endpoint,
        "field": line.field,
        "policy": line.policy,
        "advice": line.advice,
        "link": parcel.link(line.path),
    }
