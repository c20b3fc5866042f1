"""Waiting: jobs that were chosen for inspection, within bounds and budgets.

In: jobs. Out: the next ones to do, when the budgets allow: of processor time and bytes
for all, of a number a second for what must be inspected (first sights, what is due).
That goes first; what may be inspected gets what is left of time and bytes.
"""

from collections import deque
from collections.abc import Hashable

import msgspec

from agent.digger.package import Edge
from agent.digger.sampling import DUE, Budget
from agent.record import Record
from agent.settings import Digger

BATCH_JOBS = 256
"""In one call, which costs both sides together as much as some sixty jobs."""
BATCH_BYTES = 2 << 20
"""Bodies in one call, unless one alone is larger."""
GATHER_SECONDS = 0.1
"""So long a few jobs wait for company; longer, and what they find comes in a package
later than what was counted."""
MOST_MUST = 4_096
"""Jobs that must be done: at the default rate the last of them waits 20 s."""
MOST_MAY = 512
"""Jobs that may be left: a call's under way and the next one's."""
MOST_BYTES = 32 << 20
"""Of all records waiting or under way, unless one alone is larger."""


class Job(msgspec.Struct, eq=False):
    """An exchange to inspect."""

    edge: Edge
    endpoint: Hashable
    kind: Hashable
    choice: int
    record: Record
    since: float
    """When it was chosen; monotonic."""
    failures: int = 0
    """Calls with it that no detector answered."""
    size: int = 0
    """Bytes of heads and bodies."""

    def __post_init__(self) -> None:
        request, response = self.record.request, self.record.response
        heads = len(request.head) + len(response.head)
        self.size = heads + len(request.body) + len(response.body)

    @property
    def is_must(self) -> bool:
        return self.choice >= DUE

    def __repr__(self) -> str:
        return f"Job({self.record!r})"


class Waiting:
    """Two queues. For one thread at a time."""

    def __init__(self, settings: Digger, now: float) -> None:
        self.must: deque[Job] = deque()
        self.may: deque[Job] = deque()
        self._bytes = 0
        self._rate = Budget(settings.first_sights_per_second, now)
        self._seconds = Budget(settings.inspect_share, now)
        self._sizes = Budget(settings.inspect_bytes_per_second, now)

    def put(self, job: Job) -> bool:
        """False: there is no room."""
        size = job.size
        queue, most = (self.must, MOST_MUST) if job.is_must else (self.may, MOST_MAY)
        if len(queue) >= most or (self._bytes and self._bytes + size > MOST_BYTES):
            return False
        queue.append(job)
        self._bytes += size
        return True

    def put_back(self, jobs: list[Job]) -> None:
        """What must be done comes first again, whatever the bounds."""
        self.must.extendleft(reversed(jobs))

    def next(self, now: float) -> list[Job]:
        """A batch, as far as the budgets go; its jobs count as waiting until `done`.
        A job that failed comes alone."""
        if not (self._seconds.is_left(now) and self._sizes.is_left(now)):
            return []
        if not self._is_ripe(now):
            return []
        batch: list[Job] = []
        size = 0
        while len(batch) < BATCH_JOBS:
            queue = self.must if self.must and self._rate.is_left(now) else self.may
            if not queue:
                break
            job = queue[0]
            if batch and (size + job.size > BATCH_BYTES or job.failures):
                break
            queue.popleft()
            batch.append(job)
            size += job.size
            if queue is self.must:
                self._rate.spend(1)
            if job.failures:
                break
        self._sizes.spend(size)
        return batch

    def _is_ripe(self, now: float) -> bool:
        """Calls cost more than messages."""
        firsts = [queue[0].since for queue in (self.must, self.may) if queue]
        return self.is_batch or any(now - since >= GATHER_SECONDS for since in firsts)

    @property
    def is_batch(self) -> bool:
        return len(self.must) + len(self.may) >= BATCH_JOBS

    @property
    def is_news(self) -> bool:
        """With the job put last somebody must look: it is the first, who waits till it
        is ripe, or makes a batch full."""
        count = len(self.must) + len(self.may)
        return count == 1 or count % BATCH_JOBS == 0

    @property
    def is_empty(self) -> bool:
        return not self.must and not self.may

    def done(self, jobs: list[Job]) -> None:
        """Gives back their room."""
        self._bytes -= sum(job.size for job in jobs)

    def spend(self, busy_seconds: float) -> None:
        """Processor time that a call took."""
        self._seconds.spend(busy_seconds)

    def pause_seconds(self, now: float) -> float:
        """Until a budget allows more; 0 if there is nothing to wait for."""
        if self.is_empty:
            return 0.0
        pauses = [self._seconds.wait_seconds(now), self._sizes.wait_seconds(now)]
        if not self.may:
            pauses.append(self._rate.wait_seconds(now))
        return max(pauses)

    def clear(self) -> None:
        self.must.clear()
        self.may.clear()
        self._bytes = 0
