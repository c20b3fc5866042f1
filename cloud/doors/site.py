"""What every request of the web must keep, before anybody asks whose it is.

In: method and headers as they came. Out: nothing, or RequestError with a status. Host:
a name that is not ours is refused (RFC 9110, section 7.4), else a page elsewhere could
have its own name lead to this address and read what is here (DNS rebinding). An address
in numbers is no such name. Two lengths: refused, since a proxy may read the other one
(RFC 9112, section 6.3). Changes: only from our own pages (Origin, RFC 6454; Sec-Fetch-
Site, Fetch Metadata), or with a token instead of a cookie.
"""

import hashlib
import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

SAFE = frozenset(("GET", "HEAD"))
MOST_BODY_BYTES = 8 << 10
"""Forms have a name and a password."""


class RequestError(Exception):
    """The request is refused; words for the one who sent it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Site:
    """Under which names the dashboard is reached."""

    def __init__(self, origin: str = "") -> None:
        """`origin`: scheme://name[:port][/path] that people open, beside this machine's
        own names."""
        self.origin = origin.rstrip("/")
        parts = urlsplit(self.origin)
        self.path = parts.path
        self._name = parts.netloc.lower()

    def check(self, method: str, scheme: str, headers: Headers) -> None:
        """`scheme`: as the browser speaks, https or http. Raises RequestError."""
        if "content-length" in headers and "transfer-encoding" in headers:
            raise RequestError(400, "A request has one length.")
        host = self._host(headers)
        if not host or not self._is_ours(host):
            words = "The dashboard is not known under this name; see cloud.origin."
            raise RequestError(421, words)
        if method not in SAFE and "authorization" not in headers:
            _check_change(f"{scheme}://{host}", headers)

    def is_at_origin(self, headers: Headers) -> bool:
        """Whether the browser came by the name that people open."""
        return bool(self._name) and self._host(headers) == self._name

    def _host(self, headers: Headers) -> str:
        given = headers.getlist("host")
        return given[0].lower() if len(given) == 1 else ""

    def _is_ours(self, host: str) -> bool:
        if host == self._name:
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name == "localhost" or _is_number(name)


def _check_change(ours: str, headers: Headers) -> None:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_foreign = site not in (None, "same-origin", "none") or (
        origin is not None and origin.lower() != ours
    )
    if is_foreign or (site is None and origin is None):
        raise RequestError(403, "Changes are only taken from these pages.")


def is_secure(request: Request) -> bool:
    """Whether the browser came over TLS, ours or a trusted proxy's."""
    return request.url.scheme == "https"


def form_proof(cookie: str) -> str:
    """What a form carries beside the cookie: a page elsewhere cannot know it."""
    return hmac.digest(b"form", cookie.encode(), hashlib.sha256).hex()


def is_form_proof(cookie: str, proof: str) -> bool:
    return hmac.compare_digest(form_proof(cookie).encode(), proof.encode())


def is_local(address: str) -> bool:
    """Whether a client's address is on this machine."""
    return _is_number(address) and ip_address(address).is_loopback


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
