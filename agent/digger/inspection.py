"""Inspection: chosen exchanges through the detector, beside the counting.

In: jobs, from the thread that counts. Out: their outcomes, taken by the same thread. A
few threads call the detector meanwhile, so nothing here makes the counting wait: a job
without room is refused at once, and the sampler chooses again.

While the detector is away one thread asks for it now and then. What must be inspected
waits, what may be is dropped. A message that makes a detector fail is found by sending
its job alone.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import msgspec

from agent.bodies import Bodies, unread
from agent.digger.detectors import (
    AwayError,
    Detector,
    Known,
    Part,
    RefusedError,
    Scanned,
)
from agent.digger.waiting import Job, Waiting
from agent.lifecycle import Roles, told
from agent.metrics import COUNTER, Metric, counter, gauge
from agent.settings import Digger
from detection.finding import Finding
from detection.protobuf.schemas import Schemas

log = logging.getLogger("vethscope")

PAUSE_SECONDS = (0.2, 5.0)
"""Shortest and longest time between two questions for a detector that is away."""
MOST_FAILURES = 2
"""A job of its own that gets no answer so often, from a detector that answers others,
is refused."""
PAUSE_STEP_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5
"""Between two looks of a thread that has nothing to do: at least, at most."""
CLOSE_SECONDS = 1.0
"""At the end a call under way may take so long; then its thread is left behind."""


class Outcome(msgspec.Struct, eq=False):
    """What became of a job: findings, or nothing."""

    job: Job
    found: tuple[list[Finding], list[Finding]] | None = None
    """Of the request and the response."""
    is_refused: bool = False
    """A detector failed on it and will again."""
    unread: int = 0
    """Of its two bodies, those in a coding that cannot be undone."""
    is_named: bool | None = None
    """The types of its protobuf messages are known, all of them; None: it has none."""


class Counts(msgspec.Struct):
    """For metrics."""

    inspected: int = 0
    refused: int = 0
    no_room: int = 0
    away: int = 0
    wait_seconds: float = 0.0
    """Longest in the last call with something that must be inspected."""


class Inspector:
    """`put` and `take` belong to one thread; use as a context, which closes the
    detector at its end."""

    def __init__(
        self,
        detector: Detector,
        settings: Digger,
        body_bytes: int,
        schemas: Schemas | None = None,
    ) -> None:
        """`schemas` tell the names in protobuf messages."""
        self.counts = Counts()
        self.is_away = False
        self._detector = detector
        self._bodies = Bodies(body_bytes, schemas)
        self._changed = threading.Condition()
        self._waiting = Waiting(settings, time.monotonic())
        self._running = 0
        self._outcomes: list[Outcome] = []
        self._generation = 0
        self._is_closing = False
        self._stack = ExitStack()

    @property
    def digest(self) -> str:
        """Of the rules that found what was found."""
        return self._detector.digest

    @property
    def known(self) -> Known:
        """The data types of these rules, as far as the detector told them."""
        return self._detector.known

    @property
    def waiting(self) -> int:
        """Jobs that must be done."""
        return len(self._waiting.must)

    @property
    def is_idle(self) -> bool:
        """All that can be done for now is done and taken."""
        with self._changed:
            queued = self._waiting.may or (self._waiting.must and not self.is_away)
            return not (queued or self._running or self._outcomes)

    def put(self, job: Job) -> bool:
        """False: there is no room, or no detector for what may be left."""
        with self._changed:
            if self.is_away and not job.is_must:
                self.counts.away += 1
                return False
            if not self._waiting.put(job):
                self.counts.no_room += 1
                return False
            if self._waiting.is_news:
                self._changed.notify()
            return True

    def take(self) -> list[Outcome]:
        """What was finished since the last call."""
        if not self._outcomes:
            return []
        with self._changed:
            outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def clear(self) -> None:
        """Forgets all jobs; what is under way will have no outcome."""
        with self._changed:
            self._generation += 1
            self._waiting.clear()
            self._outcomes = []

    def metrics(self) -> Iterator[Metric]:
        counts = self.counts
        yield counter(
            "vethscope_digger_inspected_total",
            "Exchanges inspected.",
            counts.inspected,
        )
        yield Metric(
            "vethscope_digger_not_inspected_total",
            COUNTER,
            "Exchanges chosen but not inspected, by reason.",
            "reason",
            {
                "detector_away": counts.away,
                "no_room": counts.no_room,
                "refused": counts.refused,
            },
        )
        yield gauge("vethscope_digger_detector_up", "It answers.", not self.is_away)
        yield gauge(
            "vethscope_digger_first_sights_waiting",
            "First sights and what is due, not inspected yet.",
            self.waiting,
        )
        yield gauge(
            "vethscope_digger_first_sight_wait_seconds",
            "Longest wait of those in the last call.",
            counts.wait_seconds,
        )

    def __enter__(self) -> "Inspector":
        roles = Roles(threading.Event(), CLOSE_SECONDS)
        self._stack.enter_context(roles)
        for lane in range(self._detector.lanes):
            is_asking = lane == 0
            run = partial(self._run, is_asking=is_asking)
            roles.start(f"inspection-{lane}", run)
        return self

    def __exit__(self, *_: object) -> None:
        """Ends calls that are under way, too."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._detector.close()
        self._stack.close()

    def _run(self, stop: threading.Event, is_asking: bool) -> None:
        pause = PAUSE_SECONDS[0]
        while not (stop.is_set() or self._is_closing):
            if self.is_away and is_asking:
                stop.wait(random.uniform(pause / 2, pause))
                pause = min(2 * pause, PAUSE_SECONDS[1])
                self._ask()
                continue
            pause = PAUSE_SECONDS[0]
            jobs, generation = self._next()
            if jobs:
                self._end(jobs, self._inspect(jobs), generation)

    def _next(self) -> tuple[list[Job], int]:
        """Jobs to do now, or none after a short wait."""
        with self._changed:
            now = time.monotonic()
            jobs = [] if self.is_away else self._waiting.next(now)
            if jobs:
                self._running += 1
                waits = [now - job.since for job in jobs if job.is_must]
                self.counts.wait_seconds = max(waits, default=self.counts.wait_seconds)
                if not self._waiting.is_empty:
                    self._changed.notify()
            elif not self._is_closing:
                self._changed.wait(self._pause_seconds(now))
            return jobs, self._generation

    def _pause_seconds(self, now: float) -> float:
        """Until a look is worth while, if nobody notifies. Threads that wake for
        nothing cost a digger without traffic more than all else that it does."""
        if self.is_away or self._waiting.is_empty:
            return LONGEST_PAUSE_SECONDS
        pause = max(self._waiting.pause_seconds(now), PAUSE_STEP_SECONDS)
        return min(pause, LONGEST_PAUSE_SECONDS)

    def _ask(self) -> None:
        """Whether a detector is there again."""
        try:
            self._detector.scan([])
        except AwayError:
            return
        except RefusedError:
            pass
        with self._changed:
            self.is_away = False
            self._changed.notify_all()
        log.warning("detector: is back, %d exchanges waited", self.waiting)

    def _inspect(self, jobs: list[Job]) -> "list[Outcome] | AwayError":
        """What became of the jobs, each alone if the detector fails on them."""
        outcomes: list[Outcome] = []
        try:
            flat = [one for job in jobs for one in self._bodies.parts(job.record)]
            scanned = self._detector.scan(flat)
        except AwayError as error:
            return error
        except Exception as error:
            if self._is_closing:
                return AwayError()
            if len(jobs) == 1:
                log.error("detector: an exchange is not inspected: %s", told(error))
                return [Outcome(jobs[0], is_refused=True)]
            for job in jobs:
                done = self._inspect([job])
                if isinstance(done, AwayError):
                    return done
                outcomes += done
            return outcomes
        self._spend(scanned)
        found = scanned.findings
        return [
            Outcome(
                job,
                (request, response),
                unread=unread(job.record, one, other),
                is_named=_is_named(one, other),
            )
            for job, request, response, one, other in zip(
                jobs, found[::2], found[1::2], flat[::2], flat[1::2], strict=True
            )
        ]

    def _spend(self, scanned: Scanned) -> None:
        with self._changed:
            self._waiting.spend(scanned.busy_seconds)

    def _end(
        self, jobs: list[Job], done: "list[Outcome] | AwayError", generation: int
    ) -> None:
        with self._changed:
            self._running -= 1
            if generation != self._generation or self._is_closing:
                return
            if isinstance(done, AwayError):
                done = self._failed(jobs, done)
            ended = [outcome.job for outcome in done]
            self._waiting.done(ended)
            self.counts.inspected += sum(o.found is not None for o in done)
            self.counts.refused += sum(o.is_refused for o in done)
            self._outcomes += done

    def _failed(self, jobs: list[Job], error: AwayError) -> list[Outcome]:
        """What must be done waits on, unless it is what made the detector fail."""
        if not self.is_away:
            self.is_away = True
            self._changed.notify_all()
            log.warning("detector: %s, counting goes on without it", error)
        if len(jobs) == 1:
            jobs[0].failures += 1
        ended = []
        again = []
        for job in jobs:
            job.failures = max(job.failures, 1)
            if job.failures > MOST_FAILURES:
                ended.append(Outcome(job, is_refused=True))
            elif job.is_must:
                again.append(job)
            else:
                ended.append(Outcome(job))
        self._waiting.put_back(again)
        return ended


def _is_named(*parts: Part) -> bool | None:
    known = [part.is_named for part in parts if part.is_named is not None]
    return all(known) if known else None
