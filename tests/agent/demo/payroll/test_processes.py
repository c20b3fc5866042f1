"""The payroll's client and server, as processes on loopback."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from agent.demo.payroll import calling, payroll_pb2
from agent.demo.payroll.payroll_pb2_grpc import PayrollStub
from agent.demo.payroll.processes import Payroll
from agent.demo.planted import OVER_GRPC, PAY, REQUEST, RESPONSE
from agent.harvest.programs import files
from agent.harvest.python import search_source
from detection.protobuf.services import services
from tests.agent.demo.test_planted import values
from tests.ports import steady_port

SERVICE = re.sub(r"POST /(.*)/Pay", r"\1", PAY)
CALLS_PER_SECOND = 200.0
ANSWER_SECONDS = 20.0


@contextmanager
def paying() -> Iterator[tuple[Payroll, PayrollStub]]:
    """Both sides, and a stub of our own that has reached the server."""
    port, inside = steady_port(), nullcontext()
    made = Payroll(inside, inside, ("127.0.0.1",), port)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(ANSWER_SECONDS)
            yield made, PayrollStub(channel)
        finally:
            made.close()


def carried(message: Message) -> list[str]:
    """The planted values that stand at their paths."""
    is_request = isinstance(message, payroll_pb2.PayRequest)
    told = MessageToDict(message, preserving_proto_field_name=True)
    direction = REQUEST if is_request else RESPONSE
    here = [p for p in OVER_GRPC if p.direction == direction]
    return [p.path for p in here if values(told, p.path) == [p.value]]


def paths(direction: str) -> list[str]:
    return [p.path for p in OVER_GRPC if p.direction == direction]


@pytest.mark.timeout(60)
def test_calls_are_made_until_the_end_and_all_are_answered() -> None:
    with paying() as (made, stub):
        made.begin(CALLS_PER_SECOND)
        asked = calling.message(7)
        answered = stub.Pay(asked, timeout=ANSWER_SECONDS)
        assert carried(asked) == paths(REQUEST) != []
        assert carried(answered) == paths(RESPONSE) != []
        counts = made.finish()
        assert counts.failed == 0
        assert counts.exchanges > 0
        made.close()
        with pytest.raises(grpc.RpcError):
            stub.Pay(asked, timeout=1)


@pytest.mark.timeout(60)
def test_who_never_began_made_no_call() -> None:
    with paying() as (made, _):
        assert made.finish().exchanges == 0


@pytest.mark.timeout(60)
def test_the_names_are_found_where_the_interceptor_looks_for_them() -> None:
    with paying():
        found = [
            told
            for process in _servers()
            for opened in files(str(process))
            for told in search_source(opened.read(0, 1 << 20))
        ]
    assert SERVICE in {service.name for service in services(found)}


def _servers() -> Iterator[Path]:
    """Of this process."""
    mine = f"\0{os.getpid()}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"payroll.serving" in command and mine in command:
            yield folder
