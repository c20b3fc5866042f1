"""No captured value leaves by gRPC: planted ones, in fields and in metadata of
real calls, are searched in all that is sent and shown."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.demo.planted import PLANTED
from agent.interceptor.reading.worker import gatherer
from agent.kafka.producer import RecordProducer
from agent.settings import Settings
from agent.standalone import Standalone
from tests import canary
from tests.peers.calling import TELLING
from tests.peers.network import Frames
from tests.peers.programs import GRPCIO, grpcio_telling
from tests.ports import free_port
from tests.rings.wire import collect
from tests.waiting import eventually

MOST_PAGES = 60


class Played(canary.Source):
    """The captured exchanges."""

    def __init__(self, frames: Frames, settings: Settings) -> None:
        super().__init__(settings)
        self._frames = frames

    def send(self, producer: RecordProducer) -> None:
        pairs, assembler = collect(self._frames)
        gathered = gatherer(self.settings, 1, 1)
        batches = gathered.feed(pairs, assembler.now_ns) + gathered.close()
        for key, value, exchanges in batches:
            producer.send(key, value, exchanges)


def test_no_value_of_a_call_leaves(
    talk: Callable[..., Frames],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    frames = talk(grpcio_telling(GRPCIO))
    caught = b"".join(frame for _, frame in frames)
    assert all(planted.value.encode() in caught for planted in PLANTED)
    collector = free_port()
    with (
        canary.relaying(f"127.0.0.1:{collector}") as (relay, port),
        Standalone(
            canary.settings(tmp_path, collector, port),
            threading.Event(),
            lambda settings: Played(frames, settings),
        ) as standalone,
    ):
        assert standalone.ready()
        assert eventually(lambda: any(b"email" in one for one in relay.passed), 30)
        assert eventually(lambda: TELLING.encode() in _found(standalone), 30)
        places = dict(canary.pages(standalone, most=MOST_PAGES))
    places["packages"] = b"\0".join(relay.passed)
    assert b"financial.payment_card" in places["packages"]
    assert b"x-told-0" in places["packages"]
    places |= canary.written(tmp_path, caplog, capfd)
    canary.assert_absent(PLANTED, places)


def _found(standalone: Standalone) -> bytes:
    return b"".join(canary.pages(standalone, "/endpoints", most=1).values())
