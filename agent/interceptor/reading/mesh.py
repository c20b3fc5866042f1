"""Pods behind a mesh proxy: what their loopback shows, and who really asks.

Istio's Envoy and Linkerd's proxy end TLS beside their pod and pass plain text on over
the pod's loopback. The client seen there is the proxy, whose address is nobody's. In
come heads of requests captured there, out goes who asks: the proxy vouches for the
client's identity in a header that it sets itself. X-Forwarded-For is not used: it names
who stood before other proxies, and clients may write it. See Envoy's
x-forwarded-client-cert, SPIFFE ids as Istio forms them, and Linkerd's l5d-client-id.
"""

import re

from agent.interceptor.reading.inside import GoneError, Inside, socket_inside
from agent.interceptor.reading.translation import End, Translation, netfilter_socket
from rings.packets.ring import RingError

_NAME = rb"([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)"
"""An RFC 1123 label: what namespaces are called, and service accounts mostly."""
_SPIFFE = re.compile(
    rb"URI=spiffe://[-a-z0-9.]{1,253}/ns/" + _NAME + rb"/sa/" + _NAME + rb"(?=[;,\"]|$)"
)
_LINKERD = re.compile(
    _NAME + rb"\." + _NAME + rb"\.serviceaccount\.identity\.[-a-z0-9.]+"
)
_FIELD = re.compile(
    rb"^(x-forwarded-client-cert|l5d-client-id):[ \t]*(.*?)[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)


TUNNEL_PORT = 15008
"""Istio's HBONE: mutual TLS between the nodes' tunnels, in the pods' namespaces."""


class Tunnelled(Translation):
    """Of a pod in Istio's ambient mode: what comes to the tunnel's own port is not
    translated, and yet it is the tunnel's."""

    def server_of(
        self, client: bytes, client_port: int, server: bytes, server_port: int
    ) -> End | None:
        if server_port == TUNNEL_PORT:
            return End(server, server_port)
        return super().server_of(client, client_port, server, server_port)


class Proxies:
    """Asks pods whether their proxy takes a connection; by the number of the view."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Translation]] = {}

    def of(self, number: int, loopback: Inside | None) -> Translation | None:
        """The translation within the pod; none: it has no proxy, or is gone."""
        inode, known = self._known.get(number, (0, None))
        if loopback is None or inode != loopback.inode:
            self.close(number)
            known = None
        if loopback is None or known:
            return known
        try:
            opened = socket_inside(loopback.path, loopback.inode, netfilter_socket)
        except (GoneError, OSError, RingError):
            return None
        made = (Tunnelled if loopback.is_transparent else Translation)(opened)
        self._known[number] = loopback.inode, made
        return made

    def close(self, number: int) -> None:
        """Its socket would keep the namespace alive."""
        if number in self._known:
            self._known.pop(number)[1].close()

    def close_all(self) -> None:
        for number in list(self._known):
            self.close(number)


def identity(head: bytes) -> bytes:
    """`namespace/service account`; empty: the proxy does not tell.

    Of several certificates the last is the direct client's.
    """
    for name, value in reversed(_FIELD.findall(head)):
        if name.lower() == b"l5d-client-id":
            if found := _LINKERD.fullmatch(value):
                return found[2] + b"/" + found[1]
        elif certificates := _SPIFFE.findall(value):
            namespace, account = certificates[-1]
            return bytes(namespace + b"/" + account)
    return b""
