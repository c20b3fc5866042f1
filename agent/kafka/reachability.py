"""Whether Kafka can be used, and if not, why: one line that names the setting.

In: what librdkafka tells of its connections: errors, lines of its log, statistics. Out:
a line when Kafka cannot be used, one when it can again, and `is_up` for readiness.
Some refusals have no error code of their own: a broker that wants TLS just closes a
connection in plain text. They are known by librdkafka's words and the state that it
was in. Its own words are not passed on, for they may hold what a broker chose to say.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError

from agent.outage import Outage

log = logging.getLogger("vethscope")

HANGS_UP = "hangs up"

REASONS = (
    (("Unsupported SASL mechanism",), "does not take kafka.sasl_mechanism"),
    (
        ("not valid in current SASL state",),
        "wants no password: see kafka.security_protocol",
    ),
    (("SASL",), "refuses kafka.sasl_username or kafka.sasl_password"),
    (
        ("certificate verify failed",),
        "has a certificate that kafka.ca_file does not prove",
    ),
    (
        ("SSL connection closed", "SSL_HANDSHAKE"),
        "does not speak TLS: see kafka.security_protocol",
    ),
    (
        ("SSL connection closed", "state UP"),
        f"{HANGS_UP}: it may want a password, see kafka.security_protocol",
    ),
    (("SSL alert",), "refuses our certificate: see kafka.certificate_file"),
    (
        ("connection closed by peer", "APIVERSION_QUERY"),
        f"{HANGS_UP}: it may want TLS, see kafka.security_protocol",
    ),
)
"""What stands in librdkafka's text → what it means; the first that fits."""

_STEADY = 2
"""Statistics in a row with a broker that is up: one that wants a password after TLS
is up for a moment at each attempt."""


def reason(text: str) -> str:
    """Of a failed connection; empty: none that we know."""
    for marks, words in REASONS:
        if all(mark in text for mark in marks):
            return words
    return ""


class Reachability:
    """Of one Kafka, as the clients of one program see it; called by their polls."""

    def __init__(
        self, bootstrap: str, say: Callable[[str], None] = log.warning
    ) -> None:
        self._outage = Outage("kafka", bootstrap, say=say)
        self._is_serving = self._has_served = False
        self._is_failing = False
        self._in_row = 0
        self._reason = ""
        self._refusal = ""

    @property
    def is_up(self) -> bool:
        """A broker serves us and refuses nothing; false at first, too."""
        return self._is_serving and not self._refusal

    def down(self) -> None:
        """Nobody serves us."""
        self._is_serving = False
        self._outage.tell(self._reason)

    def up(self) -> None:
        self._is_serving = self._has_served = True
        self._is_failing = False
        self._reason = ""
        self._end()

    def refuse(self, error: KafkaError) -> None:
        """A broker answers, but not as we need it."""
        self._refusal = f"{error.name()}: {error.str()}"
        self._outage.tell(f"refuses: {self._refusal}")

    def accept(self) -> None:
        """A broker does what it may have refused before."""
        if self._refusal:
            self._refusal = ""
            self._end()

    def on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._is_failing = True
        else:
            self._note(error.str())

    def on_statistics(self, text: str) -> None:
        """Once a second."""
        brokers = json.loads(text)["brokers"].values()
        is_one_up = any(broker["state"] == "UP" for broker in brokers)
        self._in_row = self._in_row + 1 if is_one_up else 0
        if self._in_row >= _STEADY:
            self.up()
        elif self._is_failing and not is_one_up:
            self.down()

    def log(self, level: int, text: str, *arguments: Any) -> None:
        """In place of a logger: librdkafka's log is heard, and passed on if grave."""
        told = text % arguments
        if level >= logging.CRITICAL:
            log.error("kafka: %s", told)
        self._note(told)

    def _note(self, text: str) -> None:
        """A broker that served us before and hangs up is just going away."""
        found = reason(text)
        if found and not (self._has_served and found.startswith(HANGS_UP)):
            self._reason = found

    def _end(self) -> None:
        if self.is_up:
            self._outage.end()
