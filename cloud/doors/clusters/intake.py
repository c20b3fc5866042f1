"""The intake: the way of a message from its bytes into the store, in worker threads.

In: a message's bytes and the cluster that its token is of (empty: any). Out: a receipt
to come, or the bytes of the answer. In the order of cost: size, number of elements,
parsing, the limits, whose it is, the cluster's rate, the store. Raises CloudError.
"""

import time
from concurrent.futures import Future
from contextlib import suppress
from threading import Semaphore

from google.protobuf.message import DecodeError
from sqlalchemy import Connection

from cloud.doors.clusters import wire
from cloud.doors.clusters.limits import (
    MESSAGE_BYTES,
    check,
    check_correct,
    check_resume,
)
from cloud.doors.clusters.rates import Rates
from cloud.doors.clusters.tokens import check_owner
from cloud.errors import RefusedError, UnavailableError
from cloud.refusals import Refusal
from cloud.store import corrections
from cloud.store.bounds import MOST_CLUSTERS
from cloud.store.store import Store
from proto.v1 import collector_pb2

PARSERS = 2
"""Messages parsed at a time: each may take 30 MB meanwhile."""


class Intake:
    """Takes the messages of one collector."""

    def __init__(self, store: Store, rates: Rates) -> None:
        self._store = store
        self._rates = rates
        self._known: dict[str, int] = {}
        """Cluster → revision of corrections that its digger was noted to know."""
        self._parsers = Semaphore(PARSERS)

    def take(self, owner: str, message: bytes) -> Future[bool]:
        """The receipt to come: whether the package was new."""
        if owner:
            self._rates.ask(owner)
        package = collector_pb2.Package()
        with self._parsers:
            _parse(package, message)
            check(package)
        check_owner(owner, package.cluster)
        rows = len(package.endpoints) + len(package.coverage)
        rows += len(package.whys) + len(package.parties) + len(package.workloads)
        rows += len(package.agents) + len(package.data_types)
        rows += sum(len(endpoint.places) for endpoint in package.endpoints)
        self._rates.take(package.cluster, rows)
        return self._store.submit(package)

    def resume(self, owner: str, message: bytes) -> bytes:
        """The response."""
        request = collector_pb2.ResumeRequest()
        _parse(request, message)
        check_resume(request)
        check_owner(owner, request.cluster)
        following = self._store.resume(
            request.cluster, request.topic, request.partitions
        )
        return collector_pb2.ResumeResponse(next=following).SerializeToString()

    def refused(self, owner: str, refusal: Refusal, words: str) -> None:
        """Counts a message that was not taken."""
        self._store.refuse(owner, refusal, words)

    def correct(self, owner: str, message: bytes) -> bytes:
        """The corrections of the cluster, or that they are as before."""
        request = collector_pb2.CorrectRequest()
        _parse(request, message)
        check_correct(request)
        check_owner(owner, request.cluster)
        with self._store.reading() as connection:
            told = corrections.current(connection, request.cluster, request.revision)
        if told.unchanged and self._known.get(request.cluster) != told.revision:
            self._note_known(request.cluster, told.revision)
        return told.SerializeToString()

    def _note_known(self, cluster: str, revision: int) -> None:
        if len(self._known) >= MOST_CLUSTERS:
            self._known.clear()
        now_ns = time.time_ns()

        def job(connection: Connection) -> bool:
            corrections.note_known(connection, cluster, revision, now_ns)
            return False

        # Nobody waits for it: what is not noted now is noted ten seconds later.
        with suppress(UnavailableError):
            noted = self._store.run(job)
            noted.add_done_callback(
                lambda done: done.exception() or self._known.update({cluster: revision})
            )


def _parse(
    into: collector_pb2.Package
    | collector_pb2.ResumeRequest
    | collector_pb2.CorrectRequest,
    message: bytes,
) -> None:
    if len(message) > MESSAGE_BYTES:
        raise RefusedError(f"message: larger than {MESSAGE_BYTES} bytes")
    wire.check(message)
    try:
        into.ParseFromString(message)
    except DecodeError:
        raise RefusedError("message: is not one of this protocol") from None
