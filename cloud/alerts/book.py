"""Channels and rules as they are stored, and how people change them.

In: fields of forms, and who sent them. Out: stored channels and rules. A secret that is
left empty stays, but not for another host: whoever changes where a password goes has to
know it.
"""

import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.alerts.channel import (
    FIELDS,
    KEY_MARK,
    MOST_CHANNELS,
    Channel,
    ChannelError,
    Kind,
    name_of,
    read,
)
from cloud.alerts.rule import MOST_RULES, Body, Rule, RuleError
from cloud.alerts.tables import channels, deliveries, issues, rules
from cloud.alerts.vault import Vault, VaultError
from cloud.errors import CloudError
from cloud.store.store import Store

WRITE_SECONDS = 30.0
_KEY_BYTES = 32
_WHERE = frozenset(("host", "port", "security", "url"))
"""Settings that say to whom a secret goes. Addresses that are secrets are none."""


class MissingError(CloudError):
    """There is no such channel or rule."""


class Book:
    """Changes them; safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store = store
        self.vault = vault
        self._clock_ns = clock_ns

    def create(self, kind: Kind, sent: Mapping[str, str], by: str) -> tuple[str, str]:
        """A channel's id, and the key that was made for it, else empty.

        Raises ChannelError and UnavailableError.
        """
        name, made = name_of(sent.get("name", "")), ""
        settings, secret = read(kind, sent, {})
        if kind is Kind.WEBHOOK and not secret["key"]:
            made = secret["key"] = _new_key()
        key = secrets.token_hex(6)
        row = {
            "id": key,
            "kind": kind.value,
            "is_on": 1,
            "until_ns": 0,
            "claim": "",
            "claimed_until_ns": 0,
            **self._row(key, name, settings, secret, by),
        }

        def job(connection: Connection) -> bool:
            _check_room(connection, channels, MOST_CHANNELS, "channels")
            connection.execute(sa.insert(channels).values(row))
            return False

        self._do(job)
        return key, made

    def change(self, key: str, sent: Mapping[str, str], by: str) -> None:
        """Secrets that are left empty stay. Raises ChannelError, MissingError."""
        with self._store.reading() as connection:
            stored = _row(connection, channels, key)
        try:
            known = self.vault.open(key, stored.secret)
        except VaultError:
            known = {}
        before = msgspec.json.decode(stored.settings, type=dict[str, str])
        kind = Kind(stored.kind)
        where = [one.name for one in FIELDS[kind] if not one.is_secret]
        if any(
            sent.get(name, "").strip() != before[name] for name in _WHERE & {*where}
        ):
            known = {}
        settings, secret = read(kind, sent, known)
        name = name_of(sent.get("name", ""))
        row = self._row(key, name, settings, secret, by) | {"until_ns": 0}
        self._update(channels, key, row)

    def switch(self, key: str, is_on: bool, by: str) -> None:
        """On or off; what waits, waits on. Raises MissingError."""
        row = {"is_on": int(is_on), "until_ns": 0, **self._by(by)}
        self._update(channels, key, row)

    def delete(self, key: str) -> None:
        """With its secret and what waits for it. Raises MissingError."""

        def job(connection: Connection) -> bool:
            _row(connection, channels, key)
            for table, column in (
                (deliveries, deliveries.c.channel_id),
                (issues, issues.c.channel_id),
                (channels, channels.c.id),
            ):
                connection.execute(sa.delete(table).where(column == key))
            return False

        self._do(job)

    def save_rule(self, key: str, title: str, body: Body, by: str) -> str:
        """Makes a rule (`key` is empty) or changes one; gives its id."""
        try:
            name_of(title)
        except ChannelError as error:
            raise RuleError("title", str(error)) from None
        told = {"title": title, "body": msgspec.json.encode(body).decode()}
        if key:
            self._update(rules, key, told | self._by(by))
            return key
        made = secrets.token_hex(6)
        row = {"id": made, "is_on": 1, **told, **self._by(by)}

        def job(connection: Connection) -> bool:
            _check_room(connection, rules, MOST_RULES, "rules")
            connection.execute(sa.insert(rules).values(row))
            return False

        self._do(job)
        return made

    def switch_rule(self, key: str, is_on: bool, by: str) -> None:
        self._update(rules, key, {"is_on": int(is_on), **self._by(by)})

    def delete_rule(self, key: str) -> None:
        def job(connection: Connection) -> bool:
            _row(connection, rules, key)
            connection.execute(sa.delete(rules).where(rules.c.id == key))
            return False

        self._do(job)

    def _row(
        self,
        key: str,
        name: str,
        settings: dict[str, str],
        secret: dict[str, str],
        by: str,
    ) -> dict[str, object]:
        return {
            "name": name,
            "settings": msgspec.json.encode(settings).decode(),
            "secret": self.vault.seal(key, secret),
            **self._by(by),
        }

    def _by(self, by: str) -> dict[str, object]:
        return {"changed_ns": self._clock_ns(), "changed_by": by}

    def _update(self, table: sa.Table, key: str, row: Mapping[str, object]) -> None:
        changed = sa.update(table).where(table.c.id == key).values(row)

        def job(connection: Connection) -> bool:
            _row(connection, table, key)
            connection.execute(changed)
            return False

        self._do(job)

    def _do(self, job: Callable[[Connection], bool]) -> None:
        self._store.run(job).result(WRITE_SECONDS)


def kept_channels(connection: Connection) -> list[Channel]:
    """All, by name."""
    chosen = sa.select(channels).order_by(channels.c.name, channels.c.id)
    return [_channel(row) for row in connection.execute(chosen)]


def kept_channel(connection: Connection, key: str) -> tuple[Channel, bytes]:
    """One, with its sealed secret. Raises MissingError."""
    row = _row(connection, channels, key)
    return _channel(row), row.secret


def kept_rules(connection: Connection) -> list[Rule]:
    """All, by title."""
    chosen = sa.select(rules).order_by(rules.c.title, rules.c.id)
    return [_rule(row) for row in connection.execute(chosen)]


def kept_rule(connection: Connection, key: str) -> Rule:
    """Raises MissingError."""
    return _rule(_row(connection, rules, key))


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        id=row.id,
        name=row.name,
        kind=Kind(row.kind),
        settings=msgspec.json.decode(row.settings),
        is_on=bool(row.is_on),
        changed_ns=row.changed_ns,
        changed_by=row.changed_by,
        until_ns=row.until_ns,
    )


def _rule(row: Row[Any]) -> Rule:
    body = msgspec.json.decode(row.body, type=Body)
    on = bool(row.is_on)
    return Rule(row.id, row.title, body, on, row.changed_ns, row.changed_by)


def _row(connection: Connection, table: sa.Table, key: str) -> Row[Any]:
    found = connection.execute(sa.select(table).where(table.c.id == key)).first()
    if found is None:
        raise MissingError("there is no such channel or rule")
    return found


def _check_room(connection: Connection, table: sa.Table, most: int, what: str) -> None:
    count = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    if count >= most:
        raise ChannelError("name", f"there may be {most} {what} at most")


def _new_key() -> str:
    return KEY_MARK + b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
