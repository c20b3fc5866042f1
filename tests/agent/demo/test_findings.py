"""Reading findings from a dashboard's JSON pages."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent.demo.findings import Finding, read

PAGES: dict[str, Any] = {
    "/api/v1/endpoints?size=200": {"endpoints": [{"id": "0a"}], "paging": {}},
    "/api/v1/endpoints/0a": {
        "method": "GET",
        "path": "/users/{id}",
        "protocols": ["http/1"],
        "server": {"name": "shop", "kind": "Deployment"},
        "clients": [{"client": {"name": "client"}, "pairs": 3}],
        "fields": [
            {
                "direction": "response",
                "location": "body",
                "path": "$.email",
                "data_type": "contact.email",
                "sensitivity": "medium",
                "likelihood": "very_likely",
                "count": 3,
            }
        ],
    },
}


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(PAGES.get(self.path)).encode()
        self.send_response(200 if self.path in PAGES else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def dashboard() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_findings_are_read_from_the_endpoints_pages(dashboard: str) -> None:
    assert read(dashboard, "key") == [
        Finding(
            endpoint="GET /users/{id}",
            data_type="contact.email",
            path="$.email",
            direction="response",
            location="body",
            count=3,
            sensitivity="medium",
            client="client",
            server="shop",
            protocol="http/1",
        )
    ]


def test_a_page_that_fails_is_an_error(
    dashboard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(PAGES, "/api/v1/endpoints/0a")
    with pytest.raises(OSError, match="404"):
        read(dashboard, "key")
