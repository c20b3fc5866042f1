"""Reaches out: connections to addresses that people have set up, and to no others.

In: a host and a port. Out: a connected socket, or `SendError` with words for people.
The name is resolved once, and only an address that was checked is connected to, so a
name that changes its mind in between leads nowhere (DNS rebinding). Refused is what
answers for the machine or for the cloud provider: link-local (RFC 3927, RFC 4291),
metadata services, loopback. A deadline shuts the connection whatever the other end
does: one that sends a byte now and then does not hold a thread.
"""

import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from cloud.errors import CloudError

CONNECT_SECONDS = 5.0
STEP_SECONDS = 10.0
"""For each piece that is sent or read."""
WHOLE_SECONDS = 20.0
"""For a message and all that belongs to it."""
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
        ),
    )
)
"""Of Amazon, Google, Alibaba, Azure and Oracle."""
_THIS_NETWORK = ip_network("0.0.0.0/8")
_NAT64 = ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in the last four bytes."""


class SendError(CloudError):
    """A message was not taken; words for people, without anything of the answer."""

    def __init__(
        self, words: str, is_final: bool = False, after_seconds: float = 0.0
    ) -> None:
        super().__init__(words)
        self.is_final = is_final
        """The same again would fail again."""
        self.after_seconds = after_seconds
        """The receiver asks to wait so long."""


class Reach(NamedTuple):
    """Where channels may lead to."""

    allows_private: bool = True
    """Receivers inside the cluster or company."""
    allows_loopback: bool = False
    """For tests and development."""
    authorities: str = ""
    """PEM file of authorities beside the system's."""

    def may(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether an address may be connected to."""
        address = _embedded(address)
        if address in _METADATA or address.is_link_local or address.is_multicast:
            return False
        if address.is_loopback:
            return self.allows_loopback
        if address.is_unspecified or address in _THIS_NETWORK:
            return False
        return address.is_global or (self.allows_private and not address.is_reserved)

    def context(self) -> ssl.SSLContext:
        """Checks certificates and names. Raises SendError."""
        try:
            context = ssl.create_default_context()
            if self.authorities:
                context.load_verify_locations(self.authorities)
        except (OSError, ssl.SSLError):
            words = "cloud.alerts_ca_file is no PEM file of authorities"
            raise SendError(words) from None
        return context


class Deadline:
    """Shuts the connection that it guards when its time is over; use as a context."""

    def __init__(self, seconds: float = WHOLE_SECONDS) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._guarded: socket.socket | None = None
        self.is_over = False

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._guarded:
                self._guarded.close()

    def guard(self, connection: socket.socket) -> None:
        """From now on this one is shut."""
        with self._lock:
            self._guarded = connection
        if self.is_over:
            self._shut()

    def _end(self) -> None:
        self.is_over = True
        self._shut()

    def _shut(self) -> None:
        with self._lock, suppress(OSError):
            if self._guarded:
                self._guarded.shutdown(socket.SHUT_RDWR)


def connect(
    host: str,
    port: int,
    reach: Reach,
    deadline: Deadline,
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> socket.socket:
    """A connected socket. Raises SendError."""
    refused: OSError | None = None
    for family, address in _allowed(host, port, reach, kind):
        connection = socket.socket(family, kind)
        deadline.guard(connection)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(address)
            connection.settimeout(STEP_SECONDS)
            return connection
        except OSError as error:
            connection.close()
            refused = error
            if deadline.is_over:
                break
    raise failure(refused or OSError(), deadline)


def secured(
    connection: socket.socket,
    host: str,
    context: ssl.SSLContext,
    deadline: Deadline,
) -> ssl.SSLSocket:
    """TLS over a connection, with the name checked. Raises OSError."""
    wrapped = context.wrap_socket(
        connection, server_hostname=host, do_handshake_on_connect=False
    )
    deadline.guard(wrapped)
    wrapped.do_handshake()
    return wrapped


def failure(error: BaseException, deadline: Deadline) -> SendError:
    """What went wrong, in words."""
    if isinstance(error, SendError):
        return error
    # The library of mail tells a time that is over as a connection that is closed.
    late = isinstance(error, TimeoutError) or isinstance(
        error.__context__, TimeoutError
    )
    if deadline.is_over or late:
        return SendError("it took too long")
    if isinstance(error, ssl.SSLCertVerificationError):
        return SendError(f"its certificate is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return SendError("it does not speak TLS as it should")
    if isinstance(error, OSError) and error.strerror:
        return SendError(f"it cannot be reached: {error.strerror.lower()}")
    return SendError("it broke off")


def _allowed(
    host: str, port: int, reach: Reach, kind: socket.SocketKind
) -> Iterable[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except (OSError, UnicodeError):
        raise SendError("its name is not known") from None
    allowed = [
        (family, (str(address[0]), port))
        for family, _, _, _, address in found
        if reach.may(ip_address(str(address[0]).partition("%")[0]))
    ]
    if not allowed:
        words = (
            "its address is not allowed: link-local and metadata addresses and this "
            "machine never are, private ones with cloud.alerts_private"
        )
        raise SendError(words, is_final=True)
    return allowed


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
