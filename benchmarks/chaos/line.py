"""The whole line in processes: a real Kafka, a cloud, a detector and two diggers."""

import threading
from contextlib import ExitStack
from pathlib import Path

from agent.settings import Kafka, Settings
from benchmarks.chaos.traffic import Traffic, write_names
from tests.kafka.broker import KafkaNode
from tests.kafka.parts import Part, cloud_settings, digger_settings
from tests.ports import steady_port

READY_SECONDS = 60.0
LOOK_SECONDS = 0.5
DIGGERS = 2
"""So that partitions move when one of them is gone."""
BROKER = "broker"


class Line:
    """Started on entering, ended on leaving; use as a context."""

    def __init__(self, folder: Path, database: str, per_second: float) -> None:
        self._folder = folder
        self._database = database
        self._per_second = per_second
        self._ending = ExitStack()
        self._is_over = threading.Event()
        self.broker_kills = 0
        self.parts: dict[str, Part] = {}

    def __enter__(self) -> "Line":
        try:
            self._start()
        except BaseException:
            self._ending.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    @property
    def names(self) -> tuple[str, ...]:
        """All that may be killed."""
        return (*self.parts, BROKER)

    def kill(self, name: str) -> None:
        if name == BROKER:
            self.broker_kills += 1
            self.kafka.kill()
        else:
            self.parts[name].kill()

    def start(self, name: str) -> None:
        """A broker answers afterwards, another part may still prepare."""
        if name == BROKER:
            self.kafka.start()
        else:
            self.parts[name].start()

    def check(self) -> None:
        """Raises PartError if a part ended by itself."""
        for part in self.parts.values():
            part.check()

    def stop_diggers(self) -> None:
        for name, part in self.parts.items():
            if name.startswith("digger"):
                part.stop()

    def _start(self) -> None:
        self.kafka = KafkaNode(self._made("kafka"))
        self._ending.callback(self.kafka.stop)
        self.kafka.start()
        settings = Settings(kafka=Kafka(bootstrap=self.kafka.bootstrap))
        self.traffic = Traffic(settings, self._per_second)
        detector = f"127.0.0.1:{steady_port()}"
        self._add("detector", "detector", {"detector-listen": detector})
        cloud = cloud_settings(self._database)
        self._add("cloud", "cloud", cloud)
        names = {"addresses-file": write_names(self._folder)}
        for number in range(1, DIGGERS + 1):
            between = digger_settings(
                self.kafka.bootstrap, cloud["cloud-collector-listen"], detector
            )
            self._add(f"digger-{number}", "digger", between | names)
        for part in self.parts.values():
            part.wait_ready(READY_SECONDS)
        thread = threading.Thread(target=self._look, name="memory")
        thread.start()
        self._ending.callback(thread.join)
        self._ending.callback(self._is_over.set)

    def _add(self, name: str, role: str, settings: dict[str, str]) -> None:
        part = self.parts[name] = Part(name, role, self._folder, settings)
        self._ending.callback(part.stop)
        self._ending.callback(part.thaw)
        part.start()

    def _look(self) -> None:
        """What is killed takes its memory's peak with it."""
        while not self._is_over.wait(LOOK_SECONDS):
            for part in self.parts.values():
                part.look()

    def _made(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder
