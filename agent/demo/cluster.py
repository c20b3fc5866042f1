"""The company's Kubernetes API, as far as the digger asks it: lists and watches.

In: objects that come and go. Out: HTTP answers on loopback, lists as JSON documents and
watches as JSON lines (kubernetes.io/docs/reference/using-api/api-concepts), and a file
that says how to get there. So the demo's names come the way that names come in a
cluster. It holds names only, and they are the demo's own.
"""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from agent.demo.manifests import (
    INGRESSES_PATH,
    PODS_PATH,
    SERVICES_PATH,
    Thing,
    ingress,
    pod,
    processor,
)

PATHS = (PODS_PATH, SERVICES_PATH, INGRESSES_PATH)
WATCH_SECONDS = 30.0
"""A watch ends after so long without news; the digger comes again."""


class _Event(NamedTuple):
    version: int
    path: str
    kind: str
    thing: Thing


class Cluster:
    """What runs, for those who list and watch; use as a context."""

    def __init__(self, folder: Path) -> None:
        self._changed = threading.Condition()
        self._events: list[_Event] = []
        """A demo has some twenty, so all are kept."""
        self._things: dict[str, dict[str, Thing]] = {path: {} for path in PATHS}
        self._is_closed = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self.file = folder / "kubeconfig"
        """As kubectl wants it; JSON is YAML."""
        self.file.write_text(json.dumps(_kubeconfig(self._server.server_port)))
        self._put(SERVICES_PATH, processor())
        self._put(INGRESSES_PATH, ingress())

    def run(self, name: str, addresses: tuple[str, ...], is_new: bool = False) -> None:
        """A pod of the company is there from now on, or for days if it is not new."""
        self._put(PODS_PATH, pod(name, addresses, time.time(), is_new))

    def end(self, name: str) -> None:
        """The pod is gone."""
        with self._changed:
            if thing := self._things[PODS_PATH].pop(name, None):
                self._note(PODS_PATH, "DELETED", thing)

    def listed(self, path: str) -> Thing:
        """All that is there."""
        with self._changed:
            return {
                "metadata": {"resourceVersion": str(len(self._events))},
                "items": list(self._things[path].values()),
            }

    def watch(self, path: str, version: int) -> Iterator[Thing]:
        """What comes and goes after a version, until nothing did for a while."""
        while news := self._since(version):
            version = news[-1].version
            for event in news:
                if event.path == path:
                    yield {"type": event.kind, "object": event.thing}

    def _since(self, version: int) -> list[_Event]:
        """Waits for some; none came, or this is the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or len(self._events) > version, WATCH_SECONDS
            )
            return [] if self._is_closed else self._events[version:]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _put(self, path: str, thing: Thing) -> None:
        with self._changed:
            things, uid = self._things[path], thing["metadata"]["uid"]
            kind = "MODIFIED" if uid in things else "ADDED"
            things[uid] = thing
            self._note(path, kind, thing)

    def _note(self, path: str, kind: str, thing: Thing) -> None:
        version = len(self._events) + 1
        thing["metadata"]["resourceVersion"] = str(version)
        self._events.append(_Event(version, path, kind, thing))
        self._changed.notify_all()


def _answering(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        """One request a connection; a watch comes in chunks, as it happens."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            if parts.path not in PATHS:
                self.send_error(404)
                return
            if "sendInitialEvents" in query:
                self.send_error(422)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            version = query.get("resourceVersion", ["0"])[0]
            seen = int(version) if version.isdecimal() else 0
            try:
                if "watch" not in query:
                    self._tell(cluster.listed(parts.path))
                else:
                    for told in cluster.watch(parts.path, seen):
                        self._tell(told)
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True

        def _tell(self, told: Thing) -> None:
            line = json.dumps(told).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Answering


def _kubeconfig(port: int) -> Thing:
    server = {"server": f"http://127.0.0.1:{port}"}
    return {
        "current-context": "demo",
        "clusters": [{"name": "demo", "cluster": server}],
        "users": [{"name": "demo", "user": {}}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
    }
