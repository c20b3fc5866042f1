"""The queue of deliveries, in the database: gathered, due, claimed, sent or dead.

In: news with the rules that want them, and what became of attempts. Out: what is to be
sent now. News of one rule and channel become one message while it gathers; a channel
has MOST_PER_HOUR messages an hour, and what comes beyond gathers on and is a count. One
cloud at a time sends through a channel: it claims the channel's row, and a claim that
is not ended in time, because that cloud died, is free again. So each message is sent at
least once, with the same id at each attempt.
"""

import random
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts.channel import Channel, Kind
from cloud.alerts.message import News, decode, encode
from cloud.alerts.rule import Found, Rule
from cloud.alerts.tables import State, channels, deliveries, issues
from cloud.alerts.ways.reaching import SendError

SECOND_NS = 10**9
GATHERED_NS = 30 * SECOND_NS
"""News of so long become one message."""
MOST_PER_HOUR = 20
"""Messages of a channel."""
MOST_GATHERING = 100
"""Messages of a channel that gather; further groups become one."""
MOST_ATTEMPTS = 12
"""With the waits between them some seven hours."""
FIRST_WAIT_SECONDS, MOST_WAIT_SECONDS = 30.0, 3_600.0
CLAIM_NS = 120 * SECOND_NS
"""An attempt ends within 20 seconds."""
KEPT_NS = 30 * 86_400 * SECOND_NS
"""Sent messages."""
MOST_KEPT = 1_000
"""Messages of a channel that are sent or dead; the oldest go."""
ISSUES_NS = 400 * 86_400 * SECOND_NS
HOUR_NS = 3_600 * SECOND_NS
_of = deliveries.c


class Claimed(NamedTuple):
    """A delivery that this cloud sends now."""

    id: str
    channel_id: str
    grouped: str
    body: str
    attempts: int
    """With this one."""
    claim: str


def gather(
    connection: Connection,
    found: Iterable[Found],
    rules: Iterable[Rule],
    on: Mapping[str, Channel],
    now_ns: int,
) -> None:
    """Puts news beside those of their rule and channel that gather already."""
    together: dict[tuple[str, str, str], list[Found]] = {}
    titles: dict[str, str] = {}
    told = list(found)
    for rule in rules:
        matcher = rule.matcher()
        titles[rule.id] = rule.title
        wanted = [one for one in told if matcher.wants(one)]
        for key in rule.body.channels or on:
            for one in wanted if key in on else ():
                group = one.group if on[key].kind is Kind.JIRA else ""
                together.setdefault((key, rule.id, group), []).append(one)
    for (channel, rule_id, group), news in together.items():
        _put(connection, (channel, rule_id, group), titles[rule_id], news, now_ns)


def ripen(connection: Connection, now_ns: int) -> None:
    """Ends the gathering of what is due, as far as the hour has room."""
    due = (
        sa.select(_of.id, _of.channel_id)
        .where(_of.state == State.GATHERING, _of.due_ns <= now_ns)
        .order_by(_of.due_ns, _of.id)
    )
    room: dict[str, int] = {}
    for key, channel in connection.execute(due).all():
        if channel not in room:
            room[channel] = MOST_PER_HOUR - _lately(connection, channel, now_ns)
        if room[channel] > 0:
            room[channel] -= 1
            row = {"state": State.WAITING, "created_ns": now_ns, "due_ns": now_ns}
            connection.execute(sa.update(deliveries).where(_of.id == key).values(row))


def is_due(connection: Connection, now_ns: int) -> bool:
    """Whether `ripen` or `claim` may have something to do."""
    ripe = sa.and_(_of.state == State.GATHERING, _of.due_ns <= now_ns)
    sendable = sa.and_(_of.state == State.WAITING, _of.due_ns <= now_ns, _free(now_ns))
    chosen = (
        sa.select(sa.literal(1))
        .join_from(deliveries, channels, channels.c.id == _of.channel_id)
        .where(sa.or_(ripe, sendable))
    )
    return connection.scalar(chosen.limit(1)) is not None


def claim(connection: Connection, most: int, now_ns: int) -> list[Claimed]:
    """Up to `most` deliveries, one a channel, that nobody else sends meanwhile."""
    chosen = (
        sa.select(deliveries)
        .join_from(deliveries, channels, channels.c.id == _of.channel_id)
        .where(_of.state == State.WAITING, _of.due_ns <= now_ns, _free(now_ns))
        .order_by(_of.due_ns, _of.id)
    )
    found: dict[str, Claimed] = {}
    for row in connection.execute(chosen.limit(MOST_KEPT)).all():
        if row.channel_id in found or len(found) == most:
            continue
        mark, attempts = secrets.token_hex(8), row.attempts + 1
        found[row.channel_id] = Claimed(
            row.id, row.channel_id, row.grouped, row.body, attempts, mark
        )
        taken = {"claim": mark, "claimed_until_ns": now_ns + CLAIM_NS}
        of_channel = channels.c.id == row.channel_id
        connection.execute(sa.update(channels).where(of_channel).values(taken))
        changed = sa.update(deliveries).where(_of.id == row.id)
        connection.execute(changed.values(attempts=attempts))
    return list(found.values())


def end(
    connection: Connection, one: Claimed, outcome: str | SendError, now_ns: int
) -> State | None:
    """Stores what became of an attempt; None: another cloud took over meanwhile."""
    mine = sa.and_(channels.c.id == one.channel_id, channels.c.claim == one.claim)
    if connection.scalar(sa.select(channels.c.id).where(mine)) is None:
        return None
    channel: dict[str, object] = {"claim": "", "claimed_until_ns": 0}
    row: dict[str, object] = {"state": State.SENT, "sent_ns": now_ns}
    state = State.SENT
    if isinstance(outcome, SendError):
        is_dead = outcome.is_final or one.attempts >= MOST_ATTEMPTS
        state = State.DEAD if is_dead else State.WAITING
        row = {"state": state}
        if not is_dead:
            due_ns = now_ns + int(wait_seconds(one.attempts, outcome) * SECOND_NS)
            row["due_ns"] = channel["until_ns"] = due_ns
    changed = sa.update(deliveries).where(_of.id == one.id)
    connection.execute(changed.values(row | {"reason": str(outcome)[:300]}))
    connection.execute(sa.update(channels).where(mine).values(channel))
    return state


def wait_seconds(attempts: int, error: SendError) -> float:
    """Exponential with full jitter, and never less than the receiver asks for."""
    most = min(FIRST_WAIT_SECONDS * 2 ** (attempts - 1), MOST_WAIT_SECONDS)
    return max(random.uniform(most / 2, most), error.after_seconds)


def again(connection: Connection, key: str, now_ns: int) -> bool:
    """Sends what is dead once more; false: there is no such one."""
    row = {"state": State.WAITING, "due_ns": now_ns, "attempts": 0}
    dead = sa.update(deliveries).where(_of.id == key, _of.state == State.DEAD)
    return connection.execute(dead.values(row)).rowcount == 1


def drop(connection: Connection, key: str) -> bool:
    """Deletes what is not sent; false: there is no such one."""
    unsent = sa.delete(deliveries).where(_of.id == key, _of.state != State.SENT)
    return connection.execute(unsent).rowcount == 1


def forget(connection: Connection, now_ns: int) -> None:
    """Deletes what is old, and what is more than is kept."""
    old = sa.and_(_of.state == State.SENT, _of.sent_ns < now_ns - KEPT_NS)
    connection.execute(sa.delete(deliveries).where(old))
    past = issues.c.created_ns < now_ns - ISSUES_NS
    connection.execute(sa.delete(issues).where(past))
    for channel in list(connection.scalars(sa.select(channels.c.id))):
        for state in (State.SENT, State.DEAD):
            same = sa.and_(_of.channel_id == channel, _of.state == state)
            newest = sa.select(_of.id).where(same).order_by(_of.created_ns.desc())
            kept = newest.limit(MOST_KEPT).subquery()
            surplus = sa.and_(same, _of.id.not_in(sa.select(kept.c.id)))
            connection.execute(sa.delete(deliveries).where(surplus))


def counts(connection: Connection) -> dict[State, int]:
    """State → deliveries."""
    counted = sa.select(_of.state, sa.func.count()).group_by(_of.state)
    found = {State(state): count for state, count in connection.execute(counted)}
    return {state: found.get(state, 0) for state in State}


def _put(
    connection: Connection,
    key: tuple[str, str, str],
    title: str,
    found: list[Found],
    now_ns: int,
) -> None:
    channel, rule, group = key
    gathering = sa.and_(_of.channel_id == channel, _of.state == State.GATHERING)
    same = sa.and_(gathering, _of.rule_id == rule)
    open_one = sa.select(_of.id, _of.body).where(same, _of.grouped == group)
    row = connection.execute(open_one).first()
    if row is None and group:
        counted = sa.select(sa.func.count()).select_from(deliveries).where(gathering)
        if (connection.scalar(counted) or 0) >= MOST_GATHERING:
            _put(connection, (channel, rule, ""), title, found, now_ns)
            return
    message = decode(row.body) if row else News(rule=title)
    assert isinstance(message, News)
    message.add([one.line for one in found])
    told = {"body": encode(message), "subject": message.subject}
    if row:
        connection.execute(sa.update(deliveries).where(_of.id == row.id).values(told))
        return
    fresh = {
        "id": secrets.token_hex(16),
        "channel_id": channel,
        "rule_id": rule,
        "grouped": group,
        "state": State.GATHERING,
        "created_ns": now_ns,
        "due_ns": now_ns + GATHERED_NS,
        "sent_ns": 0,
        "attempts": 0,
        "reason": "",
    }
    connection.execute(sa.insert(deliveries).values(fresh | told))


def _lately(connection: Connection, channel: str, now_ns: int) -> int:
    """Alerts of a channel that became due in the last hour."""
    counted = (
        sa.select(sa.func.count())
        .select_from(deliveries)
        .where(
            _of.channel_id == channel,
            _of.state != State.GATHERING,
            _of.rule_id != "",
            _of.created_ns > now_ns - HOUR_NS,
        )
    )
    return connection.scalar(counted) or 0


def _free(now_ns: int) -> sa.ColumnElement[bool]:
    of = channels.c
    return sa.and_(of.is_on == 1, of.until_ns <= now_ns, of.claimed_until_ns <= now_ns)
