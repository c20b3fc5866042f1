"""Load for the tests: nginx in one pod, wrk in another, routed through the host.

Each request has a target of its own and is answered with it, so a pair that is wrong
shows itself.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.netns.capturing import forwarding
from tests.netns.pods import Node, Pod, ip

SERVER, CLIENT = "198.18.79.2", "198.18.79.6"
PORT = 8080
_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {port};
    default_type application/json;
    location / {{ return 200 '{{"target":"$request_uri","pad":"{pad}"}}'; }}
  }}
}}
"""
_WRK = """
function init() count = 0 end
function request()
  count = count + 1
  return wrk.format("GET", "/items/" .. count)
end
"""
_DONE = re.compile(r"(\d+) requests in")


@dataclass
class Web:
    """A server and a client pod."""

    server: Pod
    client: Pod
    folder: Path

    def start(
        self, seconds: int, connections: int, delay_ms: int = 0
    ) -> subprocess.Popen[str]:
        """wrk, at full speed or with a delay before each request of a connection."""
        script = self.folder / "wrk.lua"
        delay = f"function delay() return {delay_ms} end" if delay_ms else ""
        script.write_text(f"{_WRK}{delay}")
        return subprocess.Popen(
            [
                *_inside(self.client),
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s"),
                *("-s", str(script), f"http://{SERVER}:{PORT}/"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )


def requests_done(wrk: subprocess.Popen[str]) -> int:
    """Waits for its end."""
    told, _ = wrk.communicate(timeout=120)
    done = _DONE.search(told)
    assert done, told
    return int(done[1])


@contextmanager
def web(node: Node, folder: Path, pad: int = 200) -> Iterator[Web]:
    """Both pods and a serving nginx; `pad` bytes make answers longer."""
    server, client = node.routed(f"{SERVER}/30"), node.routed(f"{CLIENT}/30")
    for pod, gateway in ((server, "198.18.79.1"), (client, "198.18.79.5")):
        ip(f"addr add {gateway}/30 dev {pod.host_name}")
        ip(f"route add default via {gateway}", inside=pod)
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, port=PORT, pad="x" * pad))
    with forwarding():
        nginx = subprocess.Popen(
            [*_inside(server), "nginx", "-p", str(folder), "-c", str(settings)]
        )
        try:
            yield Web(server, client, folder)
        finally:
            nginx.terminate()
            nginx.wait(10)


def _inside(pod: Pod) -> list[str]:
    return ["ip", "netns", "exec", pod.name]
