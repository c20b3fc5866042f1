"""The intake: the way of a message from its bytes into the store, in worker threads.

In: a message's bytes and the cluster that its token is of (empty: any). Out: the bytes
of the answer. In the order of cost: size, number of elements, parsing, the limits,
whose it is, the cluster's rate, the store. Raises CloudError.
"""

from threading import Semaphore

from google.protobuf.message import DecodeError

from cloud.doors import wire
from cloud.doors.limits import MESSAGE_BYTES, check, check_resume
from cloud.doors.rates import Rates
from cloud.doors.tokens import check_owner
from cloud.errors import RefusedError
from cloud.store.store import Store
from proto.v1 import collector_pb2

PARSERS = 2
"""Messages parsed at a time: each may take 30 MB meanwhile."""


class Intake:
    """Takes the messages of one collector."""

    def __init__(self, store: Store, rates: Rates) -> None:
        self._store = store
        self._rates = rates
        self._parsers = Semaphore(PARSERS)

    def send(self, owner: str, message: bytes) -> tuple[bool, bytes]:
        """Whether the package was new, and the receipt."""
        if owner:
            self._rates.ask(owner)
        package = collector_pb2.Package()
        with self._parsers:
            _parse(package, message)
            check(package)
        check_owner(owner, package.cluster)
        rows = len(package.endpoints) + len(package.coverage)
        rows += sum(len(endpoint.places) for endpoint in package.endpoints)
        self._rates.take(package.cluster, rows)
        is_new = self._store.add(package)
        return is_new, collector_pb2.Receipt(duplicate=not is_new).SerializeToString()

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


def _parse(
    into: collector_pb2.Package | collector_pb2.ResumeRequest, message: bytes
) -> None:
    if len(message) > MESSAGE_BYTES:
        raise RefusedError(f"message: larger than {MESSAGE_BYTES} bytes")
    wire.check(message)
    try:
        into.ParseFromString(message)
    except DecodeError:
        raise RefusedError("message: is not one of this protocol") from None
