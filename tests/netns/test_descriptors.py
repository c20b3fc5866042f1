"""Names of protobuf fields: from a program in a pod to the bodies that it answers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.bodies import Bodies
from agent.digger.descriptors import Descriptors
from agent.harvest.harvest import Pace
from agent.kafka.descriptors import decode
from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.topics import own_name
from tests.agent.harvest.made import HERE, SERVICE, generate
from tests.detection.protobuf.made import make
from tests.netns.capturing import (
    address_list,
    all_values,
    capturing,
    forwarding,
    records,
    settings,
    wait_for,
)
from tests.netns.pods import NET, Node, Pod, ip

PORT = 8000
PACE = Pace(look_seconds=0.3, ages_seconds=(0.0, 1.0))
SERVER, CLIENT = f"{NET}.2", f"{NET}.6"
PERSON = {"given_name": "Zyxwvut", "email": "zyxwvut@example.com"}
CALL = f"""
import grpc, sys
channel = grpc.insecure_channel("{SERVER}:{PORT}")
call = channel.unary_unary("/{SERVICE}/Get")
print(call(sys.stdin.buffer.read(), timeout=20, wait_for_ready=True) != b"")
"""


@contextmanager
def serving(pod: Pod, folder: Path) -> Iterator[None]:
    generate(folder)
    shutil.copy(HERE / "serving.py", folder)
    inside = ["ip", "netns", "exec", pod.name, sys.executable]
    program = [str(folder / "serving.py"), str(folder), f"{SERVER}:{PORT}"]
    with subprocess.Popen(
        [*inside, *program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline().strip() == str(PORT).encode()
        yield
        process.stdin.close()
        process.wait(20)


def test_answers_of_a_server_have_the_names_of_its_program(
    node: Node, tmp_path: Path
) -> None:
    server, client = node.routed(f"{SERVER}/30"), node.routed(f"{CLIENT}/30")
    for pod, gateway in ((server, f"{NET}.1"), (client, f"{NET}.5")):
        ip(f"addr add {gateway}/30 dev {pod.host_name}")
        ip(f"route add default via {gateway}", inside=pod)
    with (
        EmbeddedBroker() as broker,
        address_list([SERVER, CLIENT]) as listed,
        forwarding(),
        serving(server, tmp_path / "app"),
    ):
        used = settings(broker.bootstrap, listed)
        known = Descriptors(used)
        with capturing(used, [SERVER, CLIENT], PACE) as interceptor:
            data = make("Person", **PERSON).SerializeToString()
            call = ["ip", "netns", "exec", client.name, sys.executable, "-c", CALL]
            asked = subprocess.run(call, input=data, capture_output=True, timeout=60)
            assert asked.stdout == b"True\n", asked.stderr
            assert interceptor.flush(10)
            wait_for(lambda: _knows(known))
        (record,) = records(broker.bootstrap, 1)
        known.close()
        _, answer = Bodies(1 << 20, known.schemas).of(record.request, record.response)
        assert json.loads(answer.body) == PERSON
        assert answer.is_named
        told = all_values(broker.bootstrap, own_name(used, "descriptors"))
        assert told
        for service in map(decode, told):
            assert b"yxwvut" not in service.files + service.name.encode()


def _knows(known: Descriptors) -> bool:
    known.follow()
    return len(known.schemas.of(f"/{SERVICE}/Get".encode())) > 0
