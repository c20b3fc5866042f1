"""Alerts, as admins set them up: channels, rules, and what became of messages.

In: forms of admins. Out: changed channels and rules, each with a line of the audit log;
a test that was really sent, with its outcome in words. Secrets are written here and
never shown; one that was made is shown once.
"""

import time
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from cloud.administration.doors import Doors, hand_over
from cloud.administration.handed import Secret
from cloud.alerts import deliveries as queue
from cloud.alerts import rule as rules
from cloud.alerts.alerting import STEP_SECONDS, Alerting
from cloud.alerts.book import MissingError, kept_channels, kept_rules
from cloud.alerts.channel import FIELDS, TITLES, Channel, ChannelError, Kind
from cloud.alerts.message import WORDS, Topic
from cloud.alerts.rule import Rule, RuleError
from cloud.alerts.tables import State, deliveries
from cloud.alerts.ways.reaching import SendError
from cloud.pages import reports
from cloud.pages.page import Action, Asked, FieldError, Page, Sent, Shown, missing
from cloud.pages.reports import Shape
from cloud.pages.wrong import Wrong
from cloud.visitor import Role

ALERTS = "/administration/alerts"
TEMPLATE = "administration/alerts.html"
_CHANNELS_FIELDS = (
    "name",
    *sorted({one.name for fields in FIELDS.values() for one in fields} - {"name"}),
)
_RULES_FIELDS = ("id", "title", "topics", "least", "scope", "channels")
MOST_SHOWN = 50
"""Deliveries, the latest."""
_KEY_ADVICE = (
    "The receiver checks signatures with it, see docs/alerts.md. It is shown this once."
)


class FieldRow(Shape):
    name: str
    words: str
    hint: str
    value: str
    secret: bool
    choices: list[str]
    most: int


class ChannelRow(Shape):
    """A channel, without what is secret."""

    id: str
    name: str
    kind: str
    leads_to: str
    is_on: bool
    fields: list[FieldRow]


class RuleRow(Shape):
    id: str
    title: str
    topics: list[str]
    least: str
    scope: str
    channels: list[str]
    """Ids; none: all that are on."""
    is_on: bool


class DeliveryRow(Shape):
    id: str
    subject: str
    channel: str
    state: str
    """gathering, waiting, retrying, sent, dead."""
    attempts: int
    at: datetime
    due: datetime | None
    reason: str


class AlertsReport(Shape):
    """Channels, rules, and the latest messages."""

    channels: list[ChannelRow]
    rules: list[RuleRow]
    deliveries: list[DeliveryRow]
    counts: dict[str, int]
    kinds: dict[str, str]
    fields: dict[str, list[FieldRow]]
    topics: dict[str, str]
    is_sealed: bool
    outcome: str = ""
    wrong: Wrong | None = None


def pages(doors: Doors, alerting: Alerting) -> tuple[Page, ...]:
    desk = AlertDesk(doors, alerting)
    return (
        Page(
            ALERTS,
            "alerts",
            TEMPLATE,
            desk.read,
            AlertsReport,
            rows="deliveries",
            role=Role.ADMIN,
        ),
    )


def actions(doors: Doors, alerting: Alerting) -> tuple[Action, ...]:
    desk = AlertDesk(doors, alerting)
    return tuple(
        Action(
            f"{ALERTS}/{path}",
            f"alerts_{path.replace('/', '_')}",
            act,
            Role.ADMIN,
            takes,
            ("channels", "topics") if act == desk.save_rule else (),
            ALERTS,
            form,
        )
        for path, act, takes, form in (
            ("channels", desk.create, ("kind", *_CHANNELS_FIELDS), _new),
            ("channels/change", desk.change, ("id", *_CHANNELS_FIELDS), _id),
            ("channels/switch", desk.switch, ("id", "is_on"), _id),
            ("channels/delete", desk.delete, ("id", "sure"), _id),
            ("channels/test", desk.test, ("id",), _id),
            ("rules", desk.save_rule, _RULES_FIELDS, _rule_form),
            ("rules/switch", desk.switch_rule, ("id", "is_on"), _rule_form),
            ("rules/delete", desk.delete_rule, ("id",), _rule_form),
            ("deliveries/again", desk.again, ("id",), _id),
            ("deliveries/drop", desk.drop, ("id",), _id),
        )
    )


def _id(sent: Sent) -> str:
    return sent.one("id")


def _new(sent: Sent) -> str:
    return f"new-{sent.one('kind')}"


def _rule_form(sent: Sent) -> str:
    return f"rule-{sent.one('id') or 'new'}"


class AlertDesk:
    """Takes the forms."""

    def __init__(self, doors: Doors, alerting: Alerting) -> None:
        self._doors, self._alerting = doors, alerting
        self._book = alerting.book

    def read(self, asked: Asked) -> AlertsReport:
        return self._report(asked.connection)

    def create(self, sent: Sent) -> str:
        """Adds a channel, switched on."""
        kind = _kind(sent)
        try:
            _, made = self._book.create(kind, _told(sent), sent.visitor.name)
        except ChannelError as error:
            raise FieldError(error.field, str(error)) from None
        sent.visitor.audit("alert channel created", f"{kind} {sent.one('name')}")
        if not made:
            return ALERTS
        title = f"Key of {sent.one('name')}"
        return hand_over(
            self._doors, sent, Secret(title, made, _KEY_ADVICE, "", ALERTS)
        )

    def change(self, sent: Sent) -> str:
        """Changes a channel; a secret that is left empty stays."""
        key = sent.one("id")
        try:
            self._book.change(key, _told(sent), sent.visitor.name)
        except ChannelError as error:
            raise FieldError(error.field, str(error)) from None
        except MissingError as error:
            raise missing("There is no such channel.") from error
        sent.visitor.audit("alert channel changed", sent.one("name"))
        return ALERTS

    def switch(self, sent: Sent) -> str:
        """Switches a channel on or off."""
        is_on = sent.one("is_on") == "yes"
        _found(self._book.switch, sent.one("id"), is_on, sent.visitor.name)
        words = f"alert channel switched {'on' if is_on else 'off'}"
        sent.visitor.audit(words, sent.one("id"))
        return ALERTS

    def delete(self, sent: Sent) -> str:
        """Deletes a channel with what waits for it."""
        if sent.one("sure") != "yes":
            raise FieldError("", "tick that you are sure to delete the channel")
        _found(self._book.delete, sent.one("id"))
        sent.visitor.audit("alert channel deleted", sent.one("id"))
        return ALERTS

    def test(self, sent: Sent) -> Shown:
        """Sends a test, really, and shows what came of it."""
        try:
            outcome = f"The test was sent: {self._alerting.test(sent.one('id'))}."
            status = 200
        except MissingError as error:
            raise missing("There is no such channel.") from error
        except SendError as error:
            outcome, status = f"The test was not sent: {error}.", 400
        sent.visitor.audit("alert channel tested", sent.one("id"))
        with self._alerting.store.reading() as connection:
            report = self._report(connection)
        report.outcome = outcome
        return Shown(TEMPLATE, report, status)

    def save_rule(self, sent: Sent) -> str:
        """Adds or changes a rule on what is worth an alert."""
        key, title = sent.one("id"), sent.one("title")
        try:
            with self._alerting.store.reading() as connection:
                known = frozenset(one.id for one in kept_channels(connection))
            body = rules.read(sent.form, known)
            _found(self._book.save_rule, key, title, body, sent.visitor.name)
        except (RuleError, ChannelError) as error:
            raise FieldError(error.field, str(error)) from None
        sent.visitor.audit("alert rule saved", title)
        return ALERTS

    def switch_rule(self, sent: Sent) -> str:
        """Switches a rule on or off."""
        is_on = sent.one("is_on") == "yes"
        _found(self._book.switch_rule, sent.one("id"), is_on, sent.visitor.name)
        words = f"alert rule switched {'on' if is_on else 'off'}"
        sent.visitor.audit(words, sent.one("id"))
        return ALERTS

    def delete_rule(self, sent: Sent) -> str:
        """Deletes a rule."""
        _found(self._book.delete_rule, sent.one("id"))
        sent.visitor.audit("alert rule deleted", sent.one("id"))
        return ALERTS

    def again(self, sent: Sent) -> str:
        """Sends what is dead once more."""
        key, now_ns = sent.one("id"), time.time_ns()
        return self._decide(sent, "sent again", lambda c: queue.again(c, key, now_ns))

    def drop(self, sent: Sent) -> str:
        """Gives up a message that could not be delivered."""
        key = sent.one("id")
        return self._decide(sent, "dropped", lambda c: queue.drop(c, key))

    def _decide(self, sent: Sent, word: str, work: Any) -> str:
        done: list[bool] = []

        def job(connection: Connection) -> bool:
            done.append(work(connection))
            return False

        self._alerting.store.run(job).result(STEP_SECONDS)
        if done != [True]:
            raise missing("There is no such message that is not sent.")
        sent.visitor.audit(f"alert {word}", sent.one("id"))
        return ALERTS

    def _report(self, connection: Connection) -> AlertsReport:
        channels = kept_channels(connection)
        named = {one.id: one.name for one in channels}
        latest = sa.select(deliveries).order_by(
            deliveries.c.state == State.SENT, deliveries.c.created_ns.desc()
        )
        counts = queue.counts(connection)
        return AlertsReport(
            channels=[_channel(one) for one in channels],
            rules=[_rule(one) for one in kept_rules(connection)],
            deliveries=[
                _delivery(row, named)
                for row in connection.execute(latest.limit(MOST_SHOWN))
            ],
            counts={state.name.lower(): count for state, count in counts.items()},
            kinds={kind.value: title for kind, title in TITLES.items()},
            fields={kind.value: _fields(kind, {}) for kind in Kind},
            topics={topic.value: WORDS[topic] for topic in Topic},
            is_sealed=self._book.vault.is_sealed,
        )


def _kind(sent: Sent) -> Kind:
    try:
        return Kind(sent.one("kind"))
    except ValueError:
        raise HTTPException(400, "There is no such kind of channel.") from None


def _told(sent: Sent) -> dict[str, str]:
    """Secrets may be long; what is too long is refused by the fields' own checks."""
    return {name: values[0][:4_000] for name, values in sent.form.items() if values}


def _found(change: Any, *told: object) -> None:
    try:
        change(*told)
    except MissingError:
        raise missing("There is no such channel or rule.") from None


def _fields(kind: Kind, known: Any) -> list[FieldRow]:
    return [
        FieldRow(
            name=one.name,
            words=one.words,
            hint="stays as it is" if one.is_secret and known else one.hint,
            value="" if one.is_secret else known.get(one.name, one.usual),
            secret=one.is_secret,
            choices=list(one.choices),
            most=one.most,
        )
        for one in FIELDS[kind]
    ]


def _channel(one: Channel) -> ChannelRow:
    return ChannelRow(
        id=one.id,
        name=one.name,
        kind=TITLES[one.kind],
        leads_to=one.leads_to,
        is_on=one.is_on,
        fields=_fields(one.kind, one.settings),
    )


def _rule(one: Rule) -> RuleRow:
    return RuleRow(
        id=one.id,
        title=one.title,
        topics=[topic.value for topic in one.body.topics],
        least=one.body.least,
        scope=one.body.scope,
        channels=list(one.body.channels),
        is_on=one.is_on,
    )


def _delivery(row: Any, named: dict[str, str]) -> DeliveryRow:
    state = State(row.state)
    is_again = state is State.WAITING and row.attempts
    is_over = state in (State.SENT, State.DEAD)
    return DeliveryRow(
        id=row.id,
        subject=row.subject,
        channel=named.get(row.channel_id, ""),
        state="retrying" if is_again else state.name.lower(),
        attempts=row.attempts,
        at=reports.time(row.sent_ns or row.created_ns),
        due=None if is_over else reports.time(row.due_ns),
        reason=row.reason,
    )
