"""A small HTTP server that speaks the list and watch wire format of Kubernetes."""

import json
import queue
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

END = object()
"""In a watch's queue: the server ends the watch."""


class ApiServer:
    """Objects by path, and the events of their watches; use as a context."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Any]] = {
            "pods": [],
            "services": [],
            "ingresses": [],
            "jobs": [],
        }
        self.events: dict[str, queue.Queue[Any]] = {
            "pods": queue.Queue(),
            "services": queue.Queue(),
            "ingresses": queue.Queue(),
            "jobs": queue.Queue(),
        }
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._woken = threading.Event()
        self.authorizations: set[str] = set()
        self.failures: list[int] = []
        """Statuses to answer with first."""
        self.streams = False
        """Lists come as the beginning of a watch."""
        self.is_silent = False
        """Whatever is asked, nothing comes."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def pod(self, name: str, ip: str, kind: str = "DaemonSet") -> dict[str, Any]:
        owner = {"kind": kind, "name": name.rpartition("-")[0], "controller": True}
        return {
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "shop",
                "uid": f"uid-{name}",
                "resourceVersion": "7",
                "ownerReferences": [owner],
                "managedFields": [{"ignored": True}],
            },
            "spec": {"nodeName": "n1", "containers": []},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
        }

    def tell(self, resource: str, kind: str, thing: Any) -> None:
        self.events[resource].put({"type": kind, "object": thing})

    def __enter__(self) -> "ApiServer":
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._woken.set()
        for events in self.events.values():
            events.put(END)
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(ConnectionError):
                    outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keeps quiet."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        resource = url.path.rpartition("/")[2]
        self.requests.append((resource, query))
        self.authorizations.add(request.headers.get("Authorization", ""))
        if self.is_silent:
            self._woken.wait(60)
        elif resource == "version":
            self._say(request, {})
        elif self.failures:
            request.send_error(self.failures.pop(0))
        elif "sendInitialEvents" in query and not self.streams:
            request.send_error(422)
        elif "watch" in query:
            self._watch(request, resource, "sendInitialEvents" in query)
        else:
            self._list(request, resource, query)

    def _list(
        self, request: BaseHTTPRequestHandler, resource: str, query: dict[str, str]
    ) -> None:
        start, limit = int(query.get("continue", "0")), int(query["limit"])
        things = self.objects[resource]
        metadata = {"resourceVersion": "5"}
        if start + limit < len(things):
            metadata["continue"] = str(start + limit)
        page = {"metadata": metadata, "items": things[start : start + limit]}
        self._say(request, page)

    def _say(self, request: BaseHTTPRequestHandler, document: Any) -> None:
        body = json.dumps(document).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _watch(
        self, request: BaseHTTPRequestHandler, resource: str, is_list: bool
    ) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        if is_list:
            self._stream(resource)
        while (event := self.events[resource].get()) is not END:
            is_raw = isinstance(event, bytes)
            line = (event if is_raw else json.dumps(event).encode()) + b"\n"
            # Events do not begin where chunks do.
            for part in (line[:9], line[9:]):
                request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        request.wfile.write(b"0\r\n\r\n")

    def _stream(self, resource: str) -> None:
        """The list goes before what waits in the queue."""
        waiting = []
        while not self.events[resource].empty():
            waiting.append(self.events[resource].get())
        for thing in self.objects[resource]:
            self.tell(resource, "ADDED", thing)
        marks = {"k8s.io/initial-events-end": "true"}
        end = {"resourceVersion": "5", "annotations": marks}
        self.tell(resource, "BOOKMARK", {"metadata": end})
        for event in waiting:
            self.events[resource].put(event)
