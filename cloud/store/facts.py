"""The documents in facts: what adds up in a row of an interval, as MessagePack.

A sketch of latencies is a sum of durations and a count for each of the 240 buckets of
proto/v1/collector.proto: two of them add up exactly, in any order. Counts of places are
kept by the place's key, amounts of coverage by reason.
"""

from collections.abc import Iterable, Mapping

import msgspec

from cloud.store.schema import MOST


class Seen(msgspec.Struct, array_like=True):
    """What an interval saw of one client's traffic with one endpoint."""

    sum_us: int = 0
    latency: dict[int, int] = {}
    """Bucket → pairs."""
    places: dict[int, int] = {}
    """Key of a place → values found there."""
    errors: dict[int, int] = {}
    """The same of those in error answers, where there are any."""

    def add(self, other: "Seen") -> None:
        self.sum_us = min(self.sum_us + other.sum_us, MOST)
        add_up(self.latency, other.latency.items())
        add_up(self.places, other.places.items())
        add_up(self.errors, other.errors.items())


class Amounts(msgspec.Struct, array_like=True):
    """What became of the bytes of one part in an interval."""

    bytes: dict[str, int] = {}
    counts: dict[str, int] = {}

    def add(self, other: "Amounts") -> None:
        add_up(self.bytes, other.bytes.items())
        add_up(self.counts, other.counts.items())


def add_up(amounts: dict[int, int] | dict[str, int], more: Iterable[tuple]) -> None:  # type: ignore[type-arg]
    """Adds in place; counters stop at MOST."""
    known: dict = amounts  # type: ignore[type-arg]
    for key, amount in more:
        total = known.get(key, 0) + amount
        known[key] = total if total < MOST else MOST


def quantile_us(latency: Mapping[int, int], share: float) -> int | None:
    """The least duration of the bucket that the `share` smallest reach; None: no pairs.

    The buckets are those of proto/v1/collector.proto.
    """
    wanted = share * sum(latency.values())
    for bucket in sorted(latency):
        wanted -= latency[bucket]
        if wanted <= 0:
            return least_us(bucket)
    return None


def least_us(bucket: int) -> int:
    """The shortest duration that falls into a bucket."""
    if bucket < 16:
        return bucket
    halvings, eighth = divmod(bucket - 8, 8)
    return (8 + eighth) << halvings


seen_of = msgspec.msgpack.Decoder(Seen).decode
amounts_of = msgspec.msgpack.Decoder(Amounts).decode
encode = msgspec.msgpack.Encoder().encode
