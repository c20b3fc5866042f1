"""What a company has beside its cluster: a Kafka and a PostgreSQL, here on the node.

Both speak TLS alone. Kafka asks for a certificate of the company's authority, and
PostgreSQL for a password. They are Debian's PostgreSQL and the jars of `tests/kafka`,
in the node's namespaces, and end with it.
"""

import ipaddress
import os
import secrets
import shutil
from functools import partial
from pathlib import Path

from cryptography import x509

from tests.certificates import Authority, Pem
from tests.cloud import postgres
from tests.cluster.node import ADDRESS, Node
from tests.kafka import broker
from tests.waiting import eventually

KAFKA = f"{ADDRESS}:9093"
START_SECONDS = 60
_JAVA = (
    *("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-cp", f"{broker.JARS}{os.sep}*"),
)
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9095
listeners=COMPANY://{kafka},CONTROLLER://127.0.0.1:9095
advertised.listeners=COMPANY://{kafka}
inter.broker.listener.name=COMPANY
listener.security.protocol.map=COMPANY:SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.crt
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


def missing() -> str:
    """Why they cannot be had here; empty if they can."""
    return postgres.missing() or broker.missing()


class Company:
    """Running once it is made."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._authority = Authority("company")
        self._host = x509.IPAddress(ipaddress.ip_address(ADDRESS))
        self.pem = self._issue("vethscope")
        """That Kafka knows, with the authority of both."""
        self._start_kafka()
        self.url = self._start_postgres()

    def _issue(self, name: str) -> Pem:
        folder = self._node.folder / f"company-{name}"
        return self._authority.issue(folder, name, self._host)

    def _start_kafka(self) -> None:
        broker.resolve()
        pem = self._issue("kafka")
        folder = Path(pem.ca).parent
        parts = (Path(part).read_text() for part in (pem.key, pem.certificate))
        (folder / "broker.pem").write_text("".join(parts))
        file = folder / "server.properties"
        file.write_text(_PROPERTIES.format(kafka=KAFKA, folder=folder))
        form = ("format", "--cluster-id", "dmV0aHNjb3BlLXRlc3Rz", "--config")
        tool = "kafka.tools.StorageTool"
        self._must(*_JAVA, tool, *form, str(file))
        self._node.start("kafka", *_JAVA[1:], "kafka.Kafka", str(file), program="java")
        self._until(KAFKA)

    def _start_postgres(self) -> str:
        """Its URL, as the Secret has it."""
        pem = self._issue("postgresql")
        folder = Path(pem.ca).parent
        password = secrets.token_urlsafe()
        (folder / "password").write_text(password)
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, postgres.USER)
        self._node.folder.chmod(0o711)
        data = str(folder / "data")
        make = ("initdb", "-D", data, "-U", "vethscope", "-A", "scram-sha-256", "-N")
        self._must(*postgres.unprivileged((*make, f"--pwfile={folder}/password")))
        with (folder / "data/pg_hba.conf").open("a") as rules:
            rules.write("hostssl all all 0.0.0.0/0 scram-sha-256\n")
        settings = (
            *("listen_addresses=" + ADDRESS, "unix_socket_directories=", "ssl=on"),
            *(f"ssl_cert_file={pem.certificate}", f"ssl_key_file={pem.key}"),
            *("fsync=off", "shared_buffers=16MB"),
        )
        command = ["postgres", "-D", data]
        command += [word for one in settings for word in ("-c", one)]
        program, *rest = postgres.unprivileged(command)
        self._node.start("postgres", *rest, program=program)
        self._until(f"{ADDRESS}:5432")
        query = "sslmode=verify-full&sslrootcert=/etc/vethscope-postgresql/ca.crt"
        user = f"vethscope:{password}@{ADDRESS}"
        return f"postgresql+psycopg://{user}/postgres?{query}"

    def _must(self, *command: str) -> None:
        done = self._node.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    def _until(self, address: str) -> None:
        """Somebody listens there."""
        host, _, port = address.rpartition(":")
        connect = f"import socket; socket.create_connection(({host!r}, {port}), 2)"
        probe = partial(self._node.run, "python3", "-c", connect)
        assert eventually(lambda: probe().returncode == 0, START_SECONDS)
