"""What manifests tell of workloads, as it is stored and read.

In: facts of packages; a connection, and for whom. Out: labels as a document; owner,
service group and labels of workloads; and which roll-outs there were, so that a change
may be shown beside the one that brought it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import revisions, workload_facts

_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(dict[str, str]).decode


class Facts(NamedTuple):
    """Of one workload; what is not known is empty."""

    owner: str
    part_of: str
    labels: dict[str, str]
    revision: str
    """That runs."""


class Rollout(NamedTuple):
    """A revision of a workload, and since when it has run."""

    workload_id: int
    revision: str
    image: str
    since_ns: int


def document(labels: Mapping[str, str]) -> bytes:
    """Labels as stored."""
    shown = {_printable(key): _printable(value) for key, value in labels.items()}
    return _encode(shown)


def of(connection: Connection, workloads: Sequence[int]) -> dict[int, Facts]:
    """The facts of workloads, by key; those that have some."""
    selected = sa.select(workload_facts).where(
        workload_facts.c.workload_id.in_(workloads)
    )
    return {
        row.workload_id: Facts(
            row.owner, row.part_of, _decode(bytes(row.labels)), row.revision
        )
        for row in connection.execute(selected)
    }


def labelled(connection: Connection, label: str, most: int) -> list[int]:
    """Keys of at most so many workloads with a label: `key=value`, or `key` with any
    value. All documents are read: some thousand."""
    key, has_value, value = label.partition("=")
    told = connection.execute(
        sa.select(workload_facts.c.workload_id, workload_facts.c.labels)
    )
    found = []
    for workload, stored in told:
        labels = _decode(bytes(stored))
        if key in labels and (not has_value or labels[key] == value):
            found.append(workload)
    return sorted(found)[:most]


def labels(
    connection: Connection, conditions: sa.ColumnElement[bool], most: int
) -> list[str]:
    """What `labelled` may be asked for of workloads that keep the conditions: each
    `key=value`, and `key` where it has several values. At most so many, those of the
    most workloads, in the order of the alphabet. All their documents are read."""
    of = workload_facts.c
    told = connection.scalars(sa.select(of.labels).where(conditions))
    pairs = Counter(pair for row in told for pair in _decode(bytes(row)).items())
    values = Counter(key for key, _ in pairs)
    found = Counter({f"{key}={value}": count for (key, value), count in pairs.items()})
    for (key, _), count in pairs.items():
        if values[key] > 1:
            found[key] += count
    ranked = sorted(found, key=lambda label: (-found[label], label))
    return sorted(ranked[:most])


def rollouts(
    connection: Connection,
    most: int,
    workloads: Sequence[int] | None = None,
    start_ns: int = 0,
    end_ns: int = 1 << 62,
) -> list[Rollout]:
    """At most so many that began in [start, end), of these workloads or of all, the
    latest first."""
    since = revisions.c.since_ns
    selected = sa.select(
        revisions.c.workload_id, revisions.c.revision, revisions.c.image, since
    ).where(since >= start_ns, since < end_ns)
    if workloads is not None:
        selected = selected.where(revisions.c.workload_id.in_(workloads))
    ordered = selected.order_by(since.desc(), revisions.c.workload_id).limit(most)
    return [Rollout(*row) for row in connection.execute(ordered)]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
