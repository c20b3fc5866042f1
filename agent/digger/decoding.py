"""Kafka values back to batches and coverage, trusted only as far as they make sense.

In: one message's bytes, which anybody may have written. Out: a Batch or NodeCoverage
whose numbers fit the package, or why there is none. Nothing is raised, whatever the
bytes are: a message that ended one digger would end the next one too.
"""

import re
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

import msgspec

from agent.record import (
    VERSION,
    Agent,
    Batch,
    Fact,
    Message,
    NodeCoverage,
    Record,
    batch_decoder,
    coverage_decoder,
)

LATEST_NS = (1 << 62) - 1
"""The year 2116."""
LARGEST = 1 << 40
"""Of one count of bytes or pieces."""
MOST_REASONS = 80
LONGEST_NODE = 253
MOST_WORKERS = 10_000
"""Of a node."""
LONGEST_OPERATION = 512
"""Bytes of one operation's name."""
LONGEST_TARGET = 4_096
"""Bytes of a fact's target; the writer stops at half of that."""

_IDENTITY = re.compile(r"(?:[-a-z0-9]{1,63}/[-a-z0-9]{1,63})?")
_TEXT = re.compile(r"[\x20-\x7e]{0,100}")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,47}")

Value = TypeVar("Value")


class Undecodable(Enum):
    """Why a message holds nothing for us; the reason in coverage."""

    VERSION = "unknown_version"
    BROKEN = "undecodable"


class _Begins(msgspec.Struct, array_like=True):
    """What a batch of any version begins with."""

    version: int


class _Holds(msgspec.Struct):
    """What coverage of any version holds."""

    version: int


_first = msgspec.msgpack.Decoder(_Begins)
_named = msgspec.msgpack.Decoder(_Holds)


def decode_batch(value: bytes) -> Batch | Undecodable:
    batch = _decoded(batch_decoder, value, _is_batch)
    return batch or _why(_decoded(_first, value, lambda _: True))


def decode_coverage(value: bytes) -> NodeCoverage | Undecodable:
    coverage = _decoded(coverage_decoder, value, _is_coverage)
    return coverage or _why(_decoded(_named, value, lambda _: True))


def _decoded(
    decoder: "msgspec.msgpack.Decoder[Value]",
    value: bytes,
    makes_sense: Callable[[Value], bool],
) -> Value | None:
    try:
        decoded = decoder.decode(value)
        return decoded if makes_sense(decoded) else None
    except Exception:
        # Nesting too deep, lengths beyond memory, text that is none: whatever it is.
        return None


def _why(known: _Begins | _Holds | None) -> Undecodable:
    is_other = known is not None and known.version != VERSION
    return Undecodable.VERSION if is_other else Undecodable.BROKEN


def _is_batch(batch: Batch) -> bool:
    return (
        batch.version == VERSION
        and len(batch.node) <= LONGEST_NODE
        and len(batch.server) in (4, 16)
        and 0 <= batch.server_port <= 65_535
        and all(map(_is_fact, batch.facts))
        and all(map(_is_record, batch.records))
    )


def _is_fact(fact: Fact) -> bool:
    identity = fact.client_identity
    return (
        len(fact.client) in (4, 16)
        and (not identity or _IDENTITY.fullmatch(identity) is not None)
        and len(fact.target) <= LONGEST_TARGET
        and 0 <= fact.status <= 999
        and 0 <= fact.shape < 1 << 64
        and len(fact.operation) <= LONGEST_OPERATION
        and 0 <= fact.exchanges <= LARGEST
        and 0 <= fact.truncated <= LARGEST
        and 0 <= fact.request_bytes <= LARGEST
        and 0 <= fact.response_bytes <= LARGEST
        and 0 <= fact.first_ns <= fact.last_ns <= LATEST_NS
        and 0 <= fact.waited_ns <= LATEST_NS
    )


def _is_record(record: Record) -> bool:
    return (
        _is_fact(record.fact)
        and record.fact.exchanges <= 1
        and 0 <= record.part <= LARGEST
        and 0 <= record.client_port <= 65_535
        and record.answered_ns <= LATEST_NS
        and _is_message(record.request)
        and _is_message(record.response)
    )


def _is_message(message: Message) -> bool:
    return 0 <= message.body_bytes <= LARGEST and 0 <= message.gaps <= LARGEST


def _is_agent(agent: Agent) -> bool:
    return (
        _TEXT.fullmatch(agent.version) is not None
        and _TEXT.fullmatch(agent.kernel) is not None
        and _REASON.fullmatch(agent.state) is not None
        and 0 <= agent.started_ns <= LATEST_NS
        and 0 <= agent.workers <= MOST_WORKERS
    )


def _is_coverage(coverage: NodeCoverage) -> bool:
    counters = (coverage.buckets, coverage.counts)
    return (
        coverage.version == VERSION
        and len(coverage.node.encode()) <= LONGEST_NODE
        and len(coverage.pod) in (0, 4, 16)
        and (coverage.agent is None or _is_agent(coverage.agent))
        and 0 <= coverage.window_start_ns <= coverage.window_end_ns <= LATEST_NS
        and all(len(counter) <= MOST_REASONS for counter in counters)
        and all(
            _REASON.fullmatch(reason) and 0 <= count <= LARGEST
            for counter in counters
            for reason, count in counter.items()
        )
    )
