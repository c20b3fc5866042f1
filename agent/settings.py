"""Settings: each one's name, default, bounds and meaning.

A setting `name` of group `group` is `[group] name` in a file; where else it may stand,
and which goes before, `loading.py` says.
"""

import socket
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.certificates import Files

WORKING_BYTES = 160 << 20
"""What an interceptor needs beside its rings."""


class Addresses(msgspec.Struct, frozen=True):
    """Where addresses and names come from, and who serves them."""

    file: str = ""
    """TOML file of names (see README); empty: the Kubernetes API, if there is one."""
    kubeconfig_file: str = ""
    """Says how the Kubernetes API is reached, as kubectl wants it; empty: the pod's own
    account, else kubectl's own file."""
    filter_file: str = ""
    """Rules of what is captured (see operation.md), read again when it changes; empty:
    all but the namespace that this runs in."""
    ranges_file: str = ""
    """TOML file of names for ranges of addresses outside; empty: they have none."""
    geography_files: str = ""
    """MMDB files with countries or networks of addresses, comma between; empty: they
    are not told. They are asked in the digger: no address leaves the cluster."""
    listen: str = "127.0.0.1:7081"
    """The digger serves the address list here (gRPC)."""
    server: str = "127.0.0.1:7081"
    """The interceptor asks here; empty: capture all pods of the node."""
    ca_file: str = ""
    """PEM file of the authorities of digger and interceptors, which prove themselves to
    each other. With certificate and key: TLS; empty: plain text."""
    certificate_file: str = ""
    """PEM file of this program's certificate, read again when it changes."""
    key_file: str = ""
    """PEM file of its key."""

    @property
    def files(self) -> Files:
        return Files("addresses", self.ca_file, self.certificate_file, self.key_file)


class Capture(msgspec.Struct, frozen=True):
    """The interceptor's rings."""

    ring_bytes: Annotated[int, Meta(ge=4 << 20)] = 64 << 20
    """Ring memory of the node, shared by its workers."""
    inside_bytes: Annotated[int, Meta(ge=0)] = 64 << 20
    """Memory for rings inside pods' namespaces (512 KiB each), taken as needed: a ring
    for each of the 110 pods that a node has by default, and some to spare."""
    workers: Annotated[int, Meta(ge=0, le=64)] = 0
    """Worker processes; 0: one for every four processors."""
    body_bytes: Annotated[int, Meta(ge=1 << 10, le=64 << 20)] = 1 << 20
    """Bodies keep at most this prefix."""
    json_by_structure: bool = True
    """Bodies without a media type, or with one that says nothing (text/plain,
    application/octet-stream), are JSON if they begin so."""
    part_seconds: Annotated[float, Meta(ge=1, le=3600)] = 10.0
    """What came of an exchange that stays open is handed on after so long: findings
    come soon, and few answers of language models are told in more than one part."""
    cpu_cores: Annotated[float, Meta(ge=0)] = 0.0
    """Processors that all workers may keep busy before they leave out connections; 0:
    as many as the control group may."""
    memory_bytes: Annotated[int, Meta(ge=0)] = 0
    """Memory of the interceptor, rings included, beyond which workers leave out
    connections; 0: the control group's limit."""
    node_ports: Annotated[str, Meta(pattern=r"^([0-9]{1,5}-[0-9]{1,5})?$")] = (
        "30000-32767"
    )
    """Ports of nodes that lead on to pods (the cluster's service-node-port-range): an
    exchange with one is reported at the pod; empty: there are none."""
    bodies: Literal["chosen", "all"] = "chosen"
    """Exchanges sent with their bodies: those chosen for inspection, or all."""
    whole_per_second: Annotated[float, Meta(ge=0)] = 100.0
    """Exchanges that a node sends whole a second, beyond first sights: a few nodes feed
    digger.inspect_per_second."""
    whole_interval_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """Each kind of exchange is sent whole at least this often while it comes."""
    descriptors: bool = True
    """Names of protobuf fields are taken out of the programs of captured pods: files of
    theirs are read, at most 1.5 s of a processor and 512 MiB a minute."""
    priority: Literal["low", "idle", "normal"] = "low"
    """Of the processor: low, idle (only what nobody else needs) or normal."""
    stop_seconds: Annotated[float, Meta(ge=0.5, le=600)] = 2.5
    """At the end workers get this long to read their rings and hand on pairs."""

    @property
    def node_port_range(self) -> range:
        first, _, last = self.node_ports.partition("-")
        return range(int(first), int(last) + 1) if first else range(0)


class Kafka(msgspec.Struct, frozen=True):
    """The Kafka cluster that carries the records."""

    bootstrap: str = ""
    """host:port,…; empty: `run` and `demo` embed a memory-only broker."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = (
        "PLAINTEXT"
    )
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    sasl_username: str = ""
    sasl_password: str = ""
    ca_file: str = ""
    """PEM file of certificate authorities; empty: the system's."""
    topic_prefix: str = "vethscope"
    """Topics are `PREFIX.CLUSTER.records` and the like, so that clusters can share a
    Kafka; the consumer group is `PREFIX.CLUSTER.digger`."""
    certificate_file: str = ""
    """PEM file of our own certificate, for brokers that ask for one."""
    key_file: str = ""
    """PEM file of its key."""
    partitions: Annotated[int, Meta(ge=1, le=1000)] = 6
    """Partitions of a topic that has to be created."""
    queue_bytes: Annotated[int, Meta(ge=1 << 20)] = 128 << 20
    """Memory bound of the producers, shared by a node's workers; beyond it records are
    dropped and counted."""
    encryption_key_file: str = ""
    """32-byte keys in base64, one a line: the first encrypts what is sent, all decrypt
    what is read. Closed to other users. Empty: nothing is encrypted."""
    encryption_required: bool = False
    """Plain messages are counted instead of read; else whoever writes to the topics
    needs no key to be believed."""

    @property
    def files(self) -> Files:
        return Files("kafka", self.ca_file, self.certificate_file, self.key_file)


class Digger(msgspec.Struct, frozen=True):
    """Sampling and packages."""

    package_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 2.0
    """A package is sent at least this often while there is something to send."""
    inspect_per_second: Annotated[float, Meta(ge=0)] = 200.0
    """Pairs inspected a second at most, beyond first sights and what is due; inf: all
    whose bodies come, as far as the detector keeps up."""
    inspect_interval_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """Every endpoint is due for inspection this often while it has traffic."""
    first_sights_per_second: Annotated[float, Meta(gt=0)] = 200.0
    """First sights and what is due, inspected a second at most; more wait."""
    inspect_share: Annotated[float, Meta(gt=0)] = 0.5
    """Processors that the detector may be kept busy with by this digger."""
    inspect_bytes_per_second: Annotated[float, Meta(ge=1 << 16)] = 32 << 20
    """Captured bytes inspected a second at most."""
    descriptors_folder: str = ""
    """Files in it are FileDescriptorSets (`protoc -o`, `buf build -o`): names of
    protobuf fields, which go before those found in programs. Read again when they
    change; empty or missing: there are none."""


class Detector(msgspec.Struct, frozen=True):
    """The detector service."""

    listen: str = "127.0.0.1:7082"
    server: str = ""
    """The digger asks here; empty: detection in the digger's own process."""
    catalog: str = ""
    """YAML file of own rules, added to the built-in ones."""
    processes: Annotated[int, Meta(ge=1, le=64)] = 1
    ca_file: str = ""
    """PEM file of the authorities of digger and detectors, which prove themselves to
    each other. With certificate and key: TLS; empty: plain text."""
    certificate_file: str = ""
    """PEM file of this program's certificate, read again when it changes."""
    key_file: str = ""
    """PEM file of its key."""

    @property
    def files(self) -> Files:
        return Files("detector", self.ca_file, self.certificate_file, self.key_file)


class Cloud(msgspec.Struct, frozen=True):
    """The collector, its store and the dashboard."""

    listen: str = "127.0.0.1:8080"
    """The dashboard (HTTP)."""
    collector_listen: str = "127.0.0.1:7083"
    """Packages arrive here (gRPC)."""
    server: str = "127.0.0.1:7083"
    """The digger sends here."""
    ca_file: str = ""
    """PEM file: the digger speaks TLS to the cloud and trusts these authorities."""
    certificate_file: str = ""
    """PEM file of the digger's certificate, for a cloud that asks for one."""
    key_file: str = ""
    """PEM file of its key."""
    token_file: str = ""
    """The token of this cluster, which the digger sends with each call; read again when
    it changes, closed to other users."""
    collector_certificate_file: str = ""
    """PEM file of the collector's certificate: with its key it speaks TLS only."""
    collector_key_file: str = ""
    """PEM file of its key."""
    dashboard_certificate_file: str = ""
    """PEM file of the dashboard's certificate: with its key it speaks TLS only."""
    dashboard_key_file: str = ""
    """PEM file of its key."""
    origin: str = ""
    """https://NAME or https://NAME/PATH under which people open the dashboard. Other
    names than this, localhost and addresses are refused."""
    trusted_proxies: str = ""
    """Networks, NETWORK/LENGTH,…, of proxies in front of the dashboard, whose headers
    X-Forwarded-For and X-Forwarded-Proto tell of the browser; others' are ignored."""
    oidc_issuer: str = ""
    """https://… of an OpenID Connect provider where people log in; needs cloud.origin.
    It sends them back to the origin's /login/oidc/back."""
    oidc_client_id: str = ""
    """As the provider knows this dashboard."""
    oidc_secret_file: str = ""
    """The client's secret, closed to other users; empty: a public client with PKCE."""
    oidc_ca_file: str = ""
    """PEM file of the provider's authorities; empty: the system's."""
    oidc_scopes: str = "openid profile email"
    """Asked of the provider; some need another one before they tell groups."""
    oidc_name_claim: str = "preferred_username"
    """What people are called here; without it the provider's `sub`."""
    oidc_groups_claim: str = "groups"
    """Where the provider names a person's groups."""
    oidc_grants: str = ""
    """What groups may do: GROUP=ROLE;GROUP=ROLE@CLUSTER;GROUP=ROLE@CLUSTER/NAMESPACE …
    The group * is everybody whom the provider knows."""
    packages_per_minute: Annotated[int, Meta(ge=1)] = 1_200
    """Taken of one cluster; more are refused for the moment."""
    rows_per_minute: Annotated[int, Meta(ge=1_000)] = 2_400_000
    """The same of endpoints, fields and coverage in them."""
    database_url: str = "sqlite:///vethscope.sqlite3"
    """SQLAlchemy URL; sqlite:///FILE or postgresql+psycopg://…"""
    minutes_days: Annotated[int, Meta(ge=1, le=30)] = 2
    """Facts of five minutes are kept so long, then they become hours."""
    hours_days: Annotated[int, Meta(ge=1, le=400)] = 90
    """Facts of an hour are kept so long, then they become days."""
    kept_days: Annotated[int, Meta(ge=2, le=4_000)] = 400
    """Facts of a day, and names that were not seen since: a year and a month to compare
    with the year before."""
    baseline_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 3_600
    """What is seen of a cluster in its first so many seconds is no news: what runs all
    the time is seen by then."""
    alerts_key_file: str = ""
    """A secret of 32 bytes or more, closed to other users, that seals the secrets of
    alerts' channels in the database; empty: they stand there as they are."""
    alerts_ca_file: str = ""
    """PEM file of authorities that alerts trust beside the system's."""
    alerts_folder: str = ""
    """Where alerts may write files for a SIEM; empty: nowhere."""
    alerts_private: bool = True
    """Alerts may go to private addresses, as of receivers in the cluster."""
    alerts_loopback: bool = False
    """Alerts may go to this machine itself: for tests and development."""
    store_bytes: Annotated[int, Meta(ge=64 << 20)] = 20 << 30
    """Of the database; beyond it facts become coarser earlier, the oldest first."""

    @property
    def files(self) -> Files:
        """Of the digger's end."""
        return Files("cloud", self.ca_file, self.certificate_file, self.key_file)

    @property
    def collector_files(self) -> Files:
        """Of the collector's end."""
        certificate, key = self.collector_certificate_file, self.collector_key_file
        return Files("cloud", "", certificate, key, "collector_")

    @property
    def dashboard_files(self) -> Files:
        """Of the dashboard."""
        certificate, key = self.dashboard_certificate_file, self.dashboard_key_file
        return Files("cloud", "", certificate, key, "dashboard_")


class Cluster(msgspec.Struct, frozen=True):
    """Names of this cluster and node."""

    name: str = "local"
    """Tells clusters apart, in the cloud and on a shared Kafka."""
    node: str = ""
    """Kubernetes node name; empty: this machine's host name."""
    owner_keys: str = "owner,team"
    """Labels or annotations of pods that name a workload's owner, comma between: the
    first one there is told."""
    labels: str = "app.kubernetes.io/name,app.kubernetes.io/component,environment,tier"
    """Labels of pods that are told, comma between, at most 20. All others stay."""


class Health(msgspec.Struct, frozen=True):
    """What a role tells of itself."""

    listen: str = ""
    """/livez, /readyz and Prometheus's /metrics (HTTP); empty: nowhere."""


class Logs(msgspec.Struct, frozen=True):
    """Log lines on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(msgspec.Struct, frozen=True):
    """All groups."""

    addresses: Addresses = Addresses()
    capture: Capture = Capture()
    cloud: Cloud = Cloud()
    cluster: Cluster = Cluster()
    detector: Detector = Detector()
    digger: Digger = Digger()
    health: Health = Health()
    kafka: Kafka = Kafka()
    logs: Logs = Logs()

    @property
    def node(self) -> str:
        return self.cluster.node or socket.gethostname()


def groups() -> tuple[msgspec.structs.FieldInfo, ...]:
    """The groups, in order."""
    return msgspec.structs.fields(Settings)


def names() -> Iterator[tuple[str, str, Any]]:
    """Each setting's group, name and type with its bounds."""
    for group in groups():
        for field in msgspec.structs.fields(group.type):
            yield group.name, field.name, field.type


def split_list(value: str) -> list[str]:
    """What stands between commas."""
    return [part for part in map(str.strip, value.split(",")) if part]


def split_address(value: str) -> tuple[str, int]:
    """host:port or [host]:port. Raises ValueError."""
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not host:port")
    return host.strip("[]"), int(port)
