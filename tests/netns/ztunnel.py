"""A ztunnel of the tests: what Istio's ambient mode does with the connections of pods.

`python -m tests.netns.ztunnel CERTIFICATE KEY NAMESPACE…` opens in each namespace the
sockets that Istio's opens there (port 15001 for what the pod asks, 15006 and 15008 for
what it is asked) and says `ready`; itself it stays outside, under the name ztunnel.
Between tunnels there is TLS, with an HTTP/1.1 CONNECT inside (Istio's is HTTP/2). It
speaks to the pod from its client's address (IP_TRANSPARENT), as Istio's does.
`redirect` sets the rules of istio/cni/pkg/iptables that lead there.
"""

import contextlib
import ctypes
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading

from tests.netns.pods import Pod

OUTBOUND, PLAIN, TUNNEL = 15001, 15006, 15008
MARK = 0x539
_CLONE_NEWNET = 0x40000000
_SET_NAME = 15
_ORIGINAL_DESTINATION = 80
_libc = ctypes.CDLL(None, use_errno=True)


def redirect(pod: Pod) -> None:
    """Its connections go to the tunnel, both ways; answers to it stay on loopback."""
    mark, answer = f"{MARK:#x}/0xfff", "0x111/0xfff"
    away = "! -d 127.0.0.1/32 -p tcp"
    rules = [
        f"mangle -A PREROUTING -m mark --mark {mark} -j CONNMARK --set-xmark {answer}",
        f"mangle -A OUTPUT -m connmark --mark {answer} -j CONNMARK --restore-mark"
        " --nfmask 0xffffffff --ctmask 0xffffffff",
        f"nat -A PREROUTING {away} ! --dport {TUNNEL} -m mark ! --mark {mark}"
        f" -j REDIRECT --to-ports {PLAIN}",
        f"nat -A OUTPUT -p tcp -m mark --mark {answer} -j ACCEPT",
        f"nat -A OUTPUT {away} -m mark ! --mark {mark}"
        f" -j REDIRECT --to-ports {OUTBOUND}",
    ]
    inside = ["ip", "netns", "exec", pod.name]
    for rule in rules:
        words = [*inside, "iptables", "-w", "-t", *rule.split()]
        subprocess.run(words, check=True, timeout=20)
    for route in (
        f"rule add fwmark {answer} pref 32764 lookup 100",
        "route add local 0.0.0.0/0 dev lo table 100",
    ):
        subprocess.run(["ip", "-n", pod.name, *route.split()], check=True, timeout=20)


def serve(certificate: str, key: str, namespaces: list[str]) -> None:
    _libc.prctl(_SET_NAME, b"ztunnel", 0, 0, 0)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate, key)
    ready = threading.Barrier(len(namespaces) + 1)
    for path in namespaces:
        threading.Thread(target=_attend, args=(path, ours, ready), daemon=True).start()
    ready.wait(10)
    print("ready", flush=True)
    sys.stdin.read()


def _attend(path: str, ours: ssl.SSLContext, ready: threading.Barrier) -> None:
    """This thread, and those that it starts, are in the namespace."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if _libc.setns(file, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(file)
    for port, take in ((OUTBOUND, _lead_out), (PLAIN, _pass_in), (TUNNEL, _lead_in)):
        listening = socket.create_server(("0.0.0.0", port))
        threading.Thread(
            target=_accept, args=(listening, take, ours), daemon=True
        ).start()
    ready.wait(10)
    threading.Event().wait()


def _accept(listening, take, ours) -> None:  # type: ignore[no-untyped-def]
    while True:
        accepted, client = listening.accept()
        threading.Thread(
            target=_take, args=(take, accepted, client[0], ours), daemon=True
        ).start()


def _take(take, accepted, client, ours) -> None:  # type: ignore[no-untyped-def]
    with contextlib.suppress(OSError):
        take(accepted, client, ours)


def _lead_out(asking: socket.socket, client: str, ours: ssl.SSLContext) -> None:
    """To the tunnel of the pod that is asked; a server without one is asked itself."""
    host, port = _original(asking)
    try:
        tunnel = _dial("", host, TUNNEL)
    except ConnectionRefusedError:
        _splice(asking, _dial("", host, port))
        return
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    theirs.check_hostname, theirs.verify_mode = False, ssl.CERT_NONE
    secure = theirs.wrap_socket(tunnel)
    secure.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
    _head(secure)
    _splice(asking, secure)


def _lead_in(tunnel: socket.socket, client: str, ours: ssl.SSLContext) -> None:
    secure = ours.wrap_socket(tunnel, server_side=True)
    host, _, port = _head(secure).split()[1].decode().rpartition(":")
    asked = _dial(client, host, int(port))
    secure.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    _splice(secure, asked)


def _pass_in(asking: socket.socket, client: str, ours: ssl.SSLContext) -> None:
    _splice(asking, _dial(client, *_original(asking)))


def _dial(source: str, host: str, port: int) -> socket.socket:
    """From the source's address, if one is given, whoever has it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        made.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
        made.bind((source, 0))
    made.settimeout(10)
    made.connect((host, port))
    return made


def _original(accepted: socket.socket) -> tuple[str, int]:
    raw = accepted.getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
    port, address = struct.unpack_from("!2xH4s", raw)
    return socket.inet_ntoa(address), port


def _head(peer: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = peer.recv(1)
        if not octet:
            raise ConnectionError("closed within a head")
        head += octet
    return head


def _splice(one: socket.socket, other: socket.socket) -> None:
    """Both ways in one thread: TLS must not be read and written at the same time."""
    peers = {one: other, other: one}
    while peers:
        decrypted = [p for p in peers if isinstance(p, ssl.SSLSocket) and p.pending()]
        for source in decrypted or select.select(list(peers), [], [])[0]:
            if not _pass_on(source, peers[source]):
                del peers[source]
    one.close()
    other.close()


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    """What has come, to the other end; false after the last of it."""
    with contextlib.suppress(OSError):
        try:
            source.settimeout(0)
            data = source.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        if data:
            target.settimeout(10)
            target.sendall(data)
            return True
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
    return False


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3:])
