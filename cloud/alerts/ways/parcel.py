"""A message on its way, and how it reads as plain lines.

In: a message, its delivery and where pages are. Out: words that every way shares.
Signs that a receiver could read as more than text are the receiver's own to escape.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from cloud.alerts.message import COUNTED, SEVERITIES, Line, Message, News, Topic

MOST_SHOWN = 15
"""Lines that people read in one message; programs get all."""


class Parcel(NamedTuple):
    """One delivery, ready to be sent."""

    id: str
    """The same at each attempt."""
    message: Message
    address: str
    """Of the dashboard."""
    now_ns: int
    grouped: str = ""

    def link(self, path: str) -> str:
        return self.address.rstrip("/") + path


def headline(line: Line) -> str:
    """What happened, in one line."""
    parts = [line.words]
    if line.data_type:
        parts.append(line.data_type)
    return ": ".join(parts)


def between(line: Line) -> str:
    """Where it happened, in one line; empty: it is about no place."""
    flow = " → ".join(part for part in (line.sender, line.receiver) if part)
    parts = [flow, line.endpoint, line.field]
    where = ", ".join(part for part in parts if part)
    if line.cluster:
        named = f"cluster {line.cluster}"
        where = f"{where} ({named})" if where else named
    return where


def when(line: Line) -> str:
    """In UTC, to the minute: a message may come late."""
    at = datetime.fromtimestamp(line.at_ns // 10**9, UTC)
    return f"{at:%Y-%m-%d %H:%M} UTC"


def counted(news: News) -> str:
    """How many of what."""
    return ", ".join(
        f"{count:,} {COUNTED[Topic(topic)][count > 1]}"
        for topic, count in sorted(news.counts.items(), key=lambda one: -one[1])
    )


def details(line: Line) -> list[str]:
    """Where, when, against what, and what to do: a text each."""
    policy = line.policy and f"Policy: {line.policy}"
    return [part for part in (between(line), when(line), policy, line.advice) if part]


def plain(parcel: Parcel, news: News) -> str:
    """The whole message as text."""
    lines = [f"{counted(news)}, by the rule “{news.rule}”.", ""] if news.counts else []
    for line in news.lines[:MOST_SHOWN]:
        lines.append(f"[{SEVERITIES[line.gravity]}] {headline(line)}")
        lines += [f"    {part}" for part in details(line)]
        lines += [f"    {parcel.link(line.path)}", ""]
    rest = news.total - min(len(news.lines), MOST_SHOWN)
    if rest > 0 and not news.is_test:
        lines += [f"And {rest:,} more: {parcel.link(news.path)}", ""]
    return "\n".join(lines)
