"""What is sent, before it has the form of a channel. Stored as JSON.

No message holds a captured value: names, data types, counts, ids and addresses of pages
only. Every text has a bound.
"""

from enum import StrEnum

import msgspec

MOST_LINES = 50
"""Of one message, the gravest; the rest is a count."""
MOST_TEXT = 300
"""Characters of each text of a line."""


class Topic(StrEnum):
    """What may be worth an alert. Names are stored."""

    VIOLATION = "violation"
    RETURNED = "violation_returned"
    IN_URL = "data_in_url"
    ENDPOINT_TYPE = "new_data_type"
    EDGE = "new_sensitive_edge"
    PARTY = "new_external_party"
    COUNTRY = "new_country"
    COVERAGE = "coverage_fell"
    PROBLEM = "problem"


WORDS = {
    Topic.VIOLATION: "Policy violated",
    Topic.RETURNED: "Violation returned",
    Topic.IN_URL: "Sensitive data in a URL",
    Topic.ENDPOINT_TYPE: "New data type at an endpoint",
    Topic.EDGE: "New connection carries sensitive data",
    Topic.PARTY: "New external party",
    Topic.COUNTRY: "New country of an external party",
    Topic.COVERAGE: "Coverage fell",
    Topic.PROBLEM: "Vethscope does not work as it should",
}

COUNTED = {
    Topic.VIOLATION: ("policy violation", "policy violations"),
    Topic.RETURNED: ("returned violation", "returned violations"),
    Topic.IN_URL: ("finding in a URL", "findings in URLs"),
    Topic.ENDPOINT_TYPE: ("new data type", "new data types"),
    Topic.EDGE: ("new sensitive connection", "new sensitive connections"),
    Topic.PARTY: ("new external party", "new external parties"),
    Topic.COUNTRY: ("new country", "new countries"),
    Topic.COVERAGE: ("fall of coverage", "falls of coverage"),
    Topic.PROBLEM: ("problem of Vethscope itself", "problems of Vethscope itself"),
}
"""One of them, and several."""
SEVERITIES = ("info", "low", "medium", "high", "critical")
"""By gravity."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One piece of news. What it is not about is empty."""

    id: str
    """The same for the same news, whatever message it is in."""
    topic: Topic
    gravity: int
    """0 to 4."""
    at_ns: int
    words: str
    sensitivity: str = ""
    data_type: str = ""
    cluster: str = ""
    sender: str = ""
    """NAMESPACE/NAME"""
    receiver: str = ""
    endpoint: str = ""
    """METHOD PATH"""
    field: str = ""
    """Where in the message, by its names."""
    policy: str = ""
    advice: str = ""
    path: str = "/"
    """Of the page that shows more."""


class News(msgspec.Struct, tag="news"):
    """Lines that were gathered for one rule and channel."""

    rule: str
    lines: list[Line] = []
    counts: dict[str, int] = {}
    """Topic → news, those without a line too."""
    is_test: bool = False

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def gravity(self) -> int:
        return max((line.gravity for line in self.lines), default=0)

    @property
    def more(self) -> int:
        """News without a line."""
        return self.total - len(self.lines)

    def add(self, lines: list[Line]) -> None:
        """Counts all and keeps the gravest."""
        for line in lines:
            self.counts[line.topic] = self.counts.get(line.topic, 0) + 1
        kept = [*self.lines, *lines]
        kept.sort(key=lambda line: (-line.gravity, line.at_ns, line.id))
        self.lines = kept[:MOST_LINES]

    @property
    def subject(self) -> str:
        if self.is_test:
            return "Vethscope: a test of this channel"
        if self.total == 1:
            line = self.lines[0]
            about = line.policy or line.data_type
            words = f"{line.words}: {about}" if about else line.words
            return f"Vethscope: {words}"[:MOST_TEXT]
        gravest = SEVERITIES[self.gravity]
        words = f"{self.total:,} alerts, the gravest {gravest}: {self.rule}"
        return f"Vethscope: {words}"[:MOST_TEXT]

    @property
    def path(self) -> str:
        """Of the page that has them all."""
        if self.is_test:
            return "/administration/alerts"
        if self.counts.keys() <= {Topic.VIOLATION, Topic.RETURNED}:
            return "/violations"
        return "/status" if self.counts.keys() == {Topic.PROBLEM} else "/changes"


class Mail(msgspec.Struct, frozen=True, tag="mail"):
    """A mail that another part of the cloud has written."""

    subject: str
    text: str
    html: str = ""
    to: tuple[str, ...] = ()
    """Empty: the recipients of the channel."""
    key: str = ""
    """A second mail of the same key is not sent; empty: each is."""


Message = News | Mail


def decode(body: str) -> Message:
    """What `encode` made."""
    found: Message = msgspec.json.decode(body, type=Message)
    return found


def encode(message: Message) -> str:
    return msgspec.json.encode(message).decode()


def clipped(text: str, most: int = MOST_TEXT) -> str:
    """One printable line of bounded length."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join(c if c.isprintable() else "?" for c in cut)
