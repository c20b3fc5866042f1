"""Links: channels and servers whose certificates are read again when they change.

In: an address and the files of the link (`certificates.Files`); no certificate
authority means plain text. Out: a channel of gRPC, the credentials of a gRPC server, or
the TLS of a web server. A server looks at its files at each handshake, a channel before
each call, so a new certificate is in use without a restart. Files that cannot be used
are told once, and what was read before goes on to hold. Peers of a link with an own
certificate must prove themselves; the cloud knows a cluster by the token that goes with
each call, and a browser by its cookie.
"""

import logging
import os
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from agent.certificates import CertificateError, Content, Files, name_in
from agent.secret_file import SecretFileError, read_token

log = logging.getLogger("vethscope")

Option = tuple[str, Any]

PLAIN = Files("", "", "", "")

REASONS = (
    ("certificate has expired", "has a certificate that has expired"),
    ("CERTIFICATE_VERIFY_FAILED", "has a certificate that {0}.ca_file does not prove"),
    # An authority that was made anew under the name of the one before.
    (
        "certificate signature failure",
        "has a certificate that {0}.ca_file does not prove",
    ),
    ("Hostname Verification", "has a certificate that does not name {0}.server"),
    ("WRONG_VERSION_NUMBER", "does not speak TLS, as {0}.ca_file wants"),
    ("Socket closed", "hangs up: see {0}.ca_file and {0}.certificate_file"),
    ("handshake failed", "cannot be agreed with on TLS: see {0}.ca_file"),
)
"""What stands in gRPC's text of a failed call → what it means; the first that fits."""


def reason(group: str, error: grpc.RpcError) -> str:
    """What the server of a link does instead of serving us; empty: nobody is there."""
    code, details = error.code(), error.details() or ""
    if code in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
        return ""
    if code is not grpc.StatusCode.UNAVAILABLE:
        return f"answers {code.name}"
    # A connection that was good may be closed at any time.
    if "last error" not in details:
        return ""
    return next((w.format(group) for mark, w in REASONS if mark in details), "")


class Watched:
    """The content of files, read again when they change."""

    def __init__(self, files: Files) -> None:
        """Raises CertificateError."""
        self._files = files
        self._lock = threading.Lock()
        self._seen = _marks(files)
        self._failure = ""
        self.content = files.read()

    def renew(self) -> bool:
        """Looks at the files; true if there is new content."""
        with self._lock:
            seen = _marks(self._files)
            if seen == self._seen:
                return False
            try:
                content = self._files.read()
            except CertificateError as error:
                self._fail(str(error))
                return False
            self._seen, self._failure = seen, ""
            is_new, self.content = content != self.content, content
            return is_new

    def _fail(self, why: str) -> None:
        """A file that is just being replaced is looked at again the next time."""
        if why != self._failure:
            self._failure = why
            log.warning("%s; what was read before goes on to hold", why)


class Link:
    """The way to a server, over a channel that is made anew when files change."""

    def __init__(
        self, server: str, files: Files = PLAIN, options: Sequence[Option] = ()
    ) -> None:
        """Raises CertificateError."""
        self._server = server
        self._options = list(options)
        self._watched = Watched(files) if files.ca else None
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._retired: grpc.Channel | None = None

    @property
    def channel(self) -> grpc.Channel:
        """For the next call. Calls on the channel before go on meanwhile."""
        with self._lock:
            is_new = self._watched is not None and self._watched.renew()
            if is_new and self._channel is not None:
                if self._retired is not None:
                    self._retired.close()
                self._retired, self._channel = self._channel, None
            if self._channel is None:
                self._channel = self._made()
            return self._channel

    def open(self) -> grpc.Channel:
        """A channel for one long call, which the caller closes."""
        if self._watched is not None:
            self._watched.renew()
        return self._made()

    def close(self) -> None:
        with self._lock:
            for channel in (self._channel, self._retired):
                if channel is not None:
                    channel.close()

    def _made(self) -> grpc.Channel:
        if self._watched is None:
            return grpc.insecure_channel(self._server, self._options)
        credentials = client_credentials(self._watched.content)
        return grpc.secure_channel(self._server, credentials, self._options)


class Token:
    """A cluster's token, as it goes with each call; read again each time."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._last = ""
        self._failure = ""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """RFC 6750, section 2.1; nothing without a file. A file that cannot be read is
        told once, and the token before goes on to hold."""
        if not self._file:
            return ()
        try:
            self._last, self._failure = read_token(self._file), ""
        except SecretFileError as error:
            if self._failure != str(error):
                self._failure = str(error)
                log.warning("cloud.token_file: %s", error)
        return (("authorization", f"Bearer {self._last}"),) if self._last else ()


def client_credentials(content: Content) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        content.ca, content.key or None, content.certificate or None
    )


def server_credentials(files: Files) -> grpc.ServerCredentials | None:
    """None: plain text. With authorities, clients must have their certificates.

    Raises CertificateError.
    """
    if not files.certificate:
        return None
    watched = Watched(files)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """At each handshake; none: what is in use goes on."""
        return _configuration(watched.content) if watched.renew() else None

    return grpc.dynamic_ssl_server_credentials(
        _configuration(watched.content),
        fetch,  # type: ignore[arg-type]  # the stubs know no None
        bool(files.ca),
    )


def bind(files: Files, server: grpc.Server | grpc.aio.Server, listen: str) -> int:
    """Makes the server listen; the port. Raises CertificateError, RuntimeError."""
    credentials = server_credentials(files)
    if credentials is None:
        return server.add_insecure_port(listen)
    return server.add_secure_port(listen, credentials)


class Contexts:
    """The TLS of a web server: called at each handshake; None: plain text."""

    def __init__(self, files: Files) -> None:
        """Raises CertificateError."""
        self._watched = Watched(files) if files.certificate else None
        self._context = self._made()

    def __call__(self) -> ssl.SSLContext | None:
        if self._watched is not None and self._watched.renew():
            self._context = self._made()
        return self._context

    def _made(self) -> ssl.SSLContext | None:
        """OpenSSL reads files only: it gets what was checked, not what is there now."""
        if self._watched is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        content = self._watched.content
        with os.fdopen(os.memfd_create("tls"), "wb") as memory:
            memory.write(content.certificate + b"\n" + content.key)
            memory.flush()
            context.load_cert_chain(f"/proc/self/fd/{memory.fileno()}")
        return context


def to_itself(server: str, files: Files) -> grpc.Channel:
    """A channel of a program to its own server: just its own certificate is trusted,
    by a name that stands in it."""
    if not files.certificate:
        return grpc.insecure_channel(server)
    content = files.read()
    own = content._replace(ca=content.certificate)
    options = [("grpc.ssl_target_name_override", name_in(content.certificate))]
    return grpc.secure_channel(server, client_credentials(own), options)


def _configuration(content: Content) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(content.key, content.certificate)], content.ca or None
    )


def _marks(files: Files) -> tuple[object, ...]:
    """What changes when a file does: a Secret's files are links to new ones."""
    return tuple(_mark(Path(name)) for name in files[1:4] if name)


def _mark(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
