"""Asks a provider over HTTP: short, bounded, and without following it elsewhere.

In: addresses from settings and from the provider's own description. Out: its JSON. TLS
by the system's authorities, or those of a file. Redirects are errors: a secret goes to
the address that was meant. Errors tell the kind, never what was sent or answered.
"""

import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

import msgspec

from cloud.errors import CloudError

WAIT_SECONDS = 5.0
"""For a connection, and for each piece; three such questions are one login."""
WHOLE_SECONDS = 10.0
MOST_BYTES = 1 << 20
"""Of an answer: descriptions have some 4 KiB, sets of keys some 10."""
_PIECE = 1 << 14


class ProviderError(CloudError):
    """The provider is away, or says what cannot be used."""


class DeniedError(ProviderError):
    """The provider answers, and says no."""


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Fetching:
    """Questions to one provider."""

    def __init__(self, ca_file: str = "") -> None:
        """Raises ProviderError if the file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError):
            raise ProviderError(
                "cloud.oidc_ca_file: is no PEM file of authorities"
            ) from None
        self._opener = urllib.request.build_opener(
            _Stay, urllib.request.HTTPSHandler(context=context)
        )

    def get(self, address: str, token: str = "") -> dict[str, Any]:
        """Raises ProviderError."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self._ask(urllib.request.Request(address, headers=headers))

    def post(
        self, address: str, form: dict[str, str], headers: dict[str, str]
    ) -> dict[str, Any]:
        """Raises ProviderError."""
        body = urlencode(form).encode()
        return self._ask(urllib.request.Request(address, body, headers))

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        request.add_header("accept", "application/json")
        end = time.monotonic() + WHOLE_SECONDS
        body = b""
        try:
            with self._opener.open(request, timeout=WAIT_SECONDS) as answer:
                while piece := answer.read1(_PIECE):
                    body += piece
                    if len(body) > MOST_BYTES or time.monotonic() > end:
                        raise ProviderError("its answer is too long, or too slow")
            found = msgspec.json.decode(body)
        except urllib.error.HTTPError as error:
            error.close()
            kind = DeniedError if 400 <= error.code < 500 else ProviderError
            raise kind(f"it answers {error.code}") from None
        except urllib.error.URLError as error:
            raise ProviderError(_words(error.reason)) from None
        except (OSError, HTTPException, msgspec.DecodeError, ValueError) as error:
            raise ProviderError(f"no answer: {type(error).__name__}") from None
        if not isinstance(found, dict):
            raise ProviderError("its answer is no JSON object")
        return found


def _words(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, OSError):
        return f"it cannot be reached: {reason.strerror or type(reason).__name__}"
    return "it cannot be reached"
