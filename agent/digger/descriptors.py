"""What the digger knows of services: from the topic, from files, from answers.

In come services that interceptors found in programs, and FileDescriptorSets from a
folder, read again when they change; out come `Schemas` for inspection, which takes
reflection answers by itself. What is malformed is counted and told once.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.kafka.descriptors import DescriptorsTopic
from agent.metrics import COUNTER, Metric, gauge
from agent.settings import Settings
from detection.protobuf.schemas import Schemas, Source
from detection.protobuf.services import Service, services_of_set

log = logging.getLogger("vethscope")

LOOK_SECONDS = 30.0
"""Between looks at the folder."""
MOST_FILES = 1_000
MOST_FILE_BYTES = 64 << 20
"""All of Google's interfaces have 20 MiB."""


class Descriptors:
    """Keeps `schemas` current; in one thread, but for `schemas`."""

    def __init__(self, settings: Settings) -> None:
        """Raises KeyFileError."""
        self.schemas = Schemas()
        folder = settings.digger.descriptors_folder
        self._folder = Path(folder) if folder else None
        self._topic = DescriptorsTopic(settings)
        self._files: dict[Path, tuple[int, int]] = {}
        self._counts: Counter[str] = Counter()
        self._looked_at = -LOOK_SECONDS

    def load(self, seconds: float) -> None:
        """Takes what is there now, as far as it comes in time."""
        self._read_folder()
        self._topic.load(self._take, seconds)

    def follow(self) -> None:
        """Takes what is new; never waits for long."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._read_folder()
        self._topic.follow(self._take)

    def close(self) -> None:
        self._topic.close()

    def metrics(self) -> Iterator[Metric]:
        schemas = self.schemas
        yield gauge(
            "vethscope_digger_services",
            "Services whose messages' names are known.",
            len(schemas),
        )
        reasons = Counter(self._counts) + Counter(self._topic.counts)
        reasons += Counter(conflict=schemas.conflicts, malformed=schemas.malformed)
        yield Metric(
            "vethscope_digger_descriptors_not_taken_total",
            COUNTER,
            "Descriptors, and names of fields, that could not be used, by reason.",
            "reason",
            {reason: float(n) for reason, n in reasons.items()},
        )

    def _take(self, service: Service) -> None:
        self.schemas.add(*service, Source.PROGRAM)

    def _read_folder(self) -> None:
        if self._folder is None:
            return
        found: list[Path] = []
        with suppress(OSError):
            found = sorted(self._folder.iterdir())[:MOST_FILES]
        for path in found:
            with suppress(OSError):
                status = path.stat()
                state = status.st_mtime_ns, status.st_size
                if path.is_file() and self._files.get(path) != state:
                    self._files[path] = state
                    self._read(path, status.st_size)

    def _read(self, path: Path, size: int) -> None:
        try:
            count = take_file(path, self.schemas) if size <= MOST_FILE_BYTES else 0
        except OSError as error:
            log.warning("digger: %s: %s", path, error.strerror)
            return
        if count:
            log.info("digger: %s: %d services", path, count)
        else:
            self._counts["malformed"] += 1
            log.warning("digger: %s: is no FileDescriptorSet with services", path)


def take_file(path: Path, schemas: Schemas) -> int:
    """Takes a FileDescriptorSet; how many services are in it. Raises OSError."""
    count = 0
    for service in services_of_set(path.read_bytes()):
        schemas.add(*service, Source.FILE)
        count += 1
    return count
