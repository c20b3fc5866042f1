"""Kafka values back to records and coverage, trusted only as far as they make sense.

In: one message's bytes. Out: a Record or NodeCoverage whose numbers fit the package,
or None: the message is of another version, broken, or not ours.
"""

import re

import msgspec

from agent.record import (
    VERSION,
    NodeCoverage,
    Record,
    coverage_decoder,
    record_decoder,
)

LATEST_NS = (1 << 62) - 1
"""The year 2116."""
LARGEST = 1 << 40
"""Of one count of bytes or pieces."""
MOST_REASONS = 50

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)
"""What msgspec raises; text that is no UTF-8 is not among its own errors."""

_IDENTITY = re.compile(r"(?:[-a-z0-9]{1,63}/[-a-z0-9]{1,63})?")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,47}")


def decode_record(value: bytes) -> Record | None:
    try:
        record = record_decoder.decode(value)
    except _UNREADABLE:
        return None
    return record if _is_record(record) else None


def decode_coverage(value: bytes) -> NodeCoverage | None:
    try:
        coverage = coverage_decoder.decode(value)
    except _UNREADABLE:
        return None
    return coverage if _is_coverage(coverage) else None


def _is_record(record: Record) -> bool:
    request, response = record.request, record.response
    return (
        record.version == VERSION
        and len(record.client) in (4, 16)
        and len(record.server) in (4, 16)
        and 0 <= record.server_port <= 65_535
        and 0 <= record.started_ns <= LATEST_NS
        and 0 <= record.answered_ns <= LATEST_NS
        and 0 <= request.body_bytes <= LARGEST
        and 0 <= response.body_bytes <= LARGEST
        and _IDENTITY.fullmatch(record.client_identity) is not None
    )


def _is_coverage(coverage: NodeCoverage) -> bool:
    counters = (coverage.buckets, coverage.counts)
    return (
        coverage.version == VERSION
        and len(coverage.node.encode()) <= 253
        and len(coverage.pod) in (0, 4, 16)
        and 0 <= coverage.window_start_ns <= coverage.window_end_ns <= LATEST_NS
        and all(len(counter) <= MOST_REASONS for counter in counters)
        and all(
            _REASON.fullmatch(reason) and 0 <= count <= LARGEST
            for counter in counters
            for reason, count in counter.items()
        )
    )
