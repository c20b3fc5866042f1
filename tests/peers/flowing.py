"""Streams between real peers, for `test_flowing.py`, on connections of their own.

grpcio streams both ways at once, a server of the standard library sends events in
chunks, once more behind nginx that asks for them over HTTP/2 and compresses them, and
two ends of wsproto talk compressed. Prints the digests of what each side sent, as the
parts of its exchange should have it: by the target.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import grpc
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from tests.nginx import arguments
from tests.peers import programs

COUNT = 300
METHOD = "/shop.Orders/Follow"
DIRECT, PROXIED, COMPRESSED = "/events", "/events/proxied", "/events/compressed"
INSIDE = "/inside"
"""Before the target, where nginx asks for it."""
EVENTS = (DIRECT, PROXIED, COMPRESSED, INSIDE + PROXIED, INSIDE + COMPRESSED)
CHAT = "/chat"
_PROXYING = """
  server {{
    listen 127.0.0.1:{port} http2;
    gzip on;
    gzip_min_length 0;
    gzip_types text/event-stream;
    location / {{
      proxy_pass http://127.0.0.1:{server}{inside}/;
      proxy_http_version 1.1;
      proxy_buffering off;
    }}
  }}
"""


def message(number: int) -> bytes:
    return json.dumps({"n": number, "text": "x" * (number * 37 % 900)}).encode()


def framed(messages: Iterable[bytes]) -> bytes:
    return b"".join(b"\0" + len(one).to_bytes(4, "big") + one for one in messages)


def dispatched(messages: Iterable[bytes]) -> bytes:
    return b"".join(b"data: " + one + b"\n\n" for one in messages)


def marked(messages: Iterable[bytes]) -> bytes:
    return b"".join(b"\x1e" + one + b"\n" for one in messages)


class Service(grpc.GenericRpcHandler):
    """Answers each message with itself, backwards."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.stream_stream_rpc_method_handler(backwards)


def backwards(messages: Iterator[bytes], _: object) -> Iterator[bytes]:
    for one in messages:
        yield one[::-1]


class Events(BaseHTTPRequestHandler):
    """Each in a chunk."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(COUNT):
            event = dispatched([message(number)])
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def call() -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Service(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        follow: grpc.StreamStreamMultiCallable[bytes, bytes]
        follow = channel.stream_stream(METHOD)
        assert len(list(follow(map(message, range(COUNT)), timeout=30))) == COUNT
    server.stop(0).wait()


def listen() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Events) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.request("GET", DIRECT)
        connection.getresponse().read()
        connection.close()
        server.shutdown()


def listen_behind(folder: Path) -> None:
    """By HTTP/2 without TLS, which nginx compresses event by event."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Events) as server,
        socket.create_server(("127.0.0.1", 0)) as held,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        port = held.getsockname()[1]
        held.close()
        http = _PROXYING.format(port=port, server=server.server_port, inside=INSIDE)
        command = ["nginx", *arguments(folder, http)]
        with programs.running(command, port, folder / "nginx.log"):
            for target in (PROXIED, COMPRESSED):
                known = ("curl", "--silent", "--fail", "--http2-prior-knowledge")
                coded = ("-H", "accept-encoding: gzip") if target == COMPRESSED else ()
                address = f"http://127.0.0.1:{port}{target}"
                words = (*known, *coded, "-o", os.devnull, address)
                subprocess.run(words, check=True, timeout=30)
        server.shutdown()


def chat() -> None:
    """Both take turns, each of its own end of one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname(), timeout=30)
        theirs = listening.accept()[0]
    with ours, theirs:
        client = WSConnection(ConnectionType.CLIENT)
        server = WSConnection(ConnectionType.SERVER)

        def send(by_client: bool, event: Event) -> None:
            one, other = (client, server) if by_client else (server, client)
            source, target = (ours, theirs) if by_client else (theirs, ours)
            data = one.send(event)
            source.sendall(data)
            while data:
                piece = target.recv(len(data))
                data = data[len(piece) :]
                other.receive_data(piece)
                list(other.events())

        offer = Request("shop", CHAT, extensions=[PerMessageDeflate()])
        send(True, offer)
        send(False, AcceptConnection(extensions=[PerMessageDeflate()]))
        for number in range(COUNT):
            send(number % 2 == 0, TextMessage(message(number).decode()))


def main() -> None:
    call()
    listen()
    with tempfile.TemporaryDirectory() as folder:
        listen_behind(Path(folder))
    chat()
    sent = [message(number) for number in range(COUNT)]
    told = {
        METHOD: (framed(sent), framed(one[::-1] for one in sent)),
        **{target: (b"", dispatched(sent)) for target in EVENTS},
        CHAT: (marked(sent[::2]), marked(sent[1::2])),
    }
    digests = {
        target: [sha256(body).hexdigest() for body in bodies]
        for target, bodies in told.items()
    }
    print(json.dumps(digests))


if __name__ == "__main__":
    main()
