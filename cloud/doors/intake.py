"""The intake: the way of a message from its bytes into the store, in worker threads.

In: a message's bytes and the cluster that its token is of (empty: any). Out: the bytes
of the answer. In the order of cost: size, number of elements, parsing, the limits,
whose it is, the cluster's rate and data types, the store. Raises CloudError.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock, Semaphore

from google.protobuf.message import DecodeError

from cloud.doors import wire
from cloud.doors.limits import MESSAGE_BYTES, check, check_resume, data_types
from cloud.doors.rates import Rates
from cloud.doors.tokens import check_owner
from cloud.errors import RefusedError
from cloud.store.store import Store
from proto.v1 import collector_pb2

PARSERS = 2
"""Messages parsed at a time: each may take 30 MB meanwhile."""
MOST_DATA_TYPES = 2_000
"""Of one cluster: three times the catalog."""
MOST_CLUSTERS = 10_000

Known = Callable[[str], set[str]]
"""The data types that are stored of a cluster."""


class Intake:
    """Takes the messages of one collector."""

    def __init__(self, store: Store, rates: Rates) -> None:
        self._store = store
        self._rates = rates
        self._parsers = Semaphore(PARSERS)
        self._types = Types(store.data_types)

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
        self._types.check(package.cluster, data_types(package))
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


class Types:
    """Bounds the data types of each cluster: pages list them all."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._lock = Lock()
        self._types: OrderedDict[str, set[str]] = OrderedDict()

    def check(self, cluster: str, named: set[str]) -> None:
        """Raises RefusedError if the cluster came to have too many."""
        if cluster not in self._types:
            stored = self._known(cluster)
            with self._lock:
                self._types.setdefault(cluster, stored)
                if len(self._types) > MOST_CLUSTERS:
                    self._types.popitem(last=False)
        with self._lock:
            known = self._types.get(cluster, set())
            if named <= known:
                return
            if len(named | known) > MOST_DATA_TYPES:
                raise RefusedError(
                    f"data types: more than {MOST_DATA_TYPES} in a cluster"
                )
            known |= named


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
