"""A JSON server and its client, run inside the pods of the tests.

`python -m tests.netns.peers serve PORT` answers until it is ended, and says when it
listens. `python -m tests.netns.peers ask HOST PORT COUNT` sends COUNT requests over one
connection and prints how many were answered; `… resume` does so too, after a first
request and a line on standard input. `… send HOST PORT` sends standard input's
bytes as they are and reads what comes. `… visit` reads lines `HOST PORT TAG COUNT`, and
sends as many requests that tell the tag, over one connection, and prints how many were
answered.
`… hold HOST PORT COUNT BYTES` begins COUNT requests, sends so many bytes of each one's
body, says `held`, and sends no more until standard input ends.
"""

import http.client
import http.server
import json
import socket
import sys


class Answers(http.server.BaseHTTPRequestHandler):
    """Echoes the JSON that it got, or greets."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(json.dumps({"path": self.path}).encode())

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        self._answer(self.rfile.read(size))

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Hostile bytes are expected."""


def serve(port: int) -> None:
    with Server(("::", port), Answers) as server:
        print("ready", flush=True)
        server.serve_forever()


def ask(host: str, port: int, count: int) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    _exchange(connection, count)
    connection.close()


def resume(host: str, port: int, count: int) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    _exchange(connection, 1)
    sys.stdin.readline()
    _exchange(connection, count)
    connection.close()


def _exchange(connection: http.client.HTTPConnection, count: int) -> None:
    answered = 0
    for number in range(count):
        body = json.dumps({"n": number, "pad": "x" * (number % 5000)})
        if number % 3 == 0:
            connection.request("GET", f"/things/{number}")
        else:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", "/things", body, headers)
        answered += connection.getresponse().read() != b""
    print(answered, flush=True)


def visit(host: str, port: int, tag: int, count: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    answered = 0
    for number in range(count):
        body = json.dumps({"tag": tag, "n": number})
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/visits", body, headers)
        answered += connection.getresponse().read() == body.encode()
    connection.close()
    return answered


def send(host: str, port: int, data: bytes) -> None:
    with socket.create_connection((host, port), timeout=5) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


def hold(host: str, port: int, count: int, size: int) -> None:
    head = (
        f"POST /held HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {2 * size}\r\n\r\n"
    )
    held = []
    for _ in range(count):
        peer = socket.create_connection((host, port), timeout=10)
        peer.sendall(head.encode() + b"[" + b" " * (size - 1))
        held.append(peer)
    print("held", flush=True)
    sys.stdin.read()
    for peer in held:
        peer.close()


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "serve":
        serve(int(words[0]))
    elif verb == "ask":
        ask(words[0], int(words[1]), int(words[2]))
    elif verb == "resume":
        resume(words[0], int(words[1]), int(words[2]))
    elif verb == "visit":
        for line in sys.stdin:
            host, port, tag, count = line.split()
            print(visit(host, int(port), int(tag), int(count)), flush=True)
    elif verb == "hold":
        hold(words[0], *map(int, words[1:]))
    else:
        send(words[0], int(words[1]), sys.stdin.buffer.read())
