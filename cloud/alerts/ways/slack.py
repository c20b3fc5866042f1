"""Slack's incoming webhooks: blocks, with the text that notifications show.

In: a parcel. Out: a POST. Of text the signs `&`, `<` and `>` are escaped, which is all
that Slack reads as markup from programs besides its own signs in `mrkdwn`; names stand
as `plain_text`, where those mean nothing. A section has at most 3,000 characters, a
header 150, a message 50 blocks (Slack, Block Kit reference).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cloud.alerts.message import SEVERITIES, Line, News
from cloud.alerts.ways.parcel import MOST_SHOWN, Parcel, counted, details, headline
from cloud.alerts.ways.reaching import Reach, SendError
from cloud.alerts.ways.web import RejectedError, place, post

MOST_SECTION, MOST_HEADER = 2_900, 150
_WORD = re.compile(rb"[a-z_]{1,60}")
"""Of Slack's own answers, as `no_service`."""


def send(
    parcel: Parcel, _: Mapping[str, str], secret: Mapping[str, str], reach: Reach
) -> str:
    """Raises SendError."""
    if not isinstance(parcel.message, News):
        raise SendError("a mail goes by mail only", is_final=True)
    body = msgspec.json.encode(document(parcel, parcel.message))
    headers = {"content-type": "application/json"}
    try:
        post(place(secret["url"]), body, headers, reach)
    except RejectedError as error:
        said = error.body[:100].strip()
        if _WORD.fullmatch(said):
            words = f"{error}: {said.decode()}"
            raise SendError(words, error.is_final, error.after_seconds) from None
        raise
    return "Slack took it"


def document(parcel: Parcel, news: News) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(news.subject, MOST_HEADER)}
    ]
    if news.counts:
        blocks.append({"type": "section", "text": _plain(counted(news))})
    blocks += [_section(parcel, line) for line in news.lines[:MOST_SHOWN]]
    rest = news.total - min(len(news.lines), MOST_SHOWN)
    words = f"And {rest:,} more. " if rest > 0 and not news.is_test else ""
    last = f"{words}<{_link(parcel, news.path)}|All of them>"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": last}]})
    return {"text": _escaped(news.subject), "blocks": blocks}


def _section(parcel: Parcel, line: Line) -> dict[str, Any]:
    told = [f"[{SEVERITIES[line.gravity]}] {headline(line)}", *details(line)]
    return {
        "type": "section",
        "text": _plain("\n".join(told)),
        "accessory": {
            "type": "button",
            "text": _plain("Open"),
            "url": parcel.link(line.path),
        },
    }


def _plain(text: str, most: int = MOST_SECTION) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:most], "emoji": False}


def _link(parcel: Parcel, path: str) -> str:
    return _escaped(parcel.link(path)).replace("|", "%7C")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
