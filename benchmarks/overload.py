"""Prints what overload and outages cost: `python -m benchmarks.overload`, as root.

A worker with a tenth of the processor time that it needs, then Kafka away for a minute,
each with nginx and wrk in network namespaces and the same measurements as the tests in
`tests/netns`. Ratios within one run; the machine is named with them.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kafka import broker
from tests.netns import outage, overload
from tests.netns.groups import CpuGroup
from tests.netns.pods import Node

SECONDS = 30
OUTAGE_SECONDS = 60.0
QUEUE_BYTES = 128 << 20


def main() -> int:
    print(f"{platform.machine()}, {os.cpu_count()} processors, {platform.release()}")
    if reason := CpuGroup.missing():
        print(f"overload is not measured: {reason}", file=sys.stderr)
        return 0
    with _places() as (node, folder):
        _print_overload(overload.measure(node, folder, SECONDS))
    if reason := broker.missing():
        print(f"the outage is not measured: {reason}", file=sys.stderr)
        return 0
    with _places() as (node, folder):
        kafka = broker.KafkaNode(folder)
        kafka.start()
        try:
            result = outage.measure(node, kafka, folder, OUTAGE_SECONDS, QUEUE_BYTES)
        finally:
            kafka.stop()
        _print_outage(result)
    return 0


@contextmanager
def _places() -> Iterator[tuple[Node, Path]]:
    node = Node()
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield node, Path(folder)
    finally:
        node.close()


def _print_overload(result: overload.Overload) -> None:
    buckets, counts = result.total.buckets, result.total.counts
    whole = sum(buckets.values())
    free, over = result.free, result.overload
    print(
        f"free: {free.pairs} pairs of {free.requests} requests, "
        f"{free.pairs_per_cpu_second:.0f} pairs a processor second\n"
        f"limit: {result.limit_cores:.4f} processors, a tenth of the need; without "
        f"overload {result.calm.pairs_per_cpu_second:.0f} pairs a processor second\n"
        f"overload: {over.requests} requests, {over.pairs} pairs, "
        f"{result.yield_share:.0%} of what the limit yields\n"
        f"wrong pairs: {result.records_wrong} of {result.records_checked} records\n"
        f"shed {buckets.get('shed', 0) / whole:.1%}, dropped by the kernel "
        f"{buckets.get('ring_drop', 0) / whole:.1%} of all bytes; "
        f"{counts['ring_drops']} frames\n"
        f"accounted: {result.accounted_share:.1%} of the interfaces' own counters\n"
        f"nothing is shed any more {result.recovery_seconds:.0f} s after the limit"
    )


def _print_outage(result: outage.Outage) -> None:
    print(
        f"Kafka away for {OUTAGE_SECONDS:.0f} s: {result.requests} requests, "
        f"{result.total.counts['pairs']} pairs, {result.records} records, "
        f"{result.repeated} of them repeated, dropped {dict(result.dropped)}"
    )


if __name__ == "__main__":
    sys.exit(main())
