"""Vault: Secrets of the namespace that this pod runs in, by the Kubernetes API.

In and out go bytes by key. The pod's own account (service account token, authority and
namespace, mounted by the kubelet) says who asks; nothing is logged of what is read.
"""

import base64
import http.client
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANSWER_SECONDS = 30.0
LONGEST_BYTES = 4 << 20
"""Of an answer; a Secret has 1 MiB at most."""

Data = Mapping[str, bytes]


class VaultError(Exception):
    """The server is away, or refuses: says the Secret and the status."""


class Vault:
    """Secrets by name."""

    def __init__(self, server: str, account: Path = ACCOUNT) -> None:
        """`server` is host:port. Raises VaultError outside a pod."""
        self._server = server
        self._account = account
        try:
            namespace = (account / "namespace").read_text().strip()
            self._context = ssl.create_default_context(cafile=str(account / "ca.crt"))
        except OSError as error:
            raise VaultError(f"{error.filename or account}: {error.strerror}") from None
        self._path = f"/api/v1/namespaces/{namespace}/secrets"

    @classmethod
    def of_pod(cls) -> "Vault":
        """The cluster's own server. Raises VaultError."""
        host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
        port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise VaultError("KUBERNETES_SERVICE_HOST is not set: this is no pod")
        return cls(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def read(self, name: str) -> Data | None:
        """What it holds; None: there is none. Raises VaultError."""
        found = self._ask("GET", name, None, missing=True)
        if found is None:
            return None
        data = found.get("data") or {}
        return {key: base64.b64decode(value) for key, value in data.items()}

    def create(self, name: str, data: Data, labels: Mapping[str, str]) -> bool:
        """False: there was one already. Raises VaultError."""
        return self._ask("POST", name, _document(name, data, labels)) is not None

    def replace(self, name: str, data: Data, labels: Mapping[str, str]) -> None:
        """All that it holds. Raises VaultError."""
        self._ask("PUT", name, _document(name, data, labels))

    def _ask(
        self, method: str, name: str, document: Any, missing: bool = False
    ) -> dict[str, Any] | None:
        """None: it is there already, or, if it may be missing, is not."""
        path = self._path if method == "POST" else f"{self._path}/{name}"
        try:
            token = (self._account / "token").read_text().strip()
            status, body = self._answer(method, path, token, document)
        except (OSError, http.client.HTTPException) as error:
            raise VaultError(f"secret {name}: {type(error).__name__}") from None
        if (status, missing) == (404, True) or (status, method) == (409, "POST"):
            return None
        if status not in (200, 201):
            raise VaultError(f"secret {name}: {method} answered HTTP status {status}")
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError:
            raise VaultError(f"secret {name}: the answer is not JSON") from None
        return answer

    def _answer(
        self, method: str, path: str, token: str, document: Any
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(
            self._server, timeout=ANSWER_SECONDS, context=self._context
        )
        try:
            connection.request(
                method,
                path,
                None if document is None else json.dumps(document),
                {
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                    "User-Agent": "vethscope",
                },
            )
            with connection.getresponse() as answer:
                return answer.status, answer.read(LONGEST_BYTES)
        finally:
            connection.close()


def _document(name: str, data: Data, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": dict(labels)},
        "type": "kubernetes.io/tls",
        "data": {k: base64.b64encode(v).decode() for k, v in data.items()},
    }
