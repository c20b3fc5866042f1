"""A real Apache Kafka for tests: one KRaft node on loopback.

The jars are those of `pom.xml` (`tests/jars.py`). The node's data live in a directory
of the test and survive `stop` and `start`, as do the ports: one in plain text, one for
passwords over TLS, one for client certificates.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests import jars
from tests.certificates import Authority
from tests.ports import steady_port
from tests.waiting import freeze

HERE = Path(__file__).parent
JARS = HERE / "target" / "jars"

USER, PASSWORD = "vethscope", "canary-of-the-broker"
"""Known to the listener for passwords, by either mechanism."""

START_SECONDS = 60
STOP_SECONDS = 20

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
listeners={listeners},CONTROLLER://{controller}
advertised.listeners={listeners}
listener.security.protocol.map=\
  PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL
controller.listener.names=CONTROLLER
ssl.keystore.type=PEM
ssl.keystore.location={directory}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={directory}/ca.crt
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.password.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_{user}="{password}";
listener.name.password.scram-sha-512.sasl.jaas.config=\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.certificate.ssl.client.auth=required
log.dirs={directory}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=false
"""
_LOG4J = """
Configuration:
  status: ERROR
  Appenders:
    Console:
      name: STDOUT
      PatternLayout:
        pattern: "%d %p %m (%c)%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        - ref: STDOUT
"""


def missing() -> str:
    """Why a node cannot be had here; empty if it can."""
    for program in ("java", "mvn"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return ""


class KafkaNode:
    """One node; `bootstrap` and the other addresses stay the same over restarts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._config = directory / "server.properties"
        self.data = directory / "data"
        self.authority = Authority()
        """Of the node's certificate; the node trusts it too."""
        self.bootstrap, self.by_password, self.by_certificate, controller = (
            f"127.0.0.1:{steady_port()}" for _ in range(4)
        )
        text = _PROPERTIES.format(
            listeners=f"PLAINTEXT://{self.bootstrap},PASSWORD://{self.by_password},"
            f"CERTIFICATE://{self.by_certificate}",
            controller=controller,
            directory=directory,
            user=USER,
            password=PASSWORD,
        )
        pem = self.authority.issue(directory)
        parts = (Path(part).read_text() for part in (pem.key, pem.certificate))
        (directory / "broker.pem").write_text("".join(parts))
        self._config.write_text(text)
        (directory / "log4j2.yaml").write_text(_LOG4J)
        resolve()
        self._format()

    def start(self) -> None:
        """Returns once the node answers."""
        with (self._directory / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._config)), stdout=log, stderr=log
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self._directory / "kafka.log").read_text()[-4000:])

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def freeze(self) -> None:
        """Takes requests into its sockets, and answers none until `thaw`."""
        assert self._process
        freeze(self._process.pid)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends the node as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def add_user(self, name: str, password: str) -> None:
        """May come by SCRAM from now on."""
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        added = UserScramCredentialUpsertion(name, how, password.encode())
        admin = self._admin()
        admin.alter_user_scram_credentials([added])[name].result(10)

    def delete_topics(self) -> None:
        """Leaves nothing of one test to the next."""
        admin = self._admin()
        ours = [t for t in admin.list_topics(timeout=10).topics if t[0] != "_"]
        for deleted in admin.delete_topics(ours).values() if ours else ():
            deleted.result(10)

    def empty(self) -> None:
        """The same node, that lost all its data."""
        self.kill()
        shutil.rmtree(self._directory / "data")
        self._format()
        self.start()

    def truncate(self) -> None:
        """While it is down: a part of what was written last is lost."""
        for log in (self._directory / "data").glob("vethscope.*/*.log"):
            os.truncate(log, log.stat().st_size * 3 // 5)

    def _signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def _format(self) -> None:
        tool = ["format", "--cluster-id", "dmV0aHNjb3BlLXRlc3Rz", "--config"]
        scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        tool += [str(self._config), "--add-scram", scram]
        subprocess.run(
            self._java("kafka.tools.StorageTool", *tool),
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
        )

    def _answers(self) -> bool:
        try:
            return bool(self._admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def _java(self, main: str, *arguments: str) -> list[str]:
        return [
            "java",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={self._directory / 'log4j2.yaml'}",
            "-cp",
            f"{JARS}{os.sep}*",
            main,
            *arguments,
        ]


def resolve() -> None:
    """Gets the jars, unless they are there."""
    jars.jars(HERE)
