"""The digger: records in, packages out.

Reads top to bottom: names from the cluster → their address service → records from
Kafka → endpoint template → sampling → detection → a package for each window → cloud.
All is accounted for in packages together with the Kafka offsets it came from, and
Kafka is read from where the cloud says: whatever ends this program, nothing is lost
and nothing counts twice.
"""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from agent.cluster import api, names, watch
from agent.cluster.addresses import (
    BEHIND_PROXY,
    AddressIndex,
    Workload,
    place,
    unresolved,
)
from agent.cluster.service import Server
from agent.digger.decoding import decode_coverage, decode_record
from agent.digger.endpoints import Endpoints
from agent.digger.heads import content_type, request_line, status
from agent.digger.inspection import (
    Detector,
    DetectorClient,
    GaveUpError,
    LocalDetector,
    body_prefix,
    messages,
)
from agent.digger.intake import Intake, Received
from agent.digger.package import REQUEST, RESPONSE, Draft, Edge, Row, Unnamed
from agent.digger.sampling import SHAPE_BYTES, Allowance, Sampler, shape
from agent.digger.uplink import Uplink
from agent.digger.workloads import told
from agent.encryption import Unreadable
from agent.health import Pulse
from agent.kafka.names import NamesTopic, names_key
from agent.kafka.sealing import opener
from agent.kafka.topics import ensure_topics
from agent.lifecycle import Roles
from agent.metrics import Metric, counter
from agent.record import RECORDS_TOPIC, Record
from agent.settings import Settings
from detection.finding import Finding

log = logging.getLogger("vethscope")

BATCH = 512
"""Messages taken from Kafka at once."""
INSPECTED_TOGETHER = 64
"""Messages after which what was chosen is inspected: bounds the bodies held."""
INSPECTION_SHARE = 0.5
"""Of the time, for inspections beyond what sampling must do: the rest is for counting,
lest Kafka drops records before we come to them."""
HOLD_SECONDS = 5.0
"""A package waits so long for the names of private addresses still unknown."""
NAMES_SECONDS = 5.0
"""For what was learnt before; without it, words must prove anew."""
MOST_GIVEN_UP = 10_000
"""Addresses that nobody waits for any more; then all are waited for once again."""
DRAIN_SECONDS = 1.5
"""When stopping: records still taken from Kafka at most so long, and until quiet."""
QUIET_SECONDS = 0.3
SEND_SECONDS = 1.0
"""When stopping: how long the last package may take."""


class Digger:
    """One digger; `run` once."""

    name = "digger"

    def __init__(self, settings: Settings) -> None:
        """Raises KeyFileError."""
        self._settings = settings
        self._opener = opener(settings)
        self._index = AddressIndex()
        self._endpoints = Endpoints(names_key(settings))
        self._allowance = Allowance(INSPECTION_SHARE, time.monotonic())
        self._given_up: set[bytes] = set()
        self._uplink = Uplink(settings.cloud, settings.cluster.name)
        self._detector: Detector
        self._names: NamesTopic
        self.is_serving = threading.Event()
        """Set once rules are loaded and the address list is served."""
        self.is_reading = threading.Event()
        """Set once records are read too."""
        self._pulse = Pulse()
        self._restart()

    @property
    def is_live(self) -> bool:
        """While it prepares, too: that has its own limit in the cluster."""
        return not self.is_reading.is_set() or self._pulse.is_live

    @property
    def is_ready(self) -> bool:
        return self.is_serving.is_set()

    def metrics(self) -> Iterable[Metric]:
        yield counter(
            "vethscope_digger_records_total", "Records accounted for.", self.digested
        )
        yield counter(
            "vethscope_digger_packages_total",
            "Packages that the cloud accepted.",
            self.packages_accepted,
        )

    @property
    def digested(self) -> int:
        """Records whose package the cloud has accepted."""
        return self._uplink.digested

    @property
    def packages_accepted(self) -> int:
        """Packages that the cloud has accepted."""
        return self._uplink.packages

    def run(self, stop: threading.Event) -> None:
        settings = self._settings
        failed = threading.Event()
        with ExitStack() as stack:
            log.info("digger: preparing the rules of detection")
            self._detector = _detector(settings)
            stack.callback(self._detector.close)
            roles = stack.enter_context(Roles(failed))
            self._follow_names(roles)
            server = Server(self._index, settings.addresses.listen)
            stack.callback(server.close)
            self.is_serving.set()
            roles.start("uplink", self._uplink.run)
            stack.callback(self._uplink.close)
            identities = ensure_topics(settings, stop)
            if identities:
                intake = Intake(settings, identities, self._uplink.resume)
                stack.callback(intake.close)
                self._names = NamesTopic(settings)
                stack.callback(self._names.close)
                self._names.load(self._endpoints.take, NAMES_SECONDS)
                self._pulse.beat()
                self.is_reading.set()
                log.info("digger: started, addresses on %s", settings.addresses.listen)
                self._digest(intake, stop, failed)
        log.info("digger: stopped, %d records digested", self.digested)

    def _follow_names(self, roles: Roles) -> None:
        file = self._settings.addresses.file
        configuration = None if file else api.configuration()
        if file:
            names.load(Path(file), self._index)
        if configuration is None:
            self._index.complete()
            return
        server = api.Api(configuration)
        roles.start("watch", lambda stop: watch.follow(server, self._index, stop))

    def _digest(
        self, intake: Intake, stop: threading.Event, failed: threading.Event
    ) -> None:
        ending = _Ending(stop)
        try:
            while not failed.is_set() and not ending.is_over:
                self._pulse.beat()
                self._restart_if_void(intake)
                self._close_if_due()
                if self._uplink.is_full:
                    intake.idle(0.2)
                    ending.saw(False)
                    continue
                taken = intake.take(BATCH, 0.1)
                ending.saw(bool(taken))
                for start in range(0, len(taken), INSPECTED_TOGETHER):
                    self._account(
                        taken[start : start + INSPECTED_TOGETHER], intake, stop
                    )
        except GaveUpError:
            log.warning("digger: the detector is away, the last records are left")
            return
        self._restart_if_void(intake)
        self._close()
        if not self._uplink.drain(SEND_SECONDS):
            log.warning("digger: the cloud is away, the last records are left")

    def _restart_if_void(self, intake: Intake) -> None:
        """Forgets what is not accounted for, if it will be read again."""
        if self._uplink.is_refused:
            intake.rewind()
        if intake.take_reset():
            self._uplink.clear()
            self._restart()

    def _restart(self) -> None:
        """What was chosen before may have been lost with its package: choose anew."""
        digger = self._settings.digger
        self._draft = Draft()
        self._draft_began = time.monotonic()
        self._sampler = Sampler(
            digger.inspect_per_second, digger.inspect_interval_seconds
        )

    def _account(
        self, taken: list[Received], intake: Intake, stop: threading.Event
    ) -> None:
        """Counts messages and inspects what is chosen of them."""
        is_allowed = self._allowance.is_left(time.monotonic())
        chosen: list[tuple[Row, Record]] = []
        for received in taken:
            self._cover(received)
            is_record = received.topic == RECORDS_TOPIC
            self._draft.records += is_record
            value = self._opener.open(received.topic, received.key, received.value)
            if isinstance(value, Unreadable):
                self._draft.note(value.value)
            elif is_record:
                chosen += self._count(value, is_allowed)
            elif coverage := decode_coverage(value):
                self._draft.cover_node(coverage)
            else:
                self._draft.note("undecodable")
        if chosen:
            self._inspect(chosen, intake, stop)
        if self._draft.is_full:
            self._restart_if_void(intake)
            self._close()

    def _cover(self, received: Received) -> None:
        if self._draft.is_empty:
            self._draft_began = time.monotonic()
        self._draft.cover(
            received.identity, received.partition, received.first, received.following
        )
        if received.expired:
            log.error("kafka: %d messages had expired unread", received.expired)
            self._draft.note("expired", received.expired)

    def _count(self, value: bytes, is_allowed: bool) -> list[tuple[Row, Record]]:
        """Counts a record; returns it if it is chosen for inspection."""
        record = decode_record(value)
        if record is None:
            self._draft.note("undecodable")
            return []
        method, target = request_line(record.request.head)
        code = status(record.response.head)
        status_class = code // 100
        server = self._name(record.server, record.started_ns)
        client = vouched(record) or self._name(record.client, record.started_ns)
        port = record.server_port
        path = self._endpoints.template(
            (server, port), method, target, record.client, code, record.answered_ns
        )
        edge = Edge(server, client, port, method, path)
        row = self._draft.count(edge, record, status_class)
        endpoint = (server, port, method, path)
        is_chosen = self._sampler.is_chosen(
            endpoint, status_class, _shape(record), record.answered_ns, is_allowed
        )
        return [(row, record)] if is_chosen else []

    def _name(self, ip: bytes, at_ns: int) -> Workload | Unnamed:
        known = self._index.find(ip, at_ns) or place(ip)
        if known is not None:
            return told(known, self._endpoints.segments)
        if self._index.is_static or ip in self._given_up:
            return unresolved(ip)
        return self._draft.unname(ip, at_ns)

    def _inspect(
        self, chosen: list[tuple[Row, Record]], intake: Intake, stop: threading.Event
    ) -> None:
        def wait(seconds: float) -> bool:
            intake.idle(seconds)
            return not stop.is_set()

        began = time.monotonic()
        limit = self._settings.capture.body_bytes
        flat = [m for _, record in chosen for m in messages(record, limit)]
        found = self._detector.scan(flat, wait)
        self._allowance.spend(time.monotonic() - began)
        self._draft.catalog_digest = self._detector.digest
        for (row, record), request, response in zip(
            chosen, found[::2], found[1::2], strict=True
        ):
            if request is None or response is None:
                self._draft.note("not_inspected")
            else:
                row.inspected += 1
            self._draft.find(row, REQUEST, self._told(record, "request", request))
            self._draft.find(row, RESPONSE, self._told(record, "response", response))

    def _told(
        self, record: Record, direction: str, found: list[Finding] | None
    ) -> list[Finding]:
        """Findings whose paths hold no key that is data."""
        method, target = request_line(record.request.head)
        at_ns = record.answered_ns
        server = (self._name(record.server, record.started_ns), record.server_port)
        path = self._endpoints.template(server, method, target, at_ns=at_ns)
        return [
            msgspec.structs.replace(
                finding,
                path=self._endpoints.key(
                    server,
                    f"{method} {path} {direction} {finding.location}",
                    finding.path,
                    record.client,
                    at_ns,
                ),
            )
            for finding in found or []
        ]

    def _close_if_due(self) -> None:
        age = time.monotonic() - self._draft_began
        if self._draft.is_empty or age < self._settings.digger.package_seconds:
            return
        if age < self._settings.digger.package_seconds + HOLD_SECONDS and any(
            self._index.find(ip, at_ns) is None
            for ip, at_ns in self._draft.unnamed.items()
        ):
            return
        self._close()

    def _close(self) -> None:
        """Hands the draft over to the uplink, and what was learnt to the others."""
        self._names.follow(self._endpoints.take)
        self._names.publish(self._endpoints.learnt(time.time_ns()))
        draft, self._draft = self._draft, Draft()
        if draft.is_empty:
            return
        package = draft.build(
            self._settings.cluster.name, self._resolve, time.time_ns()
        )
        self._uplink.put(package, draft.records)

    def _resolve(self, ip: bytes, at_ns: int) -> Workload:
        known = self._index.find(ip, at_ns) or place(ip)
        if known is None:
            if len(self._given_up) >= MOST_GIVEN_UP:
                self._given_up.clear()
            self._given_up.add(ip)
        return told(known, self._endpoints.segments) if known else unresolved(ip)


def vouched(record: Record) -> Workload | None:
    """The client that a mesh's proxy hides, by the identity that it vouches for."""
    namespace, _, account = record.client_identity.partition("/")
    if account:
        return Workload(namespace, "ServiceAccount", account)
    return None if any(record.client) else BEHIND_PROXY


class _Ending:
    """When to end after `stop`: once it is quiet, or the time is over."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._deadline = float("inf")
        self._quiet_since = 0.0

    def saw(self, is_busy: bool) -> None:
        """Tells whether there was something to do just now."""
        if is_busy or not self._stop.is_set():
            self._quiet_since = time.monotonic()
        if self._stop.is_set():
            self._deadline = min(self._deadline, time.monotonic() + DRAIN_SECONDS)

    @property
    def is_over(self) -> bool:
        now = time.monotonic()
        return self._stop.is_set() and (
            now >= self._deadline or now - self._quiet_since >= QUIET_SECONDS
        )


def _detector(settings: Settings) -> Detector:
    if settings.detector.server:
        return DetectorClient(settings.detector.server)
    return LocalDetector(settings.detector.catalog)


def _shape(record: Record) -> int:
    return hash(
        tuple(
            shape(content_type(message.head), body_prefix(message, SHAPE_BYTES))
            for message in (record.request, record.response)
        )
    )
