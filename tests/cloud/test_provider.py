"""What a provider may say: real signatures over real HTTP, and all that is refused."""

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from cloud.doors.visitors import fetching
from cloud.doors.visitors.attempt import Attempt, begun
from cloud.doors.visitors.fetching import ProviderError
from cloud.doors.visitors.provider import (
    AGAIN_SECONDS,
    KNOWN_SECONDS,
    LOGOUT,
    LOGOUT_SECONDS,
    SKEW_SECONDS,
    IdentityError,
    Provider,
    Terms,
    is_safe,
)

NOW = 1_800_000_000
BACK = "https://vethscope.example/login/oidc/back"
LEFT = "https://vethscope.example/login/oidc/left"
CLIENT, SECRET = "vethscope", "a secret of the client, long enough"


class Clock:
    seconds = 1_000.0

    def now(self) -> float:
        return self.seconds


class Server:
    """Says what the test wants, and remembers what it was asked."""

    def __init__(self) -> None:
        self.keys: list[Any] = [RSAKey.generate_key(2048, {"kid": "1"})]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "1"}
        self.signer: Any = self.keys[0]
        self.token = ""
        self.told: dict[str, Any] = {}
        self.person: dict[str, Any] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.raw: dict[str, tuple[int, bytes]] = {}
        self.issuer = ""

    def answer(self, path: str) -> object:
        if path == "/.well-known/openid-configuration":
            places = ("authorization", "token", "userinfo")
            described = {f"{p}_endpoint": f"{self.issuer}/{p}" for p in places}
            described |= {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
            return described | self.told
        if path == "/keys":
            return KeySet(self.keys).as_dict()
        if path == "/userinfo":
            return self.person
        token = self.token or jwt.encode(
            self.header,
            self.claims,
            self.signer,
            algorithms=["RS256", "ES256"],
        )
        return {"id_token": token, "access_token": "access", "token_type": "Bearer"}


@pytest.fixture
def server() -> Iterator[Server]:
    said = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length).decode()
            said.asked.append((self.path, body, self.headers["authorization"] or ""))
            status, text = said.raw.get(self.path) or (200, b"")
            text = text or json.dumps(said.answer(self.path)).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{said.issuer}/elsewhere")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        said.issuer = f"http://127.0.0.1:{served.server_port}"
        thread = threading.Thread(target=served.serve_forever, args=(0.02,))
        thread.start()
        yield said
        served.shutdown()
        thread.join()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempt() -> Attempt:
    return begun(NOW)


@pytest.fixture
def provider(server: Server, clock: Clock, attempt: Attempt) -> Provider:
    server.claims = {
        "iss": server.issuer,
        "aud": CLIENT,
        "sub": "7",
        "nonce": attempt.nonce,
        "iat": NOW - 1,
        "exp": NOW + 300,
        "preferred_username": "ann",
        "groups": ["a", "b"],
    }
    terms = Terms(server.issuer, CLIENT, SECRET)
    return Provider(terms, BACK, LEFT, clock=lambda: NOW, now=clock.now)


def test_a_good_token_tells_who_it_is(
    provider: Provider, server: Server, attempt: Attempt
) -> None:
    identity = provider.identity(attempt, "code", server.issuer)
    assert identity[:3] == (("7", ""), "ann", frozenset("ab"))
    assert identity.token.count(".") == 2
    assert server.asked[1][:2] == (
        "/token",
        "grant_type=authorization_code&code=code&redirect_uri=https%3A%2F%2F"
        "vethscope.example%2Flogin%2Foidc%2Fback&code_verifier=" + attempt.verifier,
    )
    pair = base64.b64decode(server.asked[1][2].removeprefix("Basic ")).decode()
    assert pair == f"{CLIENT}:{SECRET.replace(' ', '+').replace(',', '%2C')}"


WRONG: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://other.example"},
    "no issuer": {"iss": None},
    "audience": {"aud": "other"},
    "no audience": {"aud": []},
    "party": {"aud": [CLIENT, "other"], "azp": "other"},
    "no party": {"aud": [CLIENT, "other"]},
    "party alone": {"azp": "other"},
    "nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "late": {"exp": NOW - SKEW_SECONDS - 1},
    "no end": {"exp": None},
    "early": {"iat": NOW + SKEW_SECONDS + 1},
    "not yet": {"nbf": NOW + SKEW_SECONDS + 1},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "long subject": {"sub": "x" * 300},
    "subject of a terminal": {"sub": "x\x1b[2J"},
    "number": {"sub": 7},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_claims_prove_nobody(
    provider: Provider, server: Server, attempt: Attempt, wrong: str
) -> None:
    claims = {**server.claims, **WRONG[wrong]}
    server.claims = {name: value for name, value in claims.items() if value is not None}
    with pytest.raises(IdentityError):
        provider.identity(attempt, "code")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - SKEW_SECONDS + 1},
        {"iat": NOW + SKEW_SECONDS},
        {"nbf": NOW + SKEW_SECONDS},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
    ],
)
def test_clocks_may_differ_and_others_may_listen(
    provider: Provider, server: Server, attempt: Attempt, claims: dict[str, Any]
) -> None:
    server.claims |= claims
    assert provider.identity(attempt, "code").name == "ann"


def test_who_leaves_is_sent_where_the_provider_says(
    provider: Provider, server: Server
) -> None:
    server.told["end_session_endpoint"] = f"{server.issuer}/end?a=b"
    target = urlsplit(provider.farewell("a.b.c", "state&"))
    assert target.path == "/end"
    assert parse_qs(target.query) == {
        "a": ["b"],
        "client_id": [CLIENT],
        "id_token_hint": ["a.b.c"],
        "post_logout_redirect_uri": [LEFT],
        "state": ["state&"],
    }


def test_a_provider_without_a_way_out_has_none(provider: Provider) -> None:
    assert provider.farewell("a.b.c", "state") == ""


def test_a_way_out_in_plain_text_is_refused(provider: Provider, server: Server) -> None:
    server.told["end_session_endpoint"] = "http://elsewhere.example/end"
    with pytest.raises(ProviderError, match="end_session_endpoint"):
        provider.farewell("", "")


def logout_token(server: Server, **changes: Any) -> str:
    claims = {
        "iss": server.issuer,
        "aud": CLIENT,
        "iat": NOW - 1,
        "exp": NOW + 60,
        "jti": "1",
        "sub": "7",
        "sid": "s1",
        "events": {LOGOUT: {}},
    } | changes
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(server.header, told, server.signer)


def test_a_logout_token_names_who_left(provider: Provider, server: Server) -> None:
    assert provider.left(logout_token(server)) == ("7", "s1")
    assert provider.left(logout_token(server, sub=None)) == ("", "s1")
    assert provider.left(logout_token(server, sid=None, exp=None)) == ("7", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": None},
        {"iat": None},
        {"iat": NOW - LOGOUT_SECONDS - SKEW_SECONDS - 1},
        {"iat": NOW + SKEW_SECONDS + 1},
        {"exp": NOW - SKEW_SECONDS - 1},
        {"jti": None},
        {"events": None},
        {"events": {}},
        {"events": [LOGOUT]},
        {"nonce": "x"},
        {"sub": None, "sid": None},
        {"sub": "\0", "sid": 7},
    ],
    ids=str,
)
def test_what_is_no_logout_token_is_refused(
    provider: Provider, server: Server, changes: dict[str, Any]
) -> None:
    with pytest.raises(IdentityError):
        provider.left(logout_token(server, **changes))


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 10_000])
def test_nonsense_is_no_logout_token(provider: Provider, token: str) -> None:
    with pytest.raises(IdentityError):
        provider.left(token)


def test_a_logout_token_of_another_signer_is_refused(
    provider: Provider, server: Server
) -> None:
    server.signer = RSAKey.generate_key(2048, {"kid": "1"})
    with pytest.raises(IdentityError):
        provider.left(logout_token(server))


def test_an_id_token_is_no_logout_token(
    provider: Provider, server: Server, attempt: Attempt
) -> None:
    token = provider.identity(attempt, "code").token
    with pytest.raises(IdentityError):
        provider.left(token)


def _coded(part: dict[str, Any]) -> str:
    return _encoded(json.dumps(part).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(server: Server) -> str:
    return f"{_coded({'alg': 'none'})}.{_coded(server.claims)}."


def _with(key: OctKey) -> Callable[[Server], str]:
    def made(server: Server) -> str:
        header = {"alg": "HS256", "kid": "1"}
        return jwt.encode(header, server.claims, key, algorithms=["HS256"])

    return made


def _changed(server: Server) -> str:
    token = jwt.encode(server.header, server.claims, server.signer)
    head, body, signature = token.split(".")
    return f"{head}.{body[:-4]}AAAA.{signature}"


def _foreign(server: Server) -> str:
    return jwt.encode(server.header, server.claims, RSAKey.generate_key(2048))


@pytest.mark.parametrize(
    "make",
    [
        _unsigned,
        _with(OctKey.import_key(SECRET)),
        _changed,
        _foreign,
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: "a" * 100_000,
        lambda _: "a.b.c.d.e",
        lambda _: "é.ü.ß",
    ],
)
def test_what_the_provider_did_not_sign_proves_nobody(
    provider: Provider,
    server: Server,
    attempt: Attempt,
    clock: Clock,
    make: Callable[[Server], str],
) -> None:
    server.token = make(server) or "-"
    for _ in range(2):
        clock.seconds += AGAIN_SECONDS
        with pytest.raises(IdentityError):
            provider.identity(attempt, "code")


def test_public_keys_sign_nothing(
    provider: Provider, server: Server, attempt: Attempt
) -> None:
    """The old trick: HMAC with the public key as the secret."""
    public = server.keys[0].as_pem(private=False)
    signed = f"{_coded({'alg': 'HS256', 'kid': '1'})}.{_coded(server.claims)}"
    signature = hmac.digest(public, signed.encode(), "sha256")
    server.token = f"{signed}.{_encoded(signature)}"
    with pytest.raises(IdentityError):
        provider.identity(attempt, "code")


def test_new_keys_are_found_and_old_ones_leave(
    provider: Provider, server: Server, attempt: Attempt, clock: Clock
) -> None:
    provider.identity(attempt, "code")
    old = server.keys[0]
    new = ECKey.generate_key("P-256", {"kid": "2"})
    server.keys = [new]
    server.header, server.signer = {"alg": "ES256", "kid": "2"}, new
    clock.seconds += AGAIN_SECONDS
    assert provider.identity(attempt, "code").provided == ("7", "")
    server.header, server.signer = {"alg": "RS256", "kid": "1"}, old
    with pytest.raises(IdentityError):
        provider.identity(attempt, "code")


def test_keys_are_not_asked_for_at_each_forged_token(
    provider: Provider, server: Server, attempt: Attempt, clock: Clock
) -> None:
    server.token = _foreign(server)
    for _ in range(20):
        with pytest.raises(IdentityError):
            provider.identity(attempt, "code")
    assert [path for path, *_ in server.asked].count("/keys") == 1
    clock.seconds += KNOWN_SECONDS
    with pytest.raises(IdentityError):
        provider.identity(attempt, "code")
    assert [path for path, *_ in server.asked].count("/keys") == 2


def test_groups_may_stand_at_the_person(
    provider: Provider, server: Server, attempt: Attempt
) -> None:
    del server.claims["groups"], server.claims["preferred_username"]
    server.person = {"sub": "7", "groups": "c", "iss": "x", "nonce": "y"}
    found = provider.identity(attempt, "code")
    assert found[:3] == (("7", ""), "7", frozenset("c"))
    assert server.asked[-1] == ("/userinfo", "", "Bearer access")
    server.person = {"sub": "8", "groups": ["c"]}
    with pytest.raises(IdentityError, match="another person"):
        provider.identity(attempt, "code")


def test_groups_that_are_none_are_left_out(
    provider: Provider, server: Server, attempt: Attempt
) -> None:
    server.claims["groups"] = ["a", 7, None, "\x1b", " a ", "x" * 300, {"b": "c"}]
    assert provider.identity(attempt, "code").groups == frozenset("a")


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://other.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 7},
        {"userinfo_endpoint": "http://[::1"},
    ],
)
def test_descriptions_that_lead_elsewhere_are_refused(
    provider: Provider, server: Server, attempt: Attempt, told: dict[str, Any]
) -> None:
    server.told = told
    with pytest.raises(ProviderError):
        provider.address(attempt)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys": 1'),
        (200, b" " * (fetching.MOST_BYTES + 1)),
        (302, b"{}"),
        (404, b"{}"),
        (500, b"{}"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/token", "/keys"]
)
def test_other_answers_are_errors(
    provider: Provider,
    server: Server,
    attempt: Attempt,
    path: str,
    status: int,
    body: bytes,
) -> None:
    server.raw[path] = (status, body)
    with pytest.raises(ProviderError):
        provider.identity(attempt, "code")
    assert "/elsewhere" not in [asked for asked, *_ in server.asked]


def test_providers_that_take_the_secret_in_the_form_get_it_there(
    provider: Provider, server: Server, attempt: Attempt
) -> None:
    server.told = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    provider.identity(attempt, "code")
    _, body, authorization = server.asked[1]
    assert "client_secret=a+secret" in body
    assert not authorization


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://x.example", True),
        ("http://localhost:1/x", True),
        ("http://[::1]:1", True),
        ("http://x.example", False),
        ("http://localhost.x.example", False),
        ("https://", False),
        ("file:///etc/passwd", False),
        ("http://[", False),
    ],
)
def test_secrets_go_over_tls_or_stay_here(address: str, expected: bool) -> None:
    assert is_safe(address) is expected
