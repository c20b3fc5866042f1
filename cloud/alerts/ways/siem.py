"""OCSF lines to where a SIEM reads them: syslog, or a file.

In: a parcel. Out: over syslog a message a finding (RFC 5424), by UDP (RFC 5426), TCP or
TLS with octet counting (RFC 6587, section 3.4.1; RFC 5425); into a file a line a
finding, appended in one write. A file is in the folder that the settings name, and is
set aside once it is large.
"""

import os
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cloud.alerts.message import News
from cloud.alerts.ways.ocsf import lines
from cloud.alerts.ways.parcel import Parcel
from cloud.alerts.ways.reaching import (
    Deadline,
    Reach,
    SendError,
    connect,
    failure,
    secured,
)

MOST_FILE_BYTES = 64 << 20
"""Then the file becomes FILE.1, and the one of that name goes."""
FINISH_SECONDS = 2.0
"""For the other end to close, too; many never do."""
_PIECE = 1 << 12
_FACILITY = 13
"""Log audit."""
_ALERT, _NOTICE = 4, 5
"""Warning and notice."""
MOST_DATAGRAM = 60_000
"""Of UDP over IPv4, with room for headers."""


def to_syslog(
    parcel: Parcel, settings: Mapping[str, str], _: Mapping[str, str], reach: Reach
) -> str:
    """Raises SendError."""
    messages = [_framed(line, parcel) for line in lines(parcel, _news(parcel))]
    host, port = settings["host"], int(settings["port"])
    transport = settings["transport"]
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with Deadline() as deadline:
        try:
            context = reach.context() if transport == "tls" else None
            line = connect(host, port, reach, deadline, kind)
            if context:
                line = secured(line, host, context, deadline)
            for message in messages:
                if transport == "udp":
                    line.send(message[:MOST_DATAGRAM])
                else:
                    line.sendall(b"%d %b" % (len(message), message))
            if kind is socket.SOCK_STREAM:
                _finish(line)
        except (OSError, SendError) as error:
            raise failure(error, deadline) from None
        if deadline.is_over:
            raise SendError("it took too long")
    known = "" if kind is socket.SOCK_STREAM else "; UDP does not tell whether it came"
    return f"{len(messages)} findings written{known}"


def to_file(parcel: Parcel, settings: Mapping[str, str], folder: str) -> str:
    """Raises SendError."""
    if not folder:
        words = "cloud.alerts_folder is not set: no file is written"
        raise SendError(words, is_final=True)
    found = [line + b"\n" for line in lines(parcel, _news(parcel))]
    path = Path(folder) / settings["file"]
    try:
        _append(path, b"".join(found))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SendError(f"the file cannot be written: {reason}") from None
    return f"{len(found)} findings written"


def _append(path: Path, content: bytes) -> None:
    """Follows no link, and creates no file that others read."""
    if path.is_file() and path.stat().st_size + len(content) > MOST_FILE_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    opened = os.open(path, flags, 0o640)
    try:
        if os.write(opened, content) != len(content):
            raise OSError(0, "no room")
        os.fsync(opened)
    finally:
        os.close(opened)


def _news(parcel: Parcel) -> News:
    if not isinstance(parcel.message, News):
        raise SendError("a mail goes by mail only", is_final=True)
    return parcel.message


def _framed(line: bytes, parcel: Parcel) -> bytes:
    """Priority, version, moment, host, name, process, kind, structured data, text."""
    news = _news(parcel)
    severity = _ALERT if news.gravity >= 3 else _NOTICE
    moment = datetime.fromtimestamp(parcel.now_ns // 10**9, UTC)
    head = (
        f"<{_FACILITY * 8 + severity}>1 {moment:%Y-%m-%dT%H:%M:%SZ} - vethscope - "
        f"{'test' if news.is_test else 'finding'} - "
    )
    return head.encode() + line


def _finish(line: socket.socket) -> None:
    """Ends our side and waits for theirs. A reset says that it was not taken.

    What they sent has to be read: closed with something unread in it, a connection is
    reset, and they may lose what they have not read yet.
    """
    line.settimeout(FINISH_SECONDS)
    try:
        if isinstance(line, ssl.SSLSocket):
            line.unwrap()
        else:
            line.shutdown(socket.SHUT_WR)
            while line.recv(_PIECE):
                pass
    except (TimeoutError, ssl.SSLError):
        return
