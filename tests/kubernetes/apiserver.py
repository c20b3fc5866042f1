"""A real Kubernetes API server for tests: kube-apiserver and etcd on loopback.

There are no nodes and no controllers: tests write pods and their status themselves.
kube-apiserver is built by `building.py`, once; etcd is Debian's etcd-server.
"""

import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

from tests.kubernetes import building
from tests.kubernetes.building import binary

TOKEN = "tests-only"
AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [get, list, watch]
  - level: None
"""

START_SECONDS = 90
STOP_SECONDS = 15


def missing() -> str:
    """Why the server cannot be had here; empty if it can."""
    if reason := building.missing():
        return reason
    if not binary().is_file():
        return "kube-apiserver is not built: make apiserver"
    return ""


class ApiServer:
    """Running servers with an empty store; close ends them."""

    def __init__(self, directory: Path, has_cache: bool = False) -> None:
        """`has_cache`: as in a cluster, with lists that are streamed; without it, what
        etcd forgot is gone at once (see `forget`)."""
        self._directory = directory
        self._has_cache = has_cache
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port = _free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca_file = directory / "certs" / "apiserver.crt"
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._etcd = f"http://127.0.0.1:{_free_port()}"
        self._store = self._start_etcd(self._etcd)
        self._prepare()
        self._api = self._start_api(self._etcd)

    def request(self, method: str, path: str, document: Any = None) -> Any:
        """One call of the API as its administrator."""
        kind = "merge-patch+json" if method == "PATCH" else "json"
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": f"application/{kind}",
            },
        )
        with urllib.request.urlopen(
            request, context=self._context, timeout=30
        ) as response:
            return json.loads(response.read())

    def is_ready(self) -> bool:
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=5):
                return True
        except (URLError, OSError):
            return False

    def forget(self, version: int) -> None:
        """The store forgets what was before a resource version."""
        request = urllib.request.Request(
            f"{self._etcd}/v3/kv/compaction",
            data=json.dumps({"revision": version, "physical": True}).encode(),
        )
        with urllib.request.urlopen(request, timeout=30):
            return

    def audited(self) -> list[dict[str, Any]]:
        """Requests that were asked so far, and watches that were opened."""
        lines = (self._directory / "audit.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def stop_api(self) -> None:
        """As a node that goes down: nobody is told."""
        self._end(self._api)

    def start_api(self) -> None:
        self._api = self._start_api(self._etcd)

    def back_up(self) -> Path:
        """A copy of the store as it is now."""
        self._end(self._store)
        copy = Path(tempfile.mkdtemp(dir=self._directory)) / "etcd"
        shutil.copytree(self._directory / "etcd", copy)
        self._store = self._start_etcd(self._etcd)
        while not self.is_ready():
            time.sleep(0.2)
        return copy

    def restore(self, copy: Path) -> None:
        """The store is what it was; resource versions go back."""
        self.stop_api()
        self._end(self._store)
        shutil.rmtree(self._directory / "etcd")
        shutil.copytree(copy, self._directory / "etcd")
        self._store = self._start_etcd(self._etcd)
        self.start_api()

    def close(self) -> None:
        """At once: there is nothing to keep."""
        for process in reversed(self._processes):
            process.kill()
            process.wait(STOP_SECONDS)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait(STOP_SECONDS)
        self._processes.remove(process)

    def _start_etcd(self, url: str) -> subprocess.Popen[bytes]:
        peer = f"http://127.0.0.1:{_free_port()}"
        return self._start(
            "etcd",
            "--data-dir",
            str(self._directory / "etcd"),
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )

    def _prepare(self) -> None:
        key = self._directory / "accounts.key"
        subprocess.run(
            ["openssl", "genrsa", "-out", str(key), "2048"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        tokens = f"{TOKEN},admin,1,system:masters\nviewer,viewer,2\n"
        (self._directory / "tokens.csv").write_text(tokens)
        (self._directory / "audit.yaml").write_text(AUDIT)

    def _start_api(self, etcd: str) -> subprocess.Popen[bytes]:
        key = self._directory / "accounts.key"
        process = self._start(
            str(binary()),
            f"--etcd-servers={etcd}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            # A documentation address (RFC 5737): loopback is refused here.
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
            f"--watch-cache={str(self._has_cache).lower()}",
            f"--audit-log-path={self._directory / 'audit.log'}",
            f"--audit-policy-file={self._directory / 'audit.yaml'}",
            f"--cert-dir={self._directory / 'certs'}",
            "--service-account-issuer=https://tests.invalid",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--token-auth-file={self._directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            "--disable-admission-plugins=ServiceAccount",
        )
        end = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > end:
                self.close()
                log = (self._directory / "kube-apiserver.log").read_text()
                raise RuntimeError(log[-4000:])
            time.sleep(0.2)
        return process

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        name = Path(program).name.partition("-v")[0]
        with (self._directory / f"{name}.log").open("wb") as log:
            process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
        self._processes.append(process)
        return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
