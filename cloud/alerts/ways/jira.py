"""Jira issues by its REST API, version 2, which Cloud and Data Center both have.

In: a parcel of one group, as a policy and a receiver. Out: an issue at the first, a
comment on it at the next, so a violation that comes back is found where it was talked
about. With a mail address the login is Basic (Cloud's API tokens), without one the
token alone (Data Center's personal access tokens). An issue that is gone is made anew.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from cloud.alerts.message import News, clipped
from cloud.alerts.ways.parcel import Parcel, plain
from cloud.alerts.ways.reaching import Reach, SendError
from cloud.alerts.ways.web import Answer, RejectedError, place, post

MOST_SUMMARY = 250
MOST_DESCRIPTION = 30_000
_MARK = "{noformat}"
_ISSUE = re.compile(r"[A-Z][A-Z0-9_]{0,99}-[0-9]{1,12}")


class Issues(Protocol):
    """Remembers which issue belongs to what."""

    def get(self) -> str: ...

    def put(self, issue: str) -> None:
        """Empty: it is gone."""


def send(
    parcel: Parcel,
    settings: Mapping[str, str],
    secret: Mapping[str, str],
    reach: Reach,
    issues: Issues,
) -> str:
    """The issue. Raises SendError."""
    if not isinstance(parcel.message, News):
        raise SendError("a mail goes by mail only", is_final=True)
    jira = _Jira(settings, secret, reach)
    text = _text(parcel, parcel.message)
    known = issues.get()
    if known:
        try:
            jira.post(f"/rest/api/2/issue/{quote(known)}/comment", {"body": text})
        except RejectedError as error:
            if error.status != 404:
                raise
            issues.put("")
        else:
            return f"a comment on {known}"
    fields = {
        "project": {"key": settings["project"]},
        "issuetype": {"name": settings["issue_type"]},
        "summary": clipped(parcel.message.subject, MOST_SUMMARY),
        "description": text,
        "labels": ["vethscope"],
    }
    answer = jira.post("/rest/api/2/issue", {"fields": fields})
    issue = _issue(answer)
    issues.put(issue)
    return f"made {issue}"


class _Jira:
    def __init__(
        self, settings: Mapping[str, str], secret: Mapping[str, str], reach: Reach
    ) -> None:
        self._address = settings["url"].rstrip("/")
        self._reach = reach
        login = f"Bearer {secret['token']}"
        if settings["user"]:
            pair = f"{settings['user']}:{secret['token']}".encode()
            login = f"Basic {b64encode(pair).decode()}"
        self._headers = {
            "accept": "application/json",
            "authorization": login,
            "content-type": "application/json",
        }

    def post(self, path: str, document: dict[str, Any]) -> Answer:
        body = msgspec.json.encode(document)
        try:
            return post(place(self._address + path), body, self._headers, self._reach)
        except RejectedError as error:
            if names := _named(error.body):
                error.args = (f"{error}: it does not take {names}",)
            raise


def _named(body: bytes) -> str:
    """The names of fields that Jira refuses, out of its answer, and no more."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any]).get("errors", {})
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ""
    if not isinstance(found, dict):
        return ""
    names = [name for name in found if re.fullmatch(r"[A-Za-z0-9_]{1,40}", name)]
    return ", ".join(names[:5])


def _issue(answer: Answer) -> str:
    try:
        found = msgspec.json.decode(answer.body, type=dict[str, Any]).get("key")
    except (msgspec.DecodeError, msgspec.ValidationError):
        found = None
    if not isinstance(found, str) or not _ISSUE.fullmatch(found):
        raise SendError("its answer names no issue: is this Jira?", is_final=True)
    return found


def _text(parcel: Parcel, news: News) -> str:
    """As it is: in names braces and stars are Jira's markup."""
    link = parcel.link(news.lines[0].path if news.lines else news.path)
    text = plain(parcel, news).replace(_MARK, "")[:MOST_DESCRIPTION]
    return f"{link}\n{_MARK}\n{text}\n{_MARK}"
