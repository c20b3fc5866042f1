"""The store's numbers, for whoever tells them to Prometheus.

In: what the watch saw and the writer counted; nothing is asked of the database. Out:
measures with at most one label. Names of clusters are their operators' own, and only
so many of them are told.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cloud.refusals import Refusal
from cloud.store.problems import GONE_SECONDS, Kind, Problem
from cloud.store.sight import Sight
from cloud.store.tally import Tally

COUNTER, GAUGE = "counter", "gauge"
MOST_CLUSTERS = 100
"""Told by name, those silent for longest: each is a time series of its own."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One name, its values by label values; without a label under the key ''."""

    name: str
    kind: str
    words: str
    label: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


def of_writer(tally: Tally, waiting: int) -> Iterator[Measure]:
    """What was written since the start."""
    for name, words, value in (
        ("rows_total", "Rows that were written.", tally.rows),
        ("groups_total", "Groups of packages that were committed.", tally.groups),
        ("grouped_packages_total", "Packages in these groups.", tally.packages),
        ("commit_seconds_total", "For writing these groups.", tally.seconds),
    ):
        yield _one(name, COUNTER, words, value)
    words = "Packages that wait to be written."
    yield _one("packages_waiting", GAUGE, words, waiting)


def of_sight(sight: Sight, now: int) -> Iterator[Measure]:
    """What was seen last."""
    sizes = {"stored": float(sight.stored_bytes), "wal": float(sight.wal_bytes)}
    if sight.free_bytes is not None:
        sizes["free"] = float(sight.free_bytes)
    words = "Of the database, its WAL, and free on its disk."
    yield _labelled("database_bytes", GAUGE, words, "part", sizes)
    age = now - sight.run_seconds if sight.run_seconds else 0
    yield _one("rollup_age_seconds", GAUGE, "Since the last roll-up.", age)
    lag = max(0, sight.lag_seconds(now))
    yield _one("rollup_lag_seconds", GAUGE, "For how long one has been due.", lag)
    ages = {one.cluster: now - one.heard_ns / 1e9 for one in sight.senders}
    told = sorted((age, name) for name, age in ages.items() if age <= GONE_SECONDS)
    words = "Since the last package of a cluster."
    values = {name: max(age, 0.0) for age, name in told[-MOST_CLUSTERS:]}
    yield _labelled("package_age_seconds", GAUGE, words, "cluster", values)
    silent = sum(one.nodes_silent for one in sight.senders)
    nodes = {"silent": silent, "heard": sum(s.nodes for s in sight.senders) - silent}
    yield _labelled("nodes", GAUGE, "Nodes of all clusters.", "state", nodes)
    refused = dict.fromkeys((refusal.value for refusal in Refusal), 0)
    for one in sight.refusals:
        refused[one.reason] = refused.get(one.reason, 0) + one.packages
    words = "Packages not taken, as the database counts them."
    yield _labelled("refused_total", COUNTER, words, "reason", refused)
    changed = {"clamped": sight.clamped, "folded": sight.folded}
    words = "Rows with impossible times, or over a bound on names."
    yield _labelled("changed_rows_total", COUNTER, words, "how", changed)


def of_problems(problems: list[Problem], is_ready: bool) -> Iterator[Measure]:
    """What the banner shows."""
    counts = Counter(problem.kind.value for problem in problems)
    words = "Problems that the banner of the pages tells."
    values = {kind.value: counts[kind.value] for kind in Kind}
    yield _labelled("problems", GAUGE, words, "kind", values)
    words = "1: the store answers and can be written."
    yield _one("store_up", GAUGE, words, is_ready)


def _one(name: str, kind: str, words: str, value: float) -> Measure:
    return _labelled(name, kind, words, "", {"": value})


def _labelled(
    name: str, kind: str, words: str, label: str, values: Mapping[str, float]
) -> Measure:
    told = {key: float(value) for key, value in values.items()}
    return Measure(f"vethscope_cloud_{name}", kind, words, label, told)
