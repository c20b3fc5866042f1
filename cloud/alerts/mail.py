"""Mails of other parts of the cloud, through the channel that people set up for mail.

In: a mail. Out: a delivery in the same queue as alerts, with its retries, its list of
what was not sent and its page. `queue` does it in the caller's transaction, so that a
digest is noted as written and queued at once or not at all.
"""

import hashlib
import secrets
import time

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts.message import Mail, clipped, encode
from cloud.alerts.tables import State, channels, deliveries
from cloud.errors import CloudError
from cloud.store.store import Store

MOST_MAIL_BYTES = 1 << 20
MOST_RECIPIENTS = 50
WRITE_SECONDS = 30.0
KIND = "mail"
"""Of the channel."""


class MailError(CloudError):
    """A mail cannot be queued; one line that says why."""


def channel(connection: Connection) -> str:
    """The id of the first channel for mail that is on; empty: there is none."""
    chosen = (
        sa.select(channels.c.id)
        .where(channels.c.kind == KIND, channels.c.is_on == 1)
        .order_by(channels.c.name, channels.c.id)
    )
    return connection.scalar(chosen.limit(1)) or ""


def queue(connection: Connection, mail: Mail, now_ns: int) -> str:
    """Queues a mail in a transaction that writes; gives the id of its delivery.

    Raises MailError if no channel for mail is on, or the mail is too large.
    """
    body = encode(mail)
    if len(body) > MOST_MAIL_BYTES or len(mail.to) > MOST_RECIPIENTS:
        raise MailError("the mail is too large, or has too many recipients")
    through = channel(connection)
    if not through:
        raise MailError("no channel for mail is on; see Alerts")
    name = _identity(mail)
    known = sa.select(deliveries.c.id).where(deliveries.c.id == name)
    if connection.scalar(known) is None:
        row = {
            "id": name,
            "channel_id": through,
            "rule_id": "",
            "grouped": "",
            "state": State.WAITING,
            "subject": clipped(mail.subject),
            "body": body,
            "created_ns": now_ns,
            "due_ns": now_ns,
            "sent_ns": 0,
            "attempts": 0,
            "reason": "",
        }
        connection.execute(sa.insert(deliveries).values(row))
    return name


def send(store: Store, mail: Mail) -> str:
    """As `queue`, in a transaction of its own. Raises MailError, UnavailableError."""
    found: list[str] = []

    def job(connection: Connection) -> bool:
        found.append(queue(connection, mail, time.time_ns()))
        return False

    store.run(job).result(WRITE_SECONDS)
    return found[0]


def _identity(mail: Mail) -> str:
    if not mail.key:
        return secrets.token_hex(16)
    return hashlib.sha256(f"mail {mail.key}".encode()).hexdigest()[:32]
