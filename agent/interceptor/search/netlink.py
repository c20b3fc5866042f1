"""Route netlink, as far as finding pod interfaces needs it: questions and events.

pyroute2 encodes and decodes the messages. The two sockets are our own, plain and
blocking, for two reasons: the kernel answers questions about another namespace by
its id (IFLA_TARGET_NETNSID, IFA_TARGET_NETNSID), so no thread ever has to enter
one and nothing is held open that would keep a deleted pod's namespace alive; and one
event socket hears all namespaces (NETLINK_LISTEN_ALL_NSID), with the id beside each
message. pyroute2's own IPRoute knows neither, and its event loop a socket costs fds.

See rtnetlink(7), netlink(7) and net/core/rtnetlink.c.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Self

from pyroute2.netlink import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_GET_STRICT_CHK,
    NETLINK_LISTEN_ALL_NSID,
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    SOL_NETLINK,
    nlmsg,
)
from pyroute2.netlink.rtnl import (
    RTM_DELLINK,
    RTM_DELNSID,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNSID,
    RTM_NEWLINK,
    RTM_NEWNSID,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV6_IFADDR,
    RTNLGRP_LINK,
    RTNLGRP_NSID,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.nsidmsg import nsidmsg

HOST = -1
"""The namespace id of the namespace that this process is in."""

RECEIVE_BYTES = 8 << 20
"""Of the event socket: about 4,000 link events, a node's worth of pods at once."""

_SKIP_STATISTICS = 8
_SCOPE_LINK = 253
_ANSWER_BYTES = 1 << 18
_HEADER = struct.Struct("=IHHII")
_ERROR = struct.Struct("=i")
_ATTRIBUTE = struct.Struct("=HH")
_COUNTERS = struct.Struct("=QQ")
"""The first fields of struct rtnl_link_stats64."""
_LINK_BYTES = 16
"""struct ifinfomsg."""
_IFLA_STATS64 = 23


class _AddressMessage(nlmsg):  # type: ignore[misc]
    """struct ifaddrmsg, see rtnetlink(7).

    pyroute2 0.9.7's own takes the namespace id for a string, and a class derived from
    it shares its table once that is made.
    """

    prefix = "IFA_"
    fields = ifaddrmsg.fields
    nla_map = (
        (1, "IFA_ADDRESS", "ipaddr"),
        (2, "IFA_LOCAL", "ipaddr"),
        (10, "IFA_TARGET_NETNSID", "int32"),
    )


@dataclass(frozen=True, slots=True)
class Link:
    """An interface."""

    index: int
    name: str
    kind: str
    """veth, netkit, macvlan, …; empty: a device of the hardware, or loopback."""
    is_ethernet: bool
    peer_index: int
    """Of the other end or the parent; 0: none."""
    peer_namespace: int
    """Id of the namespace that the peer is in; HOST: the link's own."""


class Counters(NamedTuple):
    """Packets that an interface has passed."""

    received: int
    sent: int


class Change(Enum):
    """What an event tells."""

    LINK = "link"
    LINK_GONE = "link gone"
    INSIDE = "inside"
    """Something within another namespace."""
    NAMESPACE_GONE = "namespace gone"


class Event(NamedTuple):
    change: Change
    namespace: int
    link: Link | None = None


class Netlink:
    """Asks the kernel. Errors are OSError; a namespace without that id is EINVAL."""

    def __init__(self) -> None:
        self._socket = _open()
        self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        self._sequence = 0

    def links(self, namespace: int = HOST) -> list[Link]:
        question = ifinfmsg()
        question["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
        if namespace != HOST:
            question["attrs"].append(("IFLA_IF_NETNSID", namespace))
        return [_link(m) for m in self._dump(question, RTM_GETLINK, ifinfmsg)]

    def link(self, index: int) -> Link | None:
        """One host interface; none: there is none with that index."""
        question = ifinfmsg()
        question["index"] = index
        question["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
        self._send(question, RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK)
        try:
            return next((_link(m) for m in self._answers(ifinfmsg)), None)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return None

    def counters(self, namespace: int = HOST) -> dict[int, Counters]:
        """Interface index → packets since it was made.

        Not decoded by pyroute2, which takes ten times as long for all else there is.
        """
        question = ifinfmsg()
        if namespace != HOST:
            question["attrs"] = [("IFLA_IF_NETNSID", namespace)]
        self._send(question, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP)
        found: dict[int, Counters] = {}
        for data, offset, length in self._raw_answers():
            (index,) = _ERROR.unpack_from(data, offset + _HEADER.size + 4)
            attributes = offset + _HEADER.size + _LINK_BYTES
            place = _find_attribute(data, attributes, offset + length, _IFLA_STATS64)
            if place:
                found[index] = Counters(*_COUNTERS.unpack_from(data, place))
        return found

    def addresses(self, namespace: int) -> dict[int, frozenset[bytes]]:
        """Interface index → addresses in network order, without those that are valid
        on the host or an IPv4 link only."""
        question = _AddressMessage()
        question["attrs"] = [("IFA_TARGET_NETNSID", namespace)]
        found: dict[int, set[bytes]] = {}
        for message in self._dump(question, RTM_GETADDR, _AddressMessage):
            if address := _address(message):
                found.setdefault(message["index"], set()).add(address)
        return {index: frozenset(addresses) for index, addresses in found.items()}

    def namespace_id(self, file: int) -> int:
        """Of the namespace that the descriptor stands for; made if it has none."""
        if (known := self._namespace_id(file)) != HOST:
            return known
        order = nsidmsg()
        order["attrs"] = [("NETNSA_FD", file), ("NETNSA_NSID", 0xFFFFFFFF)]
        self._send(order, RTM_NEWNSID, NLM_F_REQUEST | NLM_F_ACK)
        list(self._answers(nsidmsg))
        return self._namespace_id(file)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _namespace_id(self, file: int) -> int:
        question = nsidmsg()
        question["attrs"] = [("NETNSA_FD", file)]
        self._send(question, RTM_GETNSID, NLM_F_REQUEST | NLM_F_ACK)
        for message in self._answers(nsidmsg):
            return _signed(message.get_attr("NETNSA_NSID"))
        return HOST

    def _dump(
        self, question: nlmsg, number: int, answer: type[nlmsg]
    ) -> Iterator[nlmsg]:
        self._send(question, number, NLM_F_REQUEST | NLM_F_DUMP)
        return self._answers(answer)

    def _send(self, message: nlmsg, number: int, flags: int) -> None:
        self._sequence += 1
        message["header"]["type"] = number
        message["header"]["flags"] = flags
        message["header"]["sequence_number"] = self._sequence
        message.encode()
        self._socket.send(message.data)

    def _answers(self, answer: type[nlmsg]) -> Iterator[nlmsg]:
        """Read whole before the first is given: the caller may ask again at once."""
        messages = [_decoded(answer, data, at) for data, at, _ in self._raw_answers()]
        return iter(messages)

    def _raw_answers(self) -> Iterator[tuple[bytes, int, int]]:
        """Each message's datagram, and its offset and length there."""
        while True:
            data = self._socket.recv(_ANSWER_BYTES)
            for offset, length, number, sequence in _messages(data):
                if sequence != self._sequence:
                    continue
                if number in (NLMSG_DONE, NLMSG_ERROR):
                    _raise_error(data, offset)
                    return
                yield data, offset, length


class Events:
    """Link, address and namespace events of this and, if allowed, all namespaces."""

    def __init__(self) -> None:
        self._socket = _open()
        self._socket.setblocking(False)
        self.hears_inside = _try(self._socket, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
        """CAP_NET_BROADCAST is there: events within other namespaces come too."""
        if not _try(self._socket, socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BYTES):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        for group in (
            RTNLGRP_LINK,
            RTNLGRP_IPV4_IFADDR,
            RTNLGRP_IPV6_IFADDR,
            RTNLGRP_NSID,
        ):
            self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> Iterator[Event]:
        """All that has come. Raises OSError ENOBUFS if the kernel had to drop some."""
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_ANSWER_BYTES, 64)
            except BlockingIOError:
                return
            namespace = _origin(ancillary)
            for offset, _, number, _ in _messages(data):
                if event := _event(data, offset, number, namespace):
                    yield event

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_SO_RCVBUFFORCE = 33


def _open() -> socket.socket:
    opened = socket.socket(
        socket.AF_NETLINK,
        socket.SOCK_RAW | socket.SOCK_CLOEXEC,
        socket.NETLINK_ROUTE,
    )
    opened.bind((0, 0))
    return opened


def _try(target: socket.socket, level: int, option: int, value: int) -> bool:
    try:
        target.setsockopt(level, option, value)
    except PermissionError:
        return False
    return True


def _messages(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Offset, length, type and sequence number of each message of a datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, number, _, sequence, _ = _HEADER.unpack_from(data, offset)
        yield offset, length, number, sequence
        offset += max(length + 3 & ~3, _HEADER.size)


def _raise_error(data: bytes, offset: int) -> None:
    """A dump's failure stands in its DONE message, not in an ERROR message."""
    (number,) = _ERROR.unpack_from(data, offset + _HEADER.size)
    if number < 0:
        raise OSError(-number, errno.errorcode.get(-number, "netlink error"))


def _find_attribute(data: bytes, offset: int, end: int, wanted: int) -> int:
    """Where the attribute's value stands; 0: there is none."""
    while offset + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if kind == wanted:
            return offset + _ATTRIBUTE.size
        offset += max(length + 3 & ~3, _ATTRIBUTE.size)
    return 0


def _decoded(kind: type[nlmsg], data: bytes, offset: int) -> nlmsg:
    message = kind(data, offset=offset)
    message.decode()
    return message


def _link(message: nlmsg) -> Link:
    peer_namespace = message.get_attr("IFLA_LINK_NETNSID")
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME") or "",
        kind=message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or "",
        is_ethernet=message["ifi_type"] == socket.htons(0x0100),
        peer_index=message.get_attr("IFLA_LINK") or 0,
        peer_namespace=HOST if peer_namespace is None else peer_namespace,
    )


def _address(message: nlmsg) -> bytes:
    """IFA_LOCAL first: on a point-to-point link IFA_ADDRESS is the other end's."""
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    if not text:
        return b""
    address = ipaddress.ip_address(text)
    if address.version == 6 and address.is_link_local:
        return address.packed
    is_narrow = address.is_link_local or message["scope"] >= _SCOPE_LINK
    return b"" if is_narrow else address.packed


def is_link_local(address: bytes) -> bool:
    """Of IPv6 (RFC 4291 section 2.5.6)."""
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def _origin(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in ancillary:
        if (level, kind) == (SOL_NETLINK, NETLINK_LISTEN_ALL_NSID):
            return int(_ERROR.unpack_from(value)[0])
    return HOST


def _event(data: bytes, offset: int, number: int, namespace: int) -> Event | None:
    if namespace != HOST:
        return Event(Change.INSIDE, namespace)
    if number == RTM_NEWLINK:
        link = _link(_decoded(ifinfmsg, data, offset))
        return Event(Change.LINK, HOST, link)
    if number == RTM_DELLINK:
        link = _link(_decoded(ifinfmsg, data, offset))
        return Event(Change.LINK_GONE, HOST, link)
    if number in (RTM_NEWNSID, RTM_DELNSID):
        message = _decoded(nsidmsg, data, offset)
        about = _signed(message.get_attr("NETNSA_NSID"))
        change = Change.INSIDE if number == RTM_NEWNSID else Change.NAMESPACE_GONE
        return Event(change, about)
    return None


def _signed(namespace: int) -> int:
    """pyroute2 reads the id as unsigned; the kernel's "none" is -1."""
    return HOST if namespace >= 1 << 31 else namespace
