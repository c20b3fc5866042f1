"""Reporting: what the interceptor tells of each window of time, on Kafka.

In: coverage, and in which state it is. Out: what each pod's interfaces carried and what
became of it, and now and then how the interceptor itself is.
"""

import math
import os
import time
from importlib.metadata import version

from agent.interceptor.coverage import Coverage
from agent.interceptor.search import sockmaps
from agent.kafka.producer import RecordProducer
from agent.record import VERSION, Agent, NodeCoverage, encoder

WINDOW_SECONDS = 2.0
"""Coverage is reported this often."""
SOCKMAPS_SECONDS = 30.0
"""Maps that join sockets are looked for this often."""
AGENT_SECONDS = 60.0
"""How it is itself is told this often, and at once when that changes."""

_VERSION_TEXT = version("vethscope")


class Reporting:
    """Of one node, window by window."""

    def __init__(self, node: str, coverage: Coverage) -> None:
        self._node = node
        self._coverage = coverage
        self._started_ns = self._window_ns = time.time_ns()
        self._sockmaps_at = -math.inf
        self._has_sockmaps = False
        self._told_state = ""
        self._told_at = 0.0

    @property
    def is_due(self) -> bool:
        return time.time_ns() - self._window_ns > WINDOW_SECONDS * 1e9

    def publish(self, producer: RecordProducer, state: str, workers: int) -> None:
        """Ends the window. `state` is a word of `agent/record.py`."""
        start_ns, self._window_ns = self._window_ns, time.time_ns()
        self._look_for_sockmaps()
        windows = self._coverage.window(start_ns, self._window_ns)
        for window in windows + self._self(start_ns, state, workers):
            producer.send(
                window.node.encode(),
                encoder.encode(window),
                0,
                producer.topics.coverage,
            )
        producer.poll()

    def _look_for_sockmaps(self) -> None:
        now = time.monotonic()
        if now - self._sockmaps_at >= SOCKMAPS_SECONDS:
            self._sockmaps_at, self._has_sockmaps = now, sockmaps.are_there()
        pods = len(self._coverage.places())
        self._coverage.blind["sockmap"] = pods if self._has_sockmaps else 0

    def _self(self, start_ns: int, state: str, workers: int) -> list[NodeCoverage]:
        """How the interceptor is, if that is due; it covers nothing."""
        now = time.monotonic()
        if state == self._told_state and now - self._told_at < AGENT_SECONDS:
            return []
        self._told_state, self._told_at = state, now
        kernel = os.uname().release[:100]
        agent = Agent(_VERSION_TEXT, self._started_ns, workers, kernel, state)
        told = NodeCoverage(VERSION, self._node, start_ns, self._window_ns, agent=agent)
        return [told]
