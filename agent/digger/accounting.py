"""Accounting: messages from Kafka into the draft, with the offsets they came from.

In: messages in the order of their partitions. Out: counts in the draft, the offsets
that it covers, and each message or part of one that could not be used, by reason.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

from agent.cluster.freshness import Freshness
from agent.digger.counting import Counting
from agent.digger.decoding import Undecodable, decode_batch, decode_coverage
from agent.digger.intake import Received
from agent.encryption import Opener, Unreadable
from agent.lifecycle import told as words
from agent.record import Batch, NodeCoverage

log = logging.getLogger("vethscope")


class Accounting:
    """Into the draft of `counting`, which `close` hands on and replaces."""

    def __init__(
        self,
        counting: Counting,
        opener: Opener,
        records_topic: str,
        freshness: Freshness,
        failures: Counter[str],
        close: Callable[[], None],
    ) -> None:
        """`failures` counts what could not be used, by reason."""
        self._counting = counting
        self._opener = opener
        self._records_topic = records_topic
        self._freshness = freshness
        self._close = close
        self._failures = failures
        self.draft_began = time.monotonic()
        """When the draft's first message came."""

    def account(self, received: Received) -> None:
        """One message; whatever is wrong with it, the next one can follow."""
        self._cover(received)
        try:
            self._count(received)
        except Exception as error:
            self.fail("undecodable", error=error)

    def fail(self, reason: str, count: int = 1, error: Exception | None = None) -> None:
        """Counts what is lost, here and in the package."""
        if error is not None and not self._failures[reason]:
            log.error("digger: a message is passed over: %s", words(error))
        if count:
            self._failures[reason] += count
            self._counting.draft.note(reason, count)

    def _cover(self, received: Received) -> None:
        place = received.identity, received.partition
        first, following = received.first, received.following
        if received.follows > first:
            self._start_over(*place, received.follows, first)
        elif received.follows < first:
            # A gap stands before the first record of a package only.
            if self._counting.draft.covers(*place):
                self._close()
            self._counting.draft.follow(*place, received.follows)
            self._failures["expired"] += first - received.follows
        if self._counting.draft.is_empty:
            self.draft_began = time.monotonic()
        self._counting.draft.cover(*place, first, following)

    def _start_over(self, topic: str, partition: int, stored: int, first: int) -> None:
        """Tells the cloud that offsets below what it stored are used anew."""
        self._close()
        self._counting.draft.follow(topic, partition, stored)
        self._counting.draft.cover(topic, partition, first, first)
        self._close()
        self._failures["log_truncated"] += 1

    def _count(self, received: Received) -> None:
        draft = self._counting.draft
        is_records = received.topic == self._records_topic
        value = self._opener.open(received.topic, received.key, received.value)
        told: Unreadable | Undecodable | Batch | NodeCoverage
        if isinstance(value, Unreadable):
            told = value
        else:
            told = decode_batch(value) if is_records else decode_coverage(value)
        if isinstance(told, Batch):
            exchanges = self._counting.count(told, time.monotonic())
            draft.exchanges += exchanges
            if self._freshness.is_old:
                draft.note("names_old", exchanges)
        elif isinstance(told, NodeCoverage):
            draft.cover_node(told)
        else:
            draft.exchanges += is_records
            self.fail(told.value)
