"""A whole cloud in a thread of the test, on free ports of loopback."""

import json
import threading
import urllib.error
import urllib.request
from email.message import Message
from typing import Any, NamedTuple

import grpc

from cloud.program import serve
from proto.v1 import collector_pb2_grpc
from tests.ports import free_port

WAIT_SECONDS = 20


class Answer(NamedTuple):
    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Cloud:
    """Runs `serve`; use as a context."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.stop = threading.Event()
        self.address = ""
        self.failure: BaseException | None = None
        self._is_ready = threading.Event()
        self._collector = f"127.0.0.1:{free_port()}"
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Cloud":
        self._thread.start()
        assert self._is_ready.wait(WAIT_SECONDS)
        if self.failure:
            raise self.failure
        self.channel = grpc.insecure_channel(self._collector)
        self.collector = collector_pb2_grpc.CollectorStub(self.channel)
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.stop.set()
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def get(self, path: str, method: str = "GET") -> Answer:
        request = urllib.request.Request(self.address + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as answer:
            with answer:
                return Answer(answer.code, answer.headers, answer.read().decode())

    def _run(self) -> None:
        try:
            serve(
                "127.0.0.1:0",
                self._collector,
                self.database_url,
                self.stop,
                self._ready,
            )
        except BaseException as error:
            self.failure = error
        finally:
            self._is_ready.set()

    def _ready(self, address: str) -> None:
        self.address = address
        self._is_ready.set()
