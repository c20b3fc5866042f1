"""The digger: batches in, packages out.

Reads top to bottom: names from the cluster → their address service → batches from
Kafka → endpoint template → counting → chosen exchanges to the detector, beside → a
package for each window → cloud. All is accounted for in packages together with the
Kafka offsets it came from, and Kafka is read from where the cloud says: whatever ends
this program, nothing is lost and nothing counts twice. Nothing here waits for another
program but for a bounded time, so a part that is away stops only what needs it.
"""

import gc
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial

from agent.cluster.address_list.service import Server
from agent.digger.accounting import Accounting
from agent.digger.cluster import Surroundings
from agent.digger.corrections import Corrections
from agent.digger.counting import Counting
from agent.digger.descriptors import Descriptors
from agent.digger.detectors import Detector, DetectorClient, LocalDetector
from agent.digger.ending import QUIET_SECONDS, Ending
from agent.digger.inspection import Inspector
from agent.digger.intake import Intake, Received
from agent.digger.package import Draft
from agent.digger.sampling import Sampler
from agent.digger.uplink import Uplink
from agent.digger.whys import CatalogTold, Whys, data_types
from agent.health import Pulse
from agent.kafka.names import NamesTopic, names_key
from agent.kafka.reachability import Reachability
from agent.kafka.sealing import opener
from agent.kafka.topics import Watch, ensure_topics, topics
from agent.lifecycle import Roles
from agent.metrics import COUNTER, GAUGE, Metric, counter, gauge
from agent.naming.endpoints import Endpoints
from agent.outside.geography import Geography
from agent.outside.hosts import Hosts
from agent.outside.parties import Parties
from agent.outside.ranges import Ranges
from agent.settings import Settings, split_list

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
        self._reachability = Reachability(settings.kafka.bootstrap)
        self._endpoints = Endpoints(names_key(settings))
        self._uplink = Uplink(settings.cloud, settings.cluster.name)
        self._inspector: Inspector | None = None
        self._whys = Whys()
        self._corrections = Corrections(settings.cluster.name)
        self._catalog = CatalogTold()
        self._hosts = Hosts(self._endpoints.segments)
        self._cluster = Surroundings(settings.addresses, settings.cluster, self._hosts)
        self._failures: Counter[str] = Counter()
        self._recreated = 0
        self.lags: dict[str, int] = {}
        """Messages not read yet, of each partition."""
        self._looked_at = 0.0
        self._tell: Callable[[], None] = lambda: None
        self._taken_at = time.monotonic()
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
            and not self._cluster.freshness.is_old
            and self._reachability.is_up
            and self._uplink.is_up
            and inspector is not None
            and not inspector.is_away
        )

    @property
    def lack(self) -> str:
        return "names are old" if self._cluster.freshness.is_old else "not yet"

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

    @property
    def corrections_revision(self) -> int:
        """Of the corrections that are applied; 0: none were heard."""
        return self._corrections.revision

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
        yield gauge(
            "vethscope_digger_list_age_seconds",
            "How long names of the cluster were not current.",
            self._cluster.freshness.age_seconds,
        )
        yield gauge(
            "vethscope_digger_corrections_revision",
            "Of the cloud's corrections that it goes by.",
            self.corrections_revision,
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
            yield from self._descriptors.metrics()

    def knows(self, call: str) -> bool:
        """Whether a gRPC call's messages have names, `/package.Service/Method`; once it
        reads."""
        return len(self._descriptors.schemas.of(call.encode())) > 0

    def run(self, stop: threading.Event) -> None:
        settings = self._settings
        failed = threading.Event()
        with ExitStack() as stack:
            log.info("digger: preparing the rules of detection")
            detector = _detector(settings)
            self._descriptors = Descriptors(settings)
            stack.callback(self._descriptors.close)
            self._inspector = inspector = stack.enter_context(
                Inspector(
                    detector,
                    settings.digger,
                    settings.capture.body_bytes,
                    self._descriptors.schemas,
                )
            )
            self._parties = Parties(
                self._hosts,
                Ranges.load(settings.addresses.ranges_file),
                Geography(split_list(settings.addresses.geography_files)),
            )
            self._counting = Counting(
                self._cluster.index,
                self._endpoints,
                self._sampler(),
                inspector,
                self._parties,
            )
            self._counting.draft = Draft(self._whys, self._corrections)
            self._accounting = Accounting(
                self._counting,
                self._opener,
                topics(settings).records,
                self._cluster.freshness,
                self._failures,
                self._close,
            )
            # What lasts, the vocabulary above all, need not be looked through for
            # garbage again and again.
            gc.collect()
            gc.freeze()
            roles = stack.enter_context(Roles(failed))
            self._cluster.follow(roles)
            server = Server(
                self._cluster.index,
                settings.addresses.listen,
                settings.addresses.files,
                self._cluster.freshness,
            )
            stack.callback(server.close)
            self.is_serving.set()
            self._names = NamesTopic(settings)
            stack.callback(self._names.close)
            roles.start("uplink", self._uplink.run)
            ask = partial(self._corrections.follow, self._uplink.correct)
            roles.start("corrections", ask)
            stack.callback(self._uplink.close)
            while not (stop.is_set() or failed.is_set()):
                self._read(inspector, stop, failed)
        log.info("digger: stopped, %d records digested", self.digested)

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
            self._descriptors.load(NAMES_SECONDS)
            self._pulse.beat()
            self.is_reading.set()
            log.info("digger: started, addresses on %s", settings.addresses.listen)
            self._digest(intake, inspector, stop, failed, watch)
            if watch.changed.is_set():
                gone = sum(intake.lags(watch.ends).values())
                log.error("kafka: a topic was made anew, %d messages are gone", gone)
                self._recreated += 1
                self._accounting.fail("recreated", gone)

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
            self._account(taken, intake, inspector, watch)
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
        self._whys.clear()
        self._parties.clear()
        self._cluster.clear()
        self._catalog.clear()
        self._counting.draft = Draft(self._whys, self._corrections)
        # What was chosen before may have been lost with its package: choose anew.
        self._counting.sampler = self._sampler()
        return True

    def _sampler(self) -> Sampler:
        digger = self._settings.digger
        return Sampler(digger.inspect_per_second, digger.inspect_interval_seconds)

    def _account(
        self,
        taken: list[Received],
        intake: Intake,
        inspector: Inspector,
        watch: Watch,
    ) -> None:
        """Counts messages; what was taken before all became void is void too.

        Partitions of a topic made anew are left, to be read from their beginning as the
        new one's; what was taken of the old one counts on.
        """
        if taken:
            self._taken_at = time.monotonic()
        renewed: set[tuple[str, int]] = set()
        for received in taken:
            place = received.topic, received.partition
            if received.is_beginning and watch.is_changed():
                renewed.add(place)
            if place in renewed:
                continue
            self._accounting.account(received)
            if self._counting.draft.is_full:
                if self._restart_if_void(intake, inspector):
                    return
                self._close()

    def _look_around(self, intake: Intake, watch: Watch) -> None:
        """What need not be done all the time."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self.lags = intake.lags(watch.ends)
            self._names.follow(self._endpoints.take)
            self._names.publish(self._endpoints.learnt(time.time_ns()))
            self._descriptors.follow()

    def _close_if_due(self, inspector: Inspector) -> None:
        draft = self._counting.draft
        window = self._settings.digger.package_seconds
        now = time.monotonic()
        age = now - self._accounting.draft_began
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
                self._cluster.index.find(ip, at_ns) is None
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
        counting.draft = Draft(self._whys, self._corrections)
        # Before the cloud can have it: see `Intake._start`.
        self._tell()
        package = draft.build(
            self._settings.cluster.name, counting.resolve, time.time_ns()
        )
        inspector = self._inspector
        if inspector is not None and self._catalog.is_news(inspector.known):
            package.catalog_digest = inspector.known.digest
            package.data_types.extend(data_types(inspector.known))
        self._cluster.tell(package, draft.workloads)
        self._uplink.put(package, draft.exchanges, self._accounting.draft_began)

    def _hand_over(self) -> bool:
        """Before partitions go: what was read of them is accounted for."""
        self._close()
        return self._uplink.drain(HAND_OVER_SECONDS) and not self._uplink.is_refused


def _detector(settings: Settings) -> Detector:
    if settings.detector.server:
        return DetectorClient(settings.detector.server, settings.detector.files)
    return LocalDetector(settings.detector.catalog)
