"""Real receivers on loopback: of webhooks, of mail, of syslog; and one that hangs."""

import contextlib
import gc
import socket
import socketserver
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.certificates import Pem
from tests.ports import free_port

Reply = tuple[int, dict[str, str], bytes]
TOOK: Reply = (204, {}, b"")
HOST = "127.0.0.1"


class Got(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Web:
    """Answers with `replies`, then as if it took everything."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.replies: list[tuple[Any, ...]] = []
        """Status, headers and, if there is one, a body."""
        self.hold = threading.Event()
        self.hold.set()
        self.address = ""


def _context(pem: Pem) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.certificate, pem.key)
    return context


@contextmanager
def web(pem: Pem | None = None) -> Iterator[Web]:
    """With TLS where there is a certificate."""
    kept = Web()

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told = {name.lower(): value for name, value in self.headers.items()}
            kept.got.append(Got(self.path, told, body))
            kept.hold.wait(30)
            status, headers, *rest = kept.replies.pop(0) if kept.replies else TOOK
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"".join(rest))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Requests)
    if pem:
        server.socket = _context(pem).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    scheme = "https" if pem else "http"
    kept.address = f"{scheme}://{HOST}:{server.server_address[1]}"
    try:
        yield kept
    finally:
        kept.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Post:
    """Takes mails; recipients that begin with `no` are refused."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.port = 0

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, to: str, ___: list[str]
    ) -> str:
        if to.startswith("no"):
            return "550 not here"
        envelope.rcpt_tos.append(to)
        return "250 ok"

    async def handle_DATA(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.original_content, bytes)
        self.got.append(envelope.original_content)
        return "250 taken"


@contextmanager
def post(
    pem: Pem | None = None,
    security: str = "none",
    login: tuple[bytes, bytes] | None = None,
) -> Iterator[Post]:
    """aiosmtpd; `security` as a channel has it, `login` is needed if there is one."""
    kept = Post()
    context = _context(pem) if pem else None

    def may(_: SMTP, __: Session, ___: Envelope, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        kept.logins.append((given.login, given.password))
        return AuthResult(success=kept.logins[-1] == login, handled=False)

    kept.port = free_port()
    is_begun = security == "starttls"
    controller = Controller(
        kept,
        HOST,
        kept.port,
        ssl_context=context if security == "tls" else None,
        tls_context=context if is_begun else None,
        require_starttls=is_begun,
        authenticator=may,
        auth_required=is_begun and login is not None,
        auth_require_tls=is_begun,
    )
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()
        with warnings.catch_warnings():
            # It leaves connections open whose client went in the handshake.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


class Log:
    """Syslog: what came, a connection or a datagram each."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.port = 0


@contextmanager
def syslog(transport: str, pem: Pem | None = None) -> Iterator[Log]:
    kept = Log()

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                kept.got.append(self.rfile.read())

    class Datagram(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            kept.got.append(self.rfile.read())

    server: socketserver.BaseServer
    if transport == "udp":
        server = socketserver.ThreadingUDPServer((HOST, 0), Datagram)
    else:
        server = socketserver.ThreadingTCPServer((HOST, 0), Stream)
    if transport == "tls":
        assert pem
        server.socket = _context(pem).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kept.port = server.server_address[1]
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def hung(says: bytes = b"") -> Iterator[int]:
    """Takes connections, says one thing at most and never answers; its port."""
    ends = threading.Event()

    class Nothing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(says)
                ends.wait(60)

    with socketserver.ThreadingTCPServer((HOST, 0), Nothing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        ends.set()
        server.shutdown()
        thread.join()


def closed_port() -> int:
    """Where nobody listens."""
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])
