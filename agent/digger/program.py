"""The digger: batches in, packages out.

Reads top to bottom: names from the cluster → their address service → batches from
Kafka → endpoint template → counting → chosen exchanges to the detector, beside → a
package for each window → cloud. All is accounted for in packages together with the
Kafka offsets it came from, and Kafka is read from where the cloud says: whatever ends
this program, nothing is lost and nothing counts twice. Nothing here waits for another
program but for a bounded time, so a part that is away stops only what needs it.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from agent.cluster import api, names
from agent.cluster.addresses import AddressIndex
from agent.cluster.service import Server
from agent.cluster.watch import follow
from agent.digger.counting import Counting
from agent.digger.decoding import Undecodable, decode_batch, decode_coverage
from agent.digger.detectors import Detector, DetectorClient, LocalDetector
from agent.digger.ending import QUIET_SECONDS, Ending
from agent.digger.inspection import Inspector
from agent.digger.intake import Intake, Received
from agent.digger.package import Draft
from agent.digger.sampling import Sampler
from agent.digger.uplink import Uplink
from agent.encryption import Unreadable
from agent.health import Pulse
from agent.kafka.names import NamesTopic, names_key
from agent.kafka.reachability import Reachability
from agent.kafka.sealing import opener
from agent.kafka.topics import Watch, ensure_topics, topics
from agent.lifecycle import Roles
from agent.lifecycle import told as words
from agent.metrics import COUNTER, GAUGE, Metric, counter
from agent.naming.endpoints import Endpoints
from agent.record import Batch, NodeCoverage
from agent.settings import Settings

log = logging.getLogger("vethscope")

BATCH = 64
"""Messages taken from Kafka at once: some megabytes, a thousand exchanges each."""
HOLD_SECONDS = 5.0
"""A package waits so long for the names of private addresses still unknown, and in a
lull for inspections under way."""
QUIET_WINDOWS = 5
"""Without traffic, coverage waits so many times the usual for company."""
HAND_OVER_SECONDS = 3.0
"""For the cloud to take what was read of partitions that go to another digger."""
SEND_SECONDS = 1.0
"""When stopping: how long the last package may take."""
LOOK_SECONDS = 2.0
"""Between two looks at how far behind we are, and at what other diggers learnt."""
NAMES_SECONDS = 5.0
"""For what was learnt before; what comes later is taken then."""


class Digger:
    """One digger; `run` once."""

    name = "digger"

    def __init__(self, settings: Settings) -> None:
        """Raises KeyFileError."""
        self._settings = settings
        self._opener = opener(settings)
        self._topics = topics(settings)
        self._reachability = Reachability(settings.kafka.bootstrap)
        self._index = AddressIndex()
        self._endpoints = Endpoints(names_key(settings))
        self._uplink = Uplink(settings.cloud, settings.cluster.name)
        self._inspector: Inspector | None = None
        self._failures: Counter[str] = Counter()
        self._recreated = 0
        self.lags: dict[str, int] = {}
        """Messages not read yet, of each partition."""
        self._looked_at = 0.0
        self._tell: Callable[[], None] = lambda: None
        self._draft_began = self._taken_at = time.monotonic()
        self.is_serving = threading.Event()
        """Set once rules are loaded and the address list is served."""
        self.is_reading = threading.Event()
        """Set once records are read too."""
        self._pulse = Pulse()

    @property
    def is_live(self) -> bool:
        """While it prepares, too: that has its own limit in the cluster."""
        return not self.is_reading.is_set() or self._pulse.is_live

    @property
    def is_ready(self) -> bool:
        """It reads, and nobody whom it needs is away or refuses it."""
        inspector = self._inspector
        return (
            self.is_reading.is_set()
            and self._reachability.is_up
            and self._uplink.is_up
            and inspector is not None
            and not inspector.is_away
        )

    @property
    def has_started(self) -> bool:
        return self.is_serving.is_set()

    @property
    def digested(self) -> int:
        """Exchanges whose package the cloud has accepted."""
        return self._uplink.digested

    @property
    def packages_accepted(self) -> int:
        """Packages that the cloud has accepted."""
        return self._uplink.packages

    def metrics(self) -> Iterable[Metric]:
        inspector = self._inspector
        yield counter(
            "vethscope_digger_records_total", "Exchanges accounted for.", self.digested
        )
        yield counter(
            "vethscope_digger_packages_total",
            "Packages that the cloud accepted.",
            self.packages_accepted,
        )
        yield counter(
            "vethscope_digger_topics_recreated_total",
            "Times that a topic was made anew.",
            self._recreated,
        )
        yield from self._uplink.metrics()
        yield Metric(
            "vethscope_digger_failures_total",
            COUNTER,
            "Messages and parts of messages that could not be used, by reason.",
            "reason",
            {reason: float(n) for reason, n in self._failures.copy().items()},
        )
        yield Metric(
            "vethscope_digger_lag_records",
            GAUGE,
            "Messages on Kafka that are not read yet.",
            "topic_partition",
            {place: float(n) for place, n in self.lags.items()},
        )
        if inspector is not None:
            yield from inspector.metrics()

    def run(self, stop: threading.Event) -> None:
        settings = self._settings
        failed = threading.Event()
        with ExitStack() as stack:
            log.info("digger: preparing the rules of detection")
            detector = _detector(settings)
            self._inspector = inspector = stack.enter_context(
                Inspector(detector, settings.digger, settings.capture.body_bytes)
            )
            self._counting = Counting(
                self._index, self._endpoints, self._sampler(), inspector
            )
            roles = stack.enter_context(Roles(failed))
            self._follow_names(roles)
            server = Server(
                self._index, settings.addresses.listen, settings.addresses.files
            )
            stack.callback(server.close)
            self.is_serving.set()
            self._names = NamesTopic(settings)
            stack.callback(self._names.close)
            roles.start("uplink", self._uplink.run)
            stack.callback(self._uplink.close)
            while not (stop.is_set() or failed.is_set()):
                self._read(inspector, stop, failed)
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
        roles.start("watch", lambda stop: follow(server, self._index, stop))

    def _read(
        self, inspector: Inspector, stop: threading.Event, failed: threading.Event
    ) -> None:
        """Reads the topics as they are now, until stopped or they are others."""
        settings = self._settings
        identities = ensure_topics(settings, stop, self._reachability)
        if not identities:
            return
        watch = Watch(settings, identities)
        with ExitStack() as stack:
            intake = Intake(
                settings,
                identities,
                self._uplink.resume,
                self._hand_over,
                self._reachability,
            )
            stack.callback(intake.close)
            self._tell = intake.tell
            watching = stack.enter_context(Roles(watch.changed))
            watching.start("topics", watch.run)
            self._names.load(self._endpoints.take, NAMES_SECONDS)
            self._pulse.beat()
            self.is_reading.set()
            log.info("digger: started, addresses on %s", settings.addresses.listen)
            self._digest(intake, inspector, stop, failed, watch)
            if watch.changed.is_set():
                gone = sum(intake.lags(watch.ends).values())
                log.error("kafka: a topic was made anew, %d messages are gone", gone)
                self._recreated += 1
                self._fail("recreated", gone)

    def _digest(
        self,
        intake: Intake,
        inspector: Inspector,
        stop: threading.Event,
        failed: threading.Event,
        watch: Watch,
    ) -> None:
        ending = Ending(stop)
        while not (failed.is_set() or watch.changed.is_set() or ending.is_over):
            self._pulse.beat()
            self._restart_if_void(intake, inspector)
            self._counting.gather(time.monotonic())
            self._close_if_due(inspector)
            self._look_around(intake, watch)
            if self._uplink.is_full:
                intake.idle(0.2)
                ending.saw(False)
                continue
            taken = intake.take(BATCH, 0.1)
            ending.saw(bool(taken) or not inspector.is_idle)
            self._account(taken, intake, inspector)
        self._restart_if_void(intake, inspector)
        self._counting.gather(time.monotonic())
        self._close()
        if not self._uplink.drain(SEND_SECONDS):
            log.warning("digger: the cloud is away, the last records are left")

    def _restart_if_void(self, intake: Intake, inspector: Inspector) -> bool:
        """Forgets what is not accounted for, if it will be read again."""
        if self._uplink.is_refused:
            intake.rewind()
        if not intake.take_reset():
            return False
        self._uplink.clear()
        inspector.clear()
        self._counting.draft = Draft()
        # What was chosen before may have been lost with its package: choose anew.
        self._counting.sampler = self._sampler()
        return True

    def _sampler(self) -> Sampler:
        digger = self._settings.digger
        return Sampler(digger.inspect_per_second, digger.inspect_interval_seconds)

    def _account(
        self, taken: list[Received], intake: Intake, inspector: Inspector
    ) -> None:
        """Counts messages. What was taken before all became void is void too."""
        if taken:
            self._taken_at = time.monotonic()
        for received in taken:
            self._cover(received)
            try:
                self._count(received)
            except Exception as error:
                self._fail("undecodable", error=error)
            if self._counting.draft.is_full:
                if self._restart_if_void(intake, inspector):
                    return
                self._close()

    def _cover(self, received: Received) -> None:
        place = received.identity, received.partition
        first, following = received.first, received.following
        if received.follows > first:
            self._start_over(*place, received.follows, first)
        elif received.follows < first:
            # A gap stands before the first record of a package only.
            if self._counting.draft.covers(*place):
                self._close()
            self._counting.draft.follow(*place, received.follows)
            self._failures["expired"] += first - received.follows
        if self._counting.draft.is_empty:
            self._draft_began = time.monotonic()
        self._counting.draft.cover(*place, first, following)

    def _start_over(self, topic: str, partition: int, stored: int, first: int) -> None:
        """Tells the cloud that offsets below what it stored are used anew."""
        self._close()
        self._counting.draft.follow(topic, partition, stored)
        self._counting.draft.cover(topic, partition, first, first)
        self._close()
        self._failures["log_truncated"] += 1

    def _count(self, received: Received) -> None:
        draft = self._counting.draft
        is_records = received.topic == self._topics.records
        value = self._opener.open(received.topic, received.key, received.value)
        told: Unreadable | Undecodable | Batch | NodeCoverage
        if isinstance(value, Unreadable):
            told = value
        else:
            told = decode_batch(value) if is_records else decode_coverage(value)
        if isinstance(told, Batch):
            draft.records += self._counting.count(told, time.monotonic())
        elif isinstance(told, NodeCoverage):
            draft.cover_node(told)
        else:
            draft.records += is_records
            self._fail(told.value)

    def _fail(
        self, reason: str, count: int = 1, error: Exception | None = None
    ) -> None:
        """Counts what is lost, here and in the package."""
        if error is not None and not self._failures[reason]:
            log.error("digger: a message is passed over: %s", words(error))
        if count:
            self._failures[reason] += count
            self._counting.draft.note(reason, count)

    def _look_around(self, intake: Intake, watch: Watch) -> None:
        """What need not be done all the time."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self.lags = intake.lags(watch.ends)
            self._names.follow(self._endpoints.take)
            self._names.publish(self._endpoints.learnt(time.time_ns()))

    def _close_if_due(self, inspector: Inspector) -> None:
        draft = self._counting.draft
        window = self._settings.digger.package_seconds
        now = time.monotonic()
        age = now - self._draft_began
        if draft.is_empty or age < window:
            return
        if draft.is_quiet and age < QUIET_WINDOWS * window:
            return
        if self._uplink.is_busy and not draft.is_full:
            return
        if age < window + HOLD_SECONDS:
            is_lull = now - self._taken_at > QUIET_SECONDS
            if is_lull and not inspector.is_idle:
                return
            if any(
                self._index.find(ip, at_ns) is None
                for ip, at_ns in draft.unnamed.items()
            ):
                return
        self._close()

    def _close(self) -> None:
        """Hands the draft over to the uplink."""
        counting = self._counting
        draft = counting.draft
        if draft.is_empty:
            return
        counting.draft = Draft()
        # Before the cloud can have it: see `Intake._start`.
        self._tell()
        package = draft.build(
            self._settings.cluster.name, counting.resolve, time.time_ns()
        )
        self._uplink.put(package, draft.records, self._draft_began)

    def _hand_over(self) -> bool:
        """Before partitions go: what was read of them is accounted for."""
        self._close()
        return self._uplink.drain(HAND_OVER_SECONDS) and not self._uplink.is_refused


def _detector(settings: Settings) -> Detector:
    if settings.detector.server:
        return DetectorClient(settings.detector.server, settings.detector.files)
    return LocalDetector(settings.detector.catalog)
