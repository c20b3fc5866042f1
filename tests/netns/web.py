"""Load for the tests: nginx in one pod, wrk in another, routed through the host.

Each request has a target of its own and is answered with it, so a pair that is wrong
shows itself. nginx counts its requests (stub_status, asked over its own loopback, which
no interface shows); wrk's own count leaves out those under way when it stops.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import nginx
from tests.netns.capturing import forwarding
from tests.netns.pods import NET, Node, Pod

SERVER, CLIENT = f"{NET}.66", f"{NET}.70"
PORT = 8080
START_SECONDS = 30.0
_NGINX = """
  keepalive_requests 1000000;
  server {{ listen 127.0.0.1:8081; location / {{ stub_status; }} }}
  server {{
    listen {port};
    default_type application/json;
    location / {{ return 200 '{{"target":"$request_uri","pad":"{pad}"}}'; }}
    location /pages/ {{
      default_type text/html;
      return 200 '<!doctype html><title>$request_uri</title><p>{pad}</p>';
    }}
  }}
"""
_WRK = """
function init() count = 0 end
function request()
  count = count + 1
  return wrk.format("GET", "{path}" .. count)
end
"""
_ASK = """
import urllib.request
told = urllib.request.urlopen("http://127.0.0.1:8081/", timeout=5).read()
print(told.split()[9].decode())
"""
"""stub_status: Active connections: N server accepts handled requests A H R ..."""
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Load:
    """What wrk did."""

    requests: int
    per_second: float
    median_seconds: float
    p99_seconds: float


@dataclass
class Web:
    """A server and a client pod."""

    server: Pod
    client: Pod
    folder: Path
    _asked: int = 0

    def served(self) -> int:
        """Requests answered since the start, other than this question."""
        self._asked += 1
        told = subprocess.run(
            [*_inside(self.server), sys.executable, "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return int(told.stdout) - self._asked

    def is_up(self) -> bool:
        try:
            self.served()
        except subprocess.CalledProcessError:
            self._asked -= 1
            return False
        return True

    def start(
        self,
        seconds: int,
        connections: int,
        delay_ms: int = 0,
        path: str = "/items/",
    ) -> subprocess.Popen[str]:
        """wrk, at full speed or with a delay before each request of a connection."""
        script = self.folder / "wrk.lua"
        delay = f"function delay() return {delay_ms} end" if delay_ms else ""
        script.write_text(_WRK.replace("{path}", path) + delay)
        return subprocess.Popen(
            [
                *_inside(self.client),
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"),
                *("-s", str(script), f"http://{SERVER}:{PORT}/"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )


def load_of(wrk: subprocess.Popen[str]) -> Load:
    """Waits for its end."""
    told, _ = wrk.communicate(timeout=120)
    return Load(
        int(_found(r"(\d+) requests in", told)),
        float(_found(r"Requests/sec: +([\d.]+)", told)),
        _seconds(_found(r" 50% +(\S+)", told)),
        _seconds(_found(r" 99% +(\S+)", told)),
    )


def requests_done(wrk: subprocess.Popen[str]) -> int:
    """Waits for its end."""
    return load_of(wrk).requests


@contextmanager
def web(node: Node, folder: Path, pad: int = 200) -> Iterator[Web]:
    """Both pods and a serving nginx; `pad` bytes make answers longer."""
    server, client = node.gateway(SERVER), node.gateway(CLIENT)
    http = _NGINX.format(port=PORT, pad="x" * pad)
    arguments = nginx.arguments(folder, http, connections=16384)
    with forwarding():
        process = subprocess.Popen([*_inside(server), "nginx", *arguments])
        try:
            made = Web(server, client, folder)
            end = time.monotonic() + START_SECONDS
            while not made.is_up():
                assert process.poll() is None, "nginx has ended"
                assert time.monotonic() < end, "nginx is away"
            yield made
        finally:
            process.terminate()
            process.wait(10)


def _inside(pod: Pod) -> list[str]:
    return ["ip", "netns", "exec", pod.name]


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"wrk printed no {pattern}"
    return found[1]


def _seconds(text: str) -> float:
    number = text.rstrip("mus")
    return float(number) * _UNITS[text.removeprefix(number)]
