"""Posts to an address of the web: once, bounded, without following it elsewhere.

In: an address, headers and a body. Out: the answer's JSON or word, or `SendError`. No
proxy of the environment is used, redirects are refused, and of the answer only little
is read and nothing is told but its status.
"""

import http.client
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from cloud.alerts.ways.reaching import Deadline, Reach, SendError, connect, failure
from cloud.alerts.ways.reaching import secured as over_tls

MOST_ANSWER_BYTES = 64 << 10
MOST_AFTER_SECONDS = 86_400.0
"""Of what a receiver may ask to wait."""
AGAIN = frozenset((408, 425, 429))
"""Of 4xx those that may be taken later (RFC 9110, RFC 8470, RFC 6585)."""


class Place(NamedTuple):
    """An address of the web, taken apart."""

    is_secure: bool
    host: str
    port: int
    target: str
    """Path and query."""

    @property
    def shown(self) -> str:
        """Without path and query, which may be secret."""
        scheme = "https" if self.is_secure else "http"
        return f"{scheme}://{self._named}"

    @property
    def _named(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.is_secure else 80
        return host if self.port == usual else f"{host}:{self.port}"


class Answer(NamedTuple):
    status: int
    body: bytes


def place(address: str) -> Place:
    """Raises ValueError with words for people."""
    if not address.isascii() or any(c <= " " for c in address):
        raise ValueError("an address has no spaces and only ASCII letters")
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        raise ValueError("its port is no number") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write https://HOST/PATH or http://HOST/PATH")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("name and password have no place in an address")
    is_secure = parts.scheme == "https"
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    return Place(is_secure, parts.hostname, port or (443, 80)[not is_secure], target)


def post(to: Place, body: bytes, headers: dict[str, str], reach: Reach) -> Answer:
    """The answer of a receiver that took it. Raises SendError."""
    with Deadline() as deadline:
        try:
            status, after, answer = _ask(to, body, headers, reach, deadline)
        except (OSError, http.client.HTTPException, SendError) as error:
            raise failure(error, deadline) from None
        if deadline.is_over:
            raise SendError("it took too long")
    if 200 <= status < 300:
        return Answer(status, answer)
    raise RejectedError(status, after, answer)


class RejectedError(SendError):
    """It answers, and does not take it."""

    def __init__(self, status: int, after_seconds: float, body: bytes) -> None:
        is_redirect = 300 <= status < 400
        is_final = is_redirect or (400 <= status < 500 and status not in AGAIN)
        words = f"it answers {status}"
        if is_redirect:
            words += ", a redirect: give the address that it leads to"
        super().__init__(words, is_final, after_seconds)
        self.status = status
        self.body = body


def _ask(
    to: Place, body: bytes, headers: dict[str, str], reach: Reach, deadline: Deadline
) -> tuple[int, float, bytes]:
    context = reach.context() if to.is_secure else None
    plain = connect(to.host, to.port, reach, deadline)
    asking = http.client.HTTPConnection(to.host, to.port)
    asking.sock = over_tls(plain, to.host, context, deadline) if context else plain
    told = {
        "host": to.shown.partition("://")[2],
        "user-agent": "Vethscope",
        "connection": "close",
        "content-length": str(len(body)),
        **headers,
    }
    asking.putrequest("POST", to.target, skip_host=True, skip_accept_encoding=True)
    for name, value in told.items():
        asking.putheader(name, value)
    asking.endheaders(body)
    with asking.getresponse() as answer:
        after = _after(answer.getheader("retry-after") or "")
        return answer.status, after, answer.read(MOST_ANSWER_BYTES)


def _after(text: str) -> float:
    """Seconds of Retry-After (RFC 9110, section 10.2.3); 0: none that is understood."""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_AFTER_SECONDS)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), MOST_AFTER_SECONDS)
