"""Tokens of clusters: who may send, and in whose name.

In: commands of an operator, and the metadata of calls. Out: the cluster that a token
is of. A cluster has at most two tokens at a time: the one in use, and the one that
replaces it. Without tokens only a collector on loopback takes packages.
"""

from ipaddress import ip_address

from cloud.doors.keys import Key, Keys, Kind
from cloud.doors.ledger import Ledger
from cloud.errors import DoorError, ForeignError, UnknownError

MOST_OF_CLUSTER = 2
TEXT_BYTES = 253


class Tokens:
    """The tokens of all clusters."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._keys = Keys(ledger, Kind.CLUSTER)

    def create(self, cluster: str, who: str) -> str:
        """A new token, told once. Raises DoorError."""
        if not cluster.isprintable() or not 0 < len(cluster.encode()) <= TEXT_BYTES:
            raise DoorError("a cluster's name is printable, of 253 bytes at most")
        with self._ledger.writing() as connection:
            others = [key for key in self._keys.all(connection) if key.owner == cluster]
            if len(others) >= MOST_OF_CLUSTER:
                raise DoorError(
                    f"the cluster has {MOST_OF_CLUSTER} tokens: revoke one first"
                )
            token = self._keys.make(connection, cluster)
            self._ledger.note(connection, who, "token created", cluster)
        return token

    def all(self) -> list[Key]:
        """Those that hold."""
        with self._ledger.reading() as connection:
            return self._keys.all(connection)

    def revoke(self, name: str, who: str) -> None:
        """The token of this id lets nobody in any more. Raises DoorError."""
        with self._ledger.writing() as connection:
            key = self._keys.end(connection, name)
            self._ledger.note(connection, who, "token revoked", f"{key.owner} {name}")

    def owner(self, token: str) -> str:
        """The cluster of this token. Raises UnknownError."""
        with self._ledger.reading() as connection:
            key = self._keys.known(connection, token)
        if key is None:
            raise UnknownError("the token is not known")
        self._keys.use(key)
        return key.owner


class Gate:
    """Decides for each call to the collector in whose name it may speak."""

    def __init__(self, tokens: Tokens, is_open: bool) -> None:
        """`is_open`: calls without a token may speak for each cluster."""
        self._tokens = tokens
        self._is_open = is_open

    def owner(self, authorization: str | None) -> str:
        """The cluster of a call; empty: each. Raises UnknownError."""
        if authorization is None and self._is_open:
            return ""
        if authorization is None:
            raise UnknownError("a token is needed: authorization: Bearer TOKEN")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise UnknownError("a token is needed: authorization: Bearer TOKEN")
        return self._tokens.owner(token)


def check_owner(owner: str, cluster: str) -> None:
    """Raises ForeignError if the token is of another cluster than the message."""
    if owner and owner != cluster:
        raise ForeignError("the token is of another cluster than the message names")


def is_loopback(listen: str) -> bool:
    """Whether host:port is on this machine only."""
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
