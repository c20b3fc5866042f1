"""A provider of identities: OpenID Connect by code flow.

In: what the operator set, and attempts. Out: the address that a browser is sent to, and
for the code that it brings back, who that is; and the same for those who leave. OpenID
Connect Core 1.0, sections 3.1.2 and 3.1.3.7; Discovery 1.0; RP-Initiated and
Back-Channel Logout 1.0; PKCE (RFC 7636); the issuer in answers (RFC 9207). Only
signatures by a key pair count: whoever knows our secret cannot sign. What the provider
says of itself is kept for an hour; a key that is not known is asked for at once, but
not more often than every few seconds.
"""

import hmac
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cloud.doors.keys import Provided
from cloud.doors.site import is_local
from cloud.doors.visitors.attempt import Attempt
from cloud.doors.visitors.fetching import DeniedError, Fetching, ProviderError

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
SKEW_SECONDS = 120
"""That the provider's clock and ours may differ."""
KNOWN_SECONDS = 3_600.0
AGAIN_SECONDS = 5.0
"""Between two looks for a key that is not known: anybody can name one."""
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_SECONDS = 180.0
"""A logout token is sent when it is made; providers try again for a minute or two."""
MOST_GROUPS = 1_000
"""Of a person; a provider that names more is misused."""
MOST_TEXT = 200
"""Characters of a name, a group or a subject."""


class Terms(NamedTuple):
    """What the operator and the provider agreed on."""

    issuer: str
    client_id: str
    client_secret: str = ""
    """Empty: a public client, which PKCE alone protects."""
    ca_file: str = ""
    scopes: str = "openid profile email"
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"


class Identity(NamedTuple):
    provided: Provided
    """The provider's own key of the person, which never becomes another's."""
    name: str
    groups: frozenset[str]
    token: str = ""
    """The ID token itself: who leaves shows it to the provider."""


class IdentityError(ProviderError):
    """What came back proves nobody."""


class _Described(NamedTuple):
    """What the provider says of itself."""

    authorize: str
    token: str
    userinfo: str
    keys: str
    end: str
    """Where people leave it; empty: it has no such place."""
    is_secret_posted: bool
    """It takes the secret in the form only."""
    at: float


class Provider:
    """One provider; safe to use from several threads."""

    def __init__(
        self,
        terms: Terms,
        redirect_uri: str,
        left_uri: str = "",
        clock: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Asks nobody yet. It sends people back to `redirect_uri` when they came in,
        and to `left_uri` when they left. Raises ProviderError if the terms cannot be
        used."""
        self.terms = terms
        self.host = urlsplit(terms.issuer).netloc
        """To show to people."""
        self._redirect_uri, self._left_uri = redirect_uri, left_uri
        self._clock = clock
        self._now = now
        self._fetching = Fetching(terms.ca_file)
        self._lock = Lock()
        self._described: _Described | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    def address(self, attempt: Attempt) -> str:
        """Where the browser of this attempt is sent. Raises ProviderError."""
        target = self._description().authorize
        asked = {
            "client_id": self.terms.client_id,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "nonce": attempt.nonce,
            "redirect_uri": self._redirect_uri,
            "response_type": "code",
            "scope": self.terms.scopes,
            "state": attempt.state,
        }
        return f"{target}{'&' if '?' in target else '?'}{urlencode(asked)}"

    def identity(self, attempt: Attempt, code: str, issuer: str = "") -> Identity:
        """Who came back with this code. Raises ProviderError.

        `issuer` is what the answer names as such, if it does.
        """
        if issuer and issuer != self.terms.issuer:
            raise IdentityError("the answer is of another provider")
        given = self._exchanged(attempt, code)
        token = str(given.get("id_token", ""))
        claims = self._checked(token, attempt)
        claims = {**self._more(claims, given), **claims}
        subject = claims["sub"]
        named = claims.get(self.terms.name_claim)
        return Identity(
            Provided(subject, _text(claims.get("sid"))),
            _text(named) or subject,
            _groups(claims.get(self.terms.groups_claim)),
            token,
        )

    def farewell(self, token: str, state: str) -> str:
        """Where a browser is sent that leaves the provider, too; empty: nowhere.

        OpenID Connect RP-Initiated Logout 1.0, section 2. `token` is the ID token of
        the login; without one the provider asks the person. Raises ProviderError.
        """
        target = self._description().end
        if not target:
            return ""
        told = {"client_id": self.terms.client_id}
        if self._left_uri:
            told |= {"post_logout_redirect_uri": self._left_uri, "state": state}
        if token:
            told["id_token_hint"] = token
        return f"{target}{'&' if '?' in target else '?'}{urlencode(told)}"

    def left(self, token: str) -> Provided:
        """Of whom a logout token tells that they left. Raises ProviderError.

        OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6. Whoever sends one
        again ends nothing more than it did, within the few minutes that it holds.
        """
        claims = self._trusted(token, "its logout token", {"jti", "events"})
        events, age = claims["events"], self._clock() - claims["iat"]
        if not isinstance(events, dict) or LOGOUT not in events or "nonce" in claims:
            raise IdentityError("its logout token is none")
        if age > LOGOUT_SECONDS + SKEW_SECONDS:
            raise IdentityError("its logout token is too old")
        found = Provided(_text(claims.get("sub")), _text(claims.get("sid")))
        if not (found.subject or found.sid):
            raise IdentityError("its logout token names nobody")
        return found

    def _exchanged(self, attempt: Attempt, code: str) -> dict[str, Any]:
        described, terms = self._description(), self.terms
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {}
        if terms.client_secret and not described.is_secret_posted:
            # RFC 6749, section 2.3.1: both are encoded as in a form first.
            pair = f"{quote_plus(terms.client_id)}:{quote_plus(terms.client_secret)}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = terms.client_id
            if terms.client_secret:
                form["client_secret"] = terms.client_secret
        try:
            return self._fetching.post(described.token, form, headers)
        except DeniedError as error:
            raise IdentityError(f"its token endpoint: {error}") from None

    def _checked(self, token: str, attempt: Attempt) -> dict[str, Any]:
        """The claims of an ID token. Raises IdentityError."""
        claims = self._trusted(token, "its ID token", {"exp", "sub"})
        audience = claims["aud"]
        parties = [audience] if isinstance(audience, str) else audience
        party = claims.get("azp", self.terms.client_id if len(parties) == 1 else "")
        if party != self.terms.client_id:
            raise IdentityError("its ID token is for another program")
        if not hmac.compare_digest(
            str(claims.get("nonce", "")).encode(), attempt.nonce.encode()
        ):
            raise IdentityError("its ID token is of another attempt")
        if not _text(claims["sub"]):
            raise IdentityError("its ID token names nobody")
        return claims

    def _trusted(self, token: str, what: str, needed: set[str]) -> dict[str, Any]:
        """The claims of what the provider signed for us. Raises IdentityError."""
        try:
            claims = self._signed(token)
            self._registry(needed).validate(claims)
        except JoseError as error:
            raise IdentityError(f"{what}: {error.error}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise IdentityError(f"{what}: {type(error).__name__}") from None
        return claims

    def _registry(self, needed: set[str]) -> jwt.JWTClaimsRegistry:
        wanted: dict[str, Any] = {name: {"essential": True} for name in needed}
        return jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self.terms.issuer},
            aud={"essential": True, "value": self.terms.client_id},
            iat={"essential": True},
            **wanted,
        )

    def _signed(self, token: str) -> dict[str, Any]:
        """Looks for new keys once if those that are known do not fit."""
        known = self._key_set()
        try:
            return jwt.decode(token, known, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError):
            renewed = self._key_set(than=known)
            if renewed is known:
                raise
            return jwt.decode(token, renewed, algorithms=ALGORITHMS).claims

    def _more(
        self, claims: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Some providers name groups only where the person is asked for (5.3)."""
        address, token = self._description().userinfo, given.get("access_token")
        if self.terms.groups_claim in claims or not address or not token:
            return {}
        told = self._fetching.get(address, str(token))
        if told.get("sub") != claims["sub"]:
            raise IdentityError("what it tells is of another person")
        return told

    def _description(self) -> _Described:
        with self._lock:
            known = self._described
            if known and self._now() - known.at < KNOWN_SECONDS:
                return known
        issuer = self.terms.issuer
        found = self._fetching.get(
            f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        )
        if found.get("issuer") != issuer:
            raise ProviderError("it names another issuer than cloud.oidc_issuer")
        ways = found.get("token_endpoint_auth_methods_supported")
        described = _Described(
            authorize=_address(found, "authorization_endpoint"),
            token=_address(found, "token_endpoint"),
            userinfo=_address(found, "userinfo_endpoint", is_needed=False),
            keys=_address(found, "jwks_uri"),
            end=_address(found, "end_session_endpoint", is_needed=False),
            is_secret_posted=isinstance(ways, list)
            and "client_secret_basic" not in ways
            and "client_secret_post" in ways,
            at=self._now(),
        )
        with self._lock:
            self._described = described
        return described

    def _key_set(self, than: KeySet | None = None) -> KeySet:
        """The provider's keys; newer ones `than` these if it is time to look."""
        with self._lock:
            known, age = self._keys, self._now() - self._keys_at
        is_wanted = known is None or (than is known and age >= AGAIN_SECONDS)
        if known is not None and not is_wanted and age < KNOWN_SECONDS:
            return known
        found = self._fetching.get(self._description().keys)
        try:
            keys = KeySet.import_key_set({"keys": list(found["keys"])})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise ProviderError("its keys are not understood") from None
        with self._lock:
            self._keys, self._keys_at = keys, self._now()
        return keys


def is_safe(address: str) -> bool:
    """Whether a secret may go there: over TLS, or on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and (host == "localhost" or is_local(host))


def _address(found: Mapping[str, Any], name: str, is_needed: bool = True) -> str:
    address = found.get(name, "")
    if not is_needed and not address:
        return ""
    if not isinstance(address, str) or not is_safe(address):
        raise ProviderError(f"its {name} is no https address")
    return address


def _text(value: object) -> str:
    """A name that can be shown and stored; empty: it is none."""
    is_good = isinstance(value, str) and value.isprintable() and value == value.strip()
    return str(value) if is_good and len(str(value)) <= MOST_TEXT else ""


def _groups(value: object) -> frozenset[str]:
    found = value if isinstance(value, list) else [value]
    return frozenset(filter(None, map(_text, found[:MOST_GROUPS])))
