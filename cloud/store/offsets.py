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
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import OverlapError, RefusedError
from cloud.store.rows import printable
from cloud.store.schema import MOST, offsets
from cloud.store.statements import Statements
from proto.v1 import collector_pb2

log = logging.getLogger("vethscope")

MOST_BEHIND = 1 << 24
"""Records between the end of a duplicate and N: no package covers more, and a sender
repeats its last one only."""
MOST_PARTITIONS = 10_000
"""Of a cluster, in all its topics: a Kafka has some hundred, and a stranger may invent
them. More are refused."""
MOST_TOLD = 20
"""Partitions named in an error; Resume tells all."""

Waits = list[tuple[collector_pb2.Offsets, int | None]]
"""Ranges, each with the next offset wanted; a new partition starts anywhere."""

Partition = tuple[str, str, int]
"""Cluster, topic and number."""


def stored(connection: Connection, cluster: str, topic: str) -> dict[int, int]:
    """Partition → next offset, of those ever stored."""
    chosen = sa.select(offsets.c.partition, offsets.c.next).where(
        offsets.c.cluster == printable(cluster), offsets.c.topic == printable(topic)
    )
    return {row.partition: row.next for row in connection.execute(chosen)}


class Following:
    """The offsets of a group of packages, read at once and written at once.

    Writers come one at a time, so what is read here stays until the commit.
    """

    def __init__(
        self,
        connection: Connection,
        statements: Statements,
        packages: Iterable[collector_pb2.Package],
    ) -> None:
        self._connection, self._statements = connection, statements
        asked = {
            _partition(package, covered)
            for package in packages
            for covered in _ranges(package)
        }
        found = statements.find(connection, offsets, sorted(asked))
        self._stored = {row[:3]: (row[3], row[4]) for row in found}
        """Partition → next offset, and how many records were skipped."""
        self._moved: set[Partition] = set()
        self._partitions: dict[str, int] = {}
        """Of clusters with new ones."""

    def advance(self, package: collector_pb2.Package) -> bool:
        """Moves the offsets on; false if all were there.

        Raises OverlapError, and RefusedError if there are too many partitions; then
        nothing has moved.
        """
        waits = self._waits(package)
        wrong = [(c, n) for c, n in waits if n is not None and _expected(c) != n]
        if wrong:
            if all(_is_stored(covered, next_) for covered, next_ in waits):
                return False
            raise OverlapError(_where_to_resume(wrong))
        self._make_room(package, sum(next_ is None for _, next_ in waits))
        for covered, next_ in waits:
            skipped = _skipped(covered, _expected(covered) if next_ is None else next_)
            partition = _partition(package, covered)
            _, before = self._stored.get(partition, (0, 0))
            self._stored[partition] = covered.next, min(before + skipped, MOST)
            self._moved.add(partition)
        return True

    def write(self) -> None:
        """Stores where the offsets are now."""
        rows = [(*key, *self._stored[key]) for key in sorted(self._moved)]
        if rows:
            self._statements.put(self._connection, offsets, rows)

    def _waits(self, package: collector_pb2.Package) -> Waits:
        waits: Waits = []
        for covered in _ranges(package):
            known = self._stored.get(_partition(package, covered))
            waits.append((covered, known and known[0]))
        return waits

    def _make_room(self, package: collector_pb2.Package, more: int) -> None:
        if not more:
            return
        cluster = printable(package.cluster)
        known = self._partitions.get(cluster)
        if known is None:
            counted = sa.select(sa.func.count()).where(offsets.c.cluster == cluster)
            known = self._connection.scalar(counted.select_from(offsets)) or 0
        if known + more > MOST_PARTITIONS:
            raise RefusedError(
                f"offsets: more than {MOST_PARTITIONS} partitions a cluster"
            )
        self._partitions[cluster] = known + more


def _ranges(package: collector_pb2.Package) -> Iterator[collector_pb2.Offsets]:
    """Those that say something: with records, or where to start over."""
    for covered in package.offsets:
        if covered.first < covered.next or covered.HasField("follows"):
            yield covered


def _partition(
    package: collector_pb2.Package, covered: collector_pb2.Offsets
) -> Partition:
    return printable(package.cluster), printable(covered.topic), covered.partition


def _expected(covered: collector_pb2.Offsets) -> int:
    """What the sender takes to be the next offset wanted."""
    return covered.follows if covered.HasField("follows") else covered.first


def _is_stored(covered: collector_pb2.Offsets, next_: int | None) -> bool:
    """Whether a range of a package that is no new one may have been stored before."""
    if next_ is None:
        next_ = _expected(covered)
    return 0 <= next_ - covered.next <= MOST_BEHIND


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
