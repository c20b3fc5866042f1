"""What sampling promises, under load: `python -m benchmarks.sampling [--seconds S]`.

Endpoints are asked by Zipf's law, calm and a hundred times over the budget, in bursts,
with a slow detector, with one that is away for a while, and with records whose clocks
are wrong. The digger's own counting, sampling and waiting run in simulated time; only
the detector is a stand-in that takes a fixed time a message.
"""

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.cluster.addresses import AddressIndex
from agent.digger.counting import Counting
from agent.digger.inspection import Outcome
from agent.digger.package import Draft
from agent.digger.sampling import Sampler
from agent.digger.waiting import MOST_MAY, MOST_MUST, Job, Waiting
from agent.naming.endpoints import Endpoints
from agent.record import VERSION, Batch, Fact, Message, Record
from agent.settings import Digger
from benchmarks import targets

SEED = 2026
TICK_SECONDS = 0.01
CAPTURED_NS = 1_800_000_000 * 10**9
YEAR_NS = 365 * 86_400 * 10**9
ENDPOINTS = 500
KINDS = 6
WHOLE_SHARE = 0.2
"""Of the exchanges, with bodies."""
SETTLE_SECONDS = 30.0
"""After the traffic, for what still waits."""
SLACK_SECONDS = 1.0
BURST = 100


@dataclass(frozen=True)
class Scenario:
    """One load."""

    name: str
    per_second: float
    """Exchanges."""
    inspected_per_second: float = 10_000.0
    """What the detector is able to."""
    bursts: bool = False
    """A hundred times as much in one second of each ten."""
    wrong_clocks: bool = False
    away: tuple[float, float] = (-1.0, -1.0)
    """From when to when no detector answers."""


SCENARIOS = (
    Scenario("calm", 200),
    Scenario("wrong clocks", 200, wrong_clocks=True),
    Scenario("bursts", 200, bursts=True),
    Scenario("100 times the budget", 20_000),
    Scenario("100 times, slow detector", 20_000, inspected_per_second=50),
    Scenario("detector away", 2_000, away=(20.0, 60.0)),
)


@dataclass
class Seen:
    """What was asked, chosen and inspected."""

    sent: int = 0
    asked: dict[tuple[int, int], float] = field(default_factory=dict)
    """Kind of an endpoint → when its body was first at hand."""
    inspected: dict[tuple[int, int], float] = field(default_factory=dict)
    due: dict[int, float] = field(default_factory=dict)
    """Endpoint → since when its inspection is overdue, with a body at hand."""
    last: dict[int, float] = field(default_factory=dict)
    lateness: float = 0.0
    """The worst of those that were due."""
    per_second: Counter[int] = field(default_factory=Counter)
    of_endpoint: Counter[int] = field(default_factory=Counter)
    most_waiting: int = 0


class Simulated:
    """Stands for the inspector: the same waiting room, no threads, no real clock."""

    digest = "simulated"

    def __init__(self, scenario: Scenario, settings: Digger) -> None:
        self._scenario = scenario
        self._waiting = Waiting(settings, 0.0)
        self._jobs: list[Job] = []
        self._free_at = 0.0
        self._outcomes: list[Outcome] = []
        self.now = 0.0

    @property
    def waiting(self) -> int:
        return len(self._waiting.must) + len(self._waiting.may)

    @property
    def is_away(self) -> bool:
        begin, end = self._scenario.away
        return begin <= self.now < end

    def put(self, job: Job) -> bool:
        return not (self.is_away and not job.is_must) and self._waiting.put(job)

    def take(self) -> list[Outcome]:
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def work(self) -> list[Job]:
        """Ends the call under way when its time has come, then begins another; the
        jobs that ended."""
        if self.now < self._free_at or self.is_away:
            return []
        ended, self._jobs = self._jobs, []
        self._waiting.done(ended)
        self._outcomes += [Outcome(job, ([], [])) for job in ended]
        self._jobs = self._waiting.next(self.now)
        taken = len(self._jobs) / self._scenario.inspected_per_second
        self._free_at = self.now + taken
        # Of one processor; a slow detector waits for something else than that.
        self._waiting.spend(min(taken, len(self._jobs) / 1_000))
        return ended


def run(scenario: Scenario, seconds: float) -> Seen:
    """The traffic for so long, then quiet until nothing waits."""
    settings = Digger()
    chance, clocks = random.Random(SEED), random.Random(SEED)
    inspector = Simulated(scenario, settings)
    index = AddressIndex()
    index.complete()
    sampler = Sampler(settings.inspect_per_second, settings.inspect_interval_seconds)
    counting = Counting(index, Endpoints(), sampler, inspector)  # type: ignore[arg-type]
    seen = Seen()
    for tick in range(int((seconds + SETTLE_SECONDS) / TICK_SECONDS)):
        now = inspector.now = tick * TICK_SECONDS
        for endpoint, kind, is_whole in _asked(scenario, now, seconds, chance):
            if is_whole:
                _ask(seen, endpoint, kind, now, settings.inspect_interval_seconds)
            made = _batch(scenario, clocks, seen.sent, endpoint, kind, is_whole)
            seen.sent += counting.count(made, now)
        for job in inspector.work():
            _inspect(seen, job, now)
        counting.gather(now)
        seen.most_waiting = max(seen.most_waiting, inspector.waiting)
        if counting.draft.is_full:
            counting.draft = Draft()
    return seen


def _asked(
    scenario: Scenario, now: float, seconds: float, chance: random.Random
) -> Iterator[tuple[int, int, bool]]:
    """Endpoint, kind and whether bodies are at hand, of one tick's exchanges."""
    if now >= seconds:
        return
    rate = scenario.per_second * TICK_SECONDS
    if scenario.bursts:
        rate *= BURST if now % 10 < 1 else 0.1
    count = int(rate) + (chance.random() < rate % 1)
    for endpoint in chance.choices(range(ENDPOINTS), cum_weights=_ZIPF, k=count):
        kind = min(int(chance.expovariate(1.0)), KINDS - 1)
        yield endpoint, kind, chance.random() < WHOLE_SHARE


def _zipf() -> list[float]:
    sums, total = [], 0.0
    for rank in range(1, ENDPOINTS + 1):
        total += 1 / rank
        sums.append(total)
    return sums


_ZIPF = _zipf()


def _ask(seen: Seen, endpoint: int, kind: int, now: float, interval: float) -> None:
    seen.asked.setdefault((endpoint, kind), now)
    last = seen.last.get(endpoint)
    if last is not None and now - last >= interval:
        seen.due.setdefault(endpoint, now)


def _inspect(seen: Seen, job: Job, now: float) -> None:
    fact = job.record.fact
    endpoint, kind = job.edge.port, fact.shape
    seen.inspected.setdefault((endpoint, kind), now)
    seen.last[endpoint] = now
    if endpoint in seen.due:
        seen.lateness = max(seen.lateness, now - seen.due.pop(endpoint))
    seen.per_second[int(now)] += 1
    seen.of_endpoint[endpoint] += 1


def _batch(
    scenario: Scenario,
    clocks: random.Random,
    number: int,
    endpoint: int,
    kind: int,
    is_whole: bool,
) -> Batch:
    at_ns = CAPTURED_NS + number * 1_000
    if scenario.wrong_clocks:
        at_ns += _clock_error_ns(number, clocks)
    fact = Fact(
        bytes((10, 0, 1, 1)),
        "",
        b"GET",
        b"/users/1",
        200,
        kind,
        b"",
        1,
        1,
        0,
        100,
        200,
        at_ns,
        at_ns,
        1_000_000,
    )
    records = [Record(fact, 40_000, _REQUEST, _RESPONSE)] if is_whole else []
    facts = [] if is_whole else [fact]
    return Batch(VERSION, "node-1", bytes((10, 0, 0, 1)), endpoint, facts, records)


_REQUEST = Message(b"GET /users/1 HTTP/1.1\r\n\r\n", b"", 0, False, 0)
_RESPONSE = Message(b"HTTP/1.1 200 OK\r\n\r\n", b'{"id": 1}', 9, False, 0)


def _clock_error_ns(number: int, clocks: random.Random) -> int:
    """One record a year ahead, one node ten minutes behind, all out of order."""
    if number == 100:
        return YEAR_NS
    if number % 7 == 0:
        return -600 * 10**9
    return int(clocks.uniform(-3e9, 3e9))


def report(scenario: Scenario, seen: Seen, calm: Seen | None) -> None:
    settings = Digger()
    print(f"{scenario.name}: {seen.sent:,} exchanges, {len(seen.asked):,} kinds")
    never = len(seen.asked.keys() - seen.inspected.keys())
    must_per_second = min(
        settings.first_sights_per_second, scenario.inspected_per_second
    )
    longest = MOST_MUST / must_per_second + SLACK_SECONDS
    begin, end = scenario.away
    longest += end - begin
    waits = sorted(
        at - seen.asked[kind]
        for kind, at in seen.inspected.items()
        if kind in seen.asked
    )
    targets.at_most("  kinds with a body never inspected", never, 0, "kinds")
    targets.told("  a kind's first inspection, median", waits[len(waits) // 2], "s", 2)
    targets.at_most("  a kind's first inspection, worst", waits[-1], longest, "s", 1)
    targets.at_most("  overdue endpoint, worst", seen.lateness, longest, "s", 1)
    most = settings.inspect_per_second + settings.first_sights_per_second
    busiest = max(seen.per_second.values())
    targets.at_most("  inspections, busiest second", busiest, 2 * most, "inspections")
    waiting = MOST_MUST + MOST_MAY
    targets.at_most("  waiting, most", seen.most_waiting, waiting, "exchanges")
    _print_shares(seen)
    if calm is not None:
        moved = (calm.of_endpoint - seen.of_endpoint).total()
        targets.at_most(
            "  inspections that wrong clocks moved", moved, 0, "inspections"
        )


def _print_shares(seen: Seen) -> None:
    """Zipf's first asks a hundred times as much as the hundredth."""
    asked: dict[int, int] = defaultdict(int)
    for endpoint, _ in seen.asked:
        asked[endpoint] += 1
    often = seen.of_endpoint[0] / max(1, seen.of_endpoint[99])
    targets.told("  inspections, endpoint 1 to endpoint 100", often, "times", 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    seconds = parser.parse_args().seconds
    calm = None
    for scenario in SCENARIOS:
        seen = run(scenario, seconds)
        report(scenario, seen, calm if scenario.wrong_clocks else None)
        calm = calm or seen


if __name__ == "__main__":
    main()
