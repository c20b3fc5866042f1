"""Mail: SMTP (RFC 5321) with STARTTLS (RFC 3207) or TLS (RFC 8314), and a login.

In: a parcel, and a channel's settings. Out: one mail to all recipients, as text and as
HTML (RFC 2046, multipart/alternative), built by the standard library. Its Message-ID is
that of the delivery, so a mail that came twice is one to whoever looks.
"""

import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from html import escape

from cloud.alerts.channel import recipients
from cloud.alerts.message import SEVERITIES, Line, Mail, News, clipped
from cloud.alerts.ways.parcel import (
    MOST_SHOWN,
    Parcel,
    counted,
    details,
    headline,
    plain,
)
from cloud.alerts.ways.reaching import (
    STEP_SECONDS,
    Deadline,
    Reach,
    SendError,
    connect,
    failure,
    secured,
)

_NAME = "vethscope"
"""In EHLO: the name of this machine is nobody's business."""
_TRANSIENT = range(400, 500)


def send(
    parcel: Parcel, settings: Mapping[str, str], secret: Mapping[str, str], reach: Reach
) -> str:
    """To how many it went. Raises SendError."""
    mail = built(parcel, settings)
    to = _recipients(parcel, settings)
    with Deadline() as deadline:
        try:
            refused = _sent(mail, to, settings, secret, reach, deadline)
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _refused(f"all recipients are refused ({code})", code) from None
        except smtplib.SMTPAuthenticationError as error:
            code = error.smtp_code
            raise _refused(f"the login is refused ({code})", code) from None
        except smtplib.SMTPResponseException as error:
            code = error.smtp_code
            raise _refused(f"it answers {code}", code) from None
        except smtplib.SMTPNotSupportedError:
            words = "it has no STARTTLS, or no login that is known"
            raise SendError(words, is_final=True) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise failure(error, deadline) from None
    taken = f"taken for {len(to) - refused} of {len(to)} recipients"
    return taken if refused else f"taken for {len(to)} recipients"


def built(parcel: Parcel, settings: Mapping[str, str]) -> EmailMessage:
    """The mail."""
    message = parcel.message
    mail = EmailMessage()
    mail["From"] = settings["sender"]
    mail["To"] = ", ".join(_recipients(parcel, settings))
    mail["Subject"] = clipped(message.subject, 200)
    mail["Date"] = formatdate(parcel.now_ns / 1e9, localtime=False)
    domain = settings["sender"].rpartition("@")[2]
    mail["Message-ID"] = f"<{parcel.id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if isinstance(message, Mail):
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        return mail
    mail.set_content(plain(parcel, message))
    mail.add_alternative(html(parcel, message), subtype="html")
    return mail


def html(parcel: Parcel, news: News) -> str:
    """The message as a page without anything from elsewhere."""
    rows = "".join(_row(parcel, line) for line in news.lines[:MOST_SHOWN])
    rest = news.total - min(len(news.lines), MOST_SHOWN)
    more = f"And {rest:,} more: " if rest > 0 and not news.is_test else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(news.subject)}</title>"
        f"<h1>{escape(news.rule)}</h1><p>{escape(counted(news))}</p><ul>{rows}</ul>"
        f'<p>{more}<a href="{escape(parcel.link(news.path))}">all of them</a></p>'
        "</html>"
    )


def _row(parcel: Parcel, line: Line) -> str:
    more = "".join(f"<br>{escape(part)}" for part in details(line))
    link, words = escape(parcel.link(line.path)), escape(headline(line))
    return f'<li>[{SEVERITIES[line.gravity]}] <a href="{link}">{words}</a>{more}</li>'


def _recipients(parcel: Parcel, settings: Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(parcel.message, Mail) and parcel.message.to:
        return recipients(" ".join(parcel.message.to))
    return recipients(settings["recipients"])


def _sent(
    mail: EmailMessage,
    to: tuple[str, ...],
    settings: Mapping[str, str],
    secret: Mapping[str, str],
    reach: Reach,
    deadline: Deadline,
) -> int:
    """How many recipients were refused."""
    context = None if settings["security"] == "none" else reach.context()
    with _Server(settings, context, reach, deadline) as server:
        if settings["user"]:
            server.ehlo_or_helo_if_needed()
            server.login(settings["user"], secret["password"])
        return len(server.send_message(mail, settings["sender"], to))


class _Server(smtplib.SMTP):
    """Reaches out as all ways do."""

    def __init__(
        self,
        settings: Mapping[str, str],
        context: ssl.SSLContext | None,
        reach: Reach,
        deadline: Deadline,
    ) -> None:
        self._named, self._context = settings["host"], context
        self._reach, self._deadline = reach, deadline
        self._is_tls = settings["security"] == "tls"
        host, port = settings["host"], int(settings["port"])
        super().__init__(host, port, local_hostname=_NAME, timeout=STEP_SECONDS)
        if settings["security"] == "starttls":
            self._start_tls()

    def _get_socket(self, host: str, port: int, _: float) -> socket.socket:
        connection = connect(host, port, self._reach, self._deadline)
        if self._is_tls and self._context:
            return secured(connection, host, self._context, self._deadline)
        return connection

    def _start_tls(self) -> None:
        """As RFC 3207: what came before TLS is forgotten. Its handshake is guarded."""
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError
        code, words = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, words)
        assert self._context
        assert self.sock
        self.sock = secured(self.sock, self._named, self._context, self._deadline)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False


def _refused(words: str, code: int) -> SendError:
    return SendError(words, is_final=code not in _TRANSIENT and code >= 500)
