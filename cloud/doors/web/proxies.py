"""Proxies in front: what they tell of the browser behind them.

In: requests as they came. Out: the same requests; those that a trusted proxy handed on
have the browser's address and scheme instead of the proxy's. From all others the
headers `X-Forwarded-For` and `X-Forwarded-Proto` mean nothing: anybody can write them.

The address is the rightmost one that is not of a trusted proxy. What stands left of it
was written by the browser itself (MDN, "X-Forwarded-For", on selecting an address).
`Forwarded` (RFC 7239) and `X-Forwarded-Host` are never read: a proxy that does not know
them hands on what the browser wrote. A proxy here keeps the Host as it came.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

UNKNOWN = ""
"""The address of a browser that its proxy does not tell: of no machine, so not ours."""
MOST_HOPS = 16
"""Proxies in a row that are looked behind."""


class Proxies:
    """The networks whose word is taken."""

    def __init__(self, networks: str = "") -> None:
        """`networks`: 10.0.0.0/8,fd00::/8 … Raises ValueError."""
        named = [one.strip() for one in networks.split(",") if one.strip()]
        self._networks = [ip_network(name) for name in named]

    def trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in one for one in self._networks)

    def browser(self, told: Iterable[str]) -> str:
        """The address behind all trusted proxies, of the values of X-Forwarded-For."""
        hops = [hop.strip() for value in told for hop in value.split(",")]
        for hop in reversed(hops[-MOST_HOPS:]):
            parsed = _parsed(hop)
            if parsed is None:
                break
            if not self.trusts(str(parsed)):
                # A proxy's own machine is not a browser of this one.
                return UNKNOWN if parsed.is_loopback else str(parsed)
        return UNKNOWN


class BehindProxies:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client and self._proxies.trusts(client[0]):
            headers = Headers(scope=scope)
            address = self._proxies.browser(headers.getlist("x-forwarded-for"))
            # More than one word would be of more than one proxy: no proof.
            told = headers.getlist("x-forwarded-proto")
            scheme = "https" if told == ["https"] else "http"
            scope = {**scope, "client": (address, 0), "scheme": scheme}
        await self._app(scope, receive, send)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """None: not an address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
