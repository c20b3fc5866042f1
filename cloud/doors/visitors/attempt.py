"""One attempt to log in at a provider, from the button to the way back.

In: a moment. Out: what the provider is sent, and what must come back. All of it is made
from one random secret that only the browser keeps, in a cookie of this attempt, by HMAC
under different labels: state (RFC 6749, section 10.12), nonce (OpenID Connect Core,
section 15.5.2) and PKCE's verifier (RFC 7636). So strangers who begin attempts fill no
table, several tabs do not meet, and a state fits only the browser that got it.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from typing import NamedTuple

ATTEMPT_SECONDS = 600
"""To type a password and a second factor at the provider."""
MOST_ATTEMPTS = 8
"""Cookies of a browser; with more, the old ones are taken back."""
SECRET_BYTES = 32

_STATE = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.[A-Za-z0-9_-]{43}")


class Attempt(NamedTuple):
    secret: str
    made: int
    """Seconds since 1970."""

    @property
    def tag(self) -> str:
        """Names the cookie: no secret."""
        return _derived(self.secret, "tag").hex()[:8]

    @property
    def state(self) -> str:
        proof = _text(_derived(self.secret, f"state {self.made}"))
        return f"{self.tag}.{self.made}.{proof}"

    @property
    def nonce(self) -> str:
        return _text(_derived(self.secret, "nonce"))

    @property
    def verifier(self) -> str:
        return _text(_derived(self.secret, "verifier"))

    @property
    def challenge(self) -> str:
        """RFC 7636, section 4.2: S256."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())


def begun(now: int) -> Attempt:
    """A new one."""
    return Attempt(secrets.token_urlsafe(SECRET_BYTES), now)


def tag_of(state: str) -> str:
    """Names the cookie that this state belongs to; empty: it is no state of ours."""
    parts = _STATE.fullmatch(state)
    return parts[1] if parts else ""


def resumed(secret: str, state: str, now: int) -> Attempt | None:
    """The attempt of a cookie and a state; None: they do not fit, or it is too old."""
    parts = _STATE.fullmatch(state)
    if parts is None or not secret:
        return None
    attempt = Attempt(secret, int(parts[2]))
    is_same = hmac.compare_digest(attempt.state, state)
    is_timely = 0 <= now - attempt.made <= ATTEMPT_SECONDS
    return attempt if is_same and is_timely else None


def _derived(secret: str, label: str) -> bytes:
    return hmac.digest(secret.encode(), label.encode(), hashlib.sha256)


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
