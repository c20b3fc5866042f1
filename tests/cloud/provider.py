"""A provider of identities that others wrote, as a process of its own.

`oidc-provider-mock` speaks OpenID Connect by authlib. What it does not do is added here
in front of it: PKCE is asked for and checked (RFC 7636, section 4.6), its key can be
changed, so that what it signed with before is not known any more, and it signs tokens
that tell of a logout.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.ports import steady_port

START_SECONDS = 30


class Double:
    """A running provider."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://localhost:{port}"

    def know(self, subject: str, **claims: Any) -> None:
        """Somebody who may log in."""
        self._send("PUT", f"/users/{subject}", claims)

    def logout_token(self, **claims: Any) -> str:
        """As it would send to those who are to end visits; it sends none itself."""
        return self._send("POST", "/logout-token", claims)

    def change_key(self) -> None:
        self._send("POST", "/change-key", {})

    def _send(self, method: str, path: str, body: object) -> str:
        request = urllib.request.Request(
            self.issuer + path,
            json.dumps(body).encode(),
            {"content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())


@contextmanager
def providing(port: int = 0) -> Iterator[Double]:
    """On a port of loopback."""
    port = port or steady_port()
    command = [sys.executable, "-W", "ignore", "-m", "tests.cloud.provider", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        double = Double(port)
        _wait(double, process)
        yield double
    finally:
        process.terminate()
        process.wait(10)


def _wait(double: Double, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None
        try:
            urllib.request.urlopen(f"{double.issuer}/jwks", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


def main(port: int) -> None:
    """Imported in the process only: authlib warns about itself."""
    import base64
    import hashlib

    import flask
    from authlib import jose
    from oidc_provider_mock._app import app
    from oidc_provider_mock._storage import storage
    from werkzeug.serving import make_server

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    served = app(require_nonce=True)
    served.debug = False
    challenges: set[str] = set()

    def check_challenge() -> Any:
        if flask.request.path == "/oauth2/authorize":
            if flask.request.args.get("code_challenge_method") != "S256":
                flask.abort(400)
            challenges.add(flask.request.args["code_challenge"])
        if flask.request.path == "/oauth2/token":
            verifier = flask.request.form["code_verifier"].encode()
            digest = hashlib.sha256(verifier).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenge not in challenges:
                flask.abort(400)
            challenges.remove(challenge)
        return None

    def change_key() -> Any:
        storage.jwk = jose.RSAKey.generate_key(is_private=True)
        return {}

    def logout_token() -> Any:
        claims: dict[str, Any] = {"iss": flask.request.host_url.rstrip("/"), "jti": "1"}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 60}
        claims |= flask.request.get_json()
        header = {"alg": "RS256", "typ": "logout+jwt"}
        return jose.jwt.encode(header, claims, storage.jwk)

    served.before_request(check_challenge)
    served.add_url_rule("/logout-token", view_func=logout_token, methods=["POST"])
    served.add_url_rule("/change-key", view_func=change_key, methods=["POST"])

    make_server("127.0.0.1", port, served, threaded=True).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
