"""No value leaves with descriptors: planted ones stand in a program's schema wherever
it takes any, in its files, environment, command and memory, and are searched in all
that its node tells of it."""

import subprocess
import sys
import threading
import zlib
from pathlib import Path

import msgspec
import pytest

from agent.demo.planted import PLANTED
from agent.harvest.harvest import Harvest, Pace
from agent.kafka.descriptors import DescriptorsTopic, Told
from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.topics import own_name
from agent.settings import Kafka, Settings
from tests import canary
from tests.agent.harvest.made import harvest, running
from tests.topics import stored
from tests.waiting import eventually

VALUES = [planted.value for planted in PLANTED if len(planted.value) >= canary.SHORTEST]
SERVICE = "shop.v1.People"
PROTO = """
syntax = "proto2";
package shop.v1;
import "google/protobuf/descriptor.proto";
option java_package = {0};
extend google.protobuf.FieldOptions {{ repeated string told = 50001; }}
// {0}
message Person {{
  reserved {0};
  // {0}
  optional string given_name = 1 [default = {0}, json_name = {0}];
  {1}
}}
service People {{ rpc Get (Person) returns (Person); }}
"""
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import person_pb2
held = {values!r}
print("ready", flush=True)
sys.stdin.read()
"""


def schema() -> str:
    quoted = [f'"{value}"' for value in VALUES]
    fields = [
        f"optional string told_{n} = {n} [default = {text}, (told) = {text}]; // {text}"
        for n, text in enumerate(quoted, 2)
    ]
    return PROTO.format(quoted[0], "\n  ".join(fields))


def program(folder: Path) -> Path:
    """Generated code, a script that holds the values, and files of them beside it."""
    folder.mkdir()
    (folder / "person.proto").write_text(schema())
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}"]
    command += [f"--python_out={folder}", "person.proto"]
    subprocess.run(command, check=True, timeout=60)
    (folder / "values.json").write_text(msgspec.json.encode(VALUES).decode())
    script = folder / "serving.py"
    script.write_text(PROGRAM.format(values=VALUES))
    return script


def test_no_value_of_a_program_is_told_with_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    app = tmp_path / "app"
    script = program(app)
    generated = (app / "person_pb2.py").read_text()
    assert all(value in generated for value in VALUES)
    for number, value in enumerate(VALUES):
        monkeypatch.setenv(f"TOLD_{number}", value)
    command = (sys.executable, str(script), str(app), *VALUES)
    with EmbeddedBroker() as broker, running(*command) as (process, _):
        settings = Settings(kafka=Kafka(bootstrap=broker.bootstrap))
        namespaces = harvest(tmp_path / "proc", process)[0]._namespaces
        found = Harvest(
            namespaces,
            DescriptorsTopic(settings),
            str(tmp_path / "proc"),
            pace=Pace(0.05, (0.0, 0.1)),
        )
        stop = threading.Event()
        thread = threading.Thread(target=found.run, args=(stop,))
        thread.start()
        try:
            assert eventually(lambda: bool(found._told))
        finally:
            stop.set()
            thread.join(20)
        told = stored(broker.bootstrap, own_name(settings, "descriptors"))
    values = [msgspec.msgpack.decode(one.value(), type=Told) for one in told]
    places = {f"{one.service}'s types": zlib.decompress(one.files) for one in values}
    assert SERVICE in {one.service for one in values}
    assert b"given_name" in places[f"{SERVICE}'s types"]
    places["topic"] = b"\0".join((one.key() or b"") + one.value() for one in told)
    places["log"] = caplog.text.encode()
    canary.assert_absent(PLANTED, places)
