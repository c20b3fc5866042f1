"""Which Kafka records are stored: exactly once, whatever is sent again.

In: the ranges that a package covers. Out: whether it is new; then they are marked as
stored, in the transaction of its rows. Of each partition the store knows the next
offset N that it waits for; a range says which offset it takes that to be: `follows`, or
else `first`. So a package is

- new if every range takes N for what it is. Records between N and `first` expired
  unread: they are counted as skipped and shown with the coverage. A range that starts
  over below N moves N back, since the broker lost the end of its log;
- a duplicate if every range ends at N or not far before: nothing changes;
- refused otherwise: stored in part, its counts cannot be told apart any more; behind a
  gap that it does not declare, something is lost on the way; far before N, somebody
  moved N to where the log never was. The sender resumes at N, or starts over.
"""

import logging
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import OverlapError
from cloud.store.rows import printable
from cloud.store.schema import MOST, offsets
from proto.v1 import collector_pb2

log = logging.getLogger("vethscope")

MOST_BEHIND = 1 << 24
"""Records between the end of a duplicate and N: no package covers more, and a sender
repeats its last one only."""
MOST_TOLD = 20
"""Partitions named in an error; Resume tells all."""

Waits = list[tuple[collector_pb2.Offsets, int | None]]
"""Ranges, each with the next offset wanted; a new partition starts anywhere."""

_OF_CLUSTER = (
    offsets.c.cluster == sa.bindparam("of_cluster"),
    offsets.c.topic == sa.bindparam("of_topic"),
)
_NEXT = sa.select(offsets.c.partition, offsets.c.next).where(*_OF_CLUSTER)
_OF_PARTITION = (*_OF_CLUSTER, offsets.c.partition == sa.bindparam("of_partition"))
_MOVE = (
    sa.update(offsets)
    .where(*_OF_PARTITION)
    .values(
        next=sa.bindparam("to"),
        skipped=sa.case(
            (offsets.c.skipped > MOST - sa.bindparam("more"), MOST),
            else_=offsets.c.skipped + sa.bindparam("more"),
        ),
    )
)
_FIRST = sa.insert(offsets)


def stored(connection: Connection, cluster: str, topic: str) -> dict[int, int]:
    """Partition → next offset, of those ever stored."""
    of = {"of_cluster": printable(cluster), "of_topic": printable(topic)}
    found = connection.execute(_NEXT, of).all()
    return {row.partition: row.next for row in found}


def advance(connection: Connection, package: collector_pb2.Package) -> bool:
    """Moves the offsets on; false if all were there. Raises OverlapError.

    Writers come one at a time, so what is read here stays until the commit.
    """
    waits = _waits(connection, package)
    wrong = [(c, n) for c, n in waits if n is not None and _expected(c) != n]
    if wrong:
        if all(_is_stored(covered, next_) for covered, next_ in waits):
            return False
        raise OverlapError(_where_to_resume(wrong))
    cluster = printable(package.cluster)
    moves = [_move(cluster, covered, n) for covered, n in waits if n is not None]
    firsts = [_first(cluster, covered) for covered, n in waits if n is None]
    if moves:
        connection.execute(_MOVE, moves)
    if firsts:
        connection.execute(_FIRST, firsts)
    return True


def _waits(connection: Connection, package: collector_pb2.Package) -> Waits:
    ranges = [
        covered
        for covered in package.offsets
        if covered.first < covered.next or covered.HasField("follows")
    ]
    next_ = {
        topic: stored(connection, package.cluster, topic)
        for topic in {covered.topic for covered in ranges}
    }
    return [
        (covered, next_[covered.topic].get(covered.partition)) for covered in ranges
    ]


def _expected(covered: collector_pb2.Offsets) -> int:
    """What the sender takes to be the next offset wanted."""
    return covered.follows if covered.HasField("follows") else covered.first


def _is_stored(covered: collector_pb2.Offsets, next_: int | None) -> bool:
    """Whether a range of a package that is no new one may have been stored before."""
    if next_ is None:
        next_ = _expected(covered)
    return 0 <= next_ - covered.next <= MOST_BEHIND


def _move(
    cluster: str, covered: collector_pb2.Offsets, next_: int
) -> dict[str, str | int]:
    return {
        "of_cluster": cluster,
        "of_topic": printable(covered.topic),
        "of_partition": covered.partition,
        "to": covered.next,
        "more": _skipped(covered, next_),
    }


def _first(cluster: str, covered: collector_pb2.Offsets) -> dict[str, str | int]:
    """A partition not known yet: the records before those expected are not missed."""
    return {
        "cluster": cluster,
        "topic": printable(covered.topic),
        "partition": covered.partition,
        "next": covered.next,
        "skipped": _skipped(covered, _expected(covered)),
    }


def _skipped(covered: collector_pb2.Offsets, next_: int) -> int:
    skipped = covered.first - next_
    if skipped:
        log.error(
            "partition %d of %s: %s",
            covered.partition,
            printable(covered.topic),
            f"{skipped} records never came" if skipped > 0 else "starts over",
        )
    return min(max(skipped, 0), MOST)


def _where_to_resume(waits: Iterable[tuple[collector_pb2.Offsets, int]]) -> str:
    places = [
        f"{printable(covered.topic)} partition {covered.partition} at {next_}"
        for covered, next_ in waits
    ]
    return "these records do not follow what is stored; resume " + ", ".join(
        places[:MOST_TOLD]
    )
