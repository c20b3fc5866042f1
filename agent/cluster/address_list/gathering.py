"""The address list as it is told: encoded once, shared by all who follow.

In: the index and its changes. Out: bytes of updates (addresses.proto): the whole list,
and steps of changes that were gathered, by revision. Belongs to the server's loop.
"""

import random
from collections import deque
from collections.abc import Iterable

from agent.cluster.address_list.blocks import AddressSet, packed
from agent.cluster.addresses import AddressIndex, Change
from proto.v1.addresses_pb2 import AddressUpdate

MOST_STEPS = 600
"""Gathered changes kept for those who come back: ten minutes of a busy cluster."""


class Gathering:
    """What is told; `gather` takes what is new."""

    def __init__(self, index: AddressIndex) -> None:
        self._index = index
        self.epoch = random.getrandbits(63) | 1
        self.revision = -1
        """Gathered so far; -1: nothing."""
        self._set = AddressSet()
        self._nodes = AddressSet()
        self._whole: bytes | None = None
        self._steps: deque[tuple[int, int, bytes]] = deque(maxlen=MOST_STEPS)
        """From which revision to which, and how."""
        self._seen = -1

    def gather(self, age_seconds: int) -> bool:
        """Whether there is anything new."""
        changes = (
            self._index.changes_since(self.revision) if self.revision >= 0 else None
        )
        if changes is None:
            self.revision, found = self._index.snapshot()
            self._set = AddressSet(found)
            self._nodes = AddressSet(self._index.nodes())
            self._steps.clear()
        elif not changes:
            return False
        else:
            came, went = _split(changes)
            self._set.remove(went)
            self._set.update(came)
            before, self.revision = self.revision, changes[-1].revision
            if is_news := any(change.is_node for change in changes):
                self._nodes = AddressSet(self._index.nodes())
            nodes = self._nodes if is_news else None
            step = self.update(age_seconds, came, went, self.revision, nodes=nodes)
            self._steps.append((before, self.revision, step))
        self._whole = None
        return True

    def fresh(self) -> dict[str, bytes]:
        """By node what changed there since the last call, before it is gathered."""
        if self._seen < 0:
            self._seen = self._index.revision
        changes = self._index.changes_since(self._seen) or []
        if changes:
            self._seen = changes[-1].revision
        by_node: dict[str, list[Change]] = {}
        for change in changes:
            by_node.setdefault(change.node, []).append(change)
        return {
            node: self.update(0, *_split(those))
            for node, those in by_node.items()
            if node
        }

    def whole(self) -> bytes:
        """All, as of the last gathering."""
        if self._whole is None:
            self._whole = AddressUpdate(
                revision=self.revision,
                complete=True,
                all=packed(self._set.encode()),
                epoch=self.epoch,
                nodes=self._nodes.encode(),
            ).SerializeToString()
        return self._whole

    def since(self, epoch: int, revision: int) -> list[bytes]:
        """Updates for one who has this."""
        if epoch == self.epoch and revision == self.revision:
            return []
        if epoch == self.epoch:
            steps = [s for before, _, s in self._steps if before >= revision]
            if any(before == revision for before, _, _ in self._steps):
                return steps
        return [self.whole()]

    def update(
        self,
        age_seconds: int,
        came: AddressSet | None = None,
        went: AddressSet | None = None,
        revision: int = 0,
        nodes: AddressSet | None = None,
    ) -> bytes:
        """Without addresses: that all is as it was. Without a revision who gets it has
        the one that it had."""
        return AddressUpdate(
            revision=revision,
            removed=went.encode() if went else b"",
            added=came.encode() if came else b"",
            epoch=self.epoch,
            age_seconds=age_seconds,
            nodes=None if nodes is None else nodes.encode(),
        ).SerializeToString()


def _split(changes: Iterable[Change]) -> tuple[AddressSet, AddressSet]:
    last = {change.ip: change.is_in for change in changes if not change.is_node}
    came = AddressSet(ip for ip, is_in in last.items() if is_in)
    return came, AddressSet(ip for ip, is_in in last.items() if not is_in)
