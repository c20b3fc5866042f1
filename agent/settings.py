"""Settings: defaults < TOML file < environment < flags.

A setting `name` of group `group` is `[group] name` in the file, `VETHSCOPE_GROUP_NAME`
in the environment and `--group-name` on the command line. `load` reports every wrong
value at once. Fields whose name ends in `password`, `key` or `url` are masked in print.
"""

import os
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from agent import constraints
from agent.certificates import Files
from agent.keys import KeyFileError, read_keys

WORKING_BYTES = 160 << 20
"""What an interceptor needs beside its rings."""

_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


class SettingsError(Exception):
    """All wrong settings, one line each."""


class Addresses(msgspec.Struct, frozen=True):
    """Where addresses and names come from, and who serves them."""

    file: str = ""
    """TOML file of names (see README); empty: the Kubernetes API, if there is one."""
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
    cpu_cores: Annotated[float, Meta(ge=0)] = 0.0
    """Processors that all workers may keep busy before they leave out connections; 0:
    as many as the control group may."""
    memory_bytes: Annotated[int, Meta(ge=0)] = 0
    """Memory of the interceptor, rings included, beyond which workers leave out
    connections; 0: the control group's limit."""
    bodies: Literal["chosen", "all"] = "chosen"
    """Exchanges sent with their bodies: those chosen for inspection, or all."""
    whole_per_second: Annotated[float, Meta(ge=0)] = 100.0
    """Exchanges that a node sends whole a second, beyond first sights: a few nodes feed
    digger.inspect_per_second."""
    whole_interval_seconds: Annotated[float, Meta(gt=0)] = 30.0
    """Each kind of exchange is sent whole at least this often while it comes."""
    priority: Literal["low", "idle", "normal"] = "low"
    """Of the processor: low, idle (only what nobody else needs) or normal."""
    stop_seconds: Annotated[float, Meta(ge=0.5, le=600)] = 2.5
    """At the end workers get this long to read their rings and hand on pairs."""


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
    """Pairs inspected a second at most, beyond first sights and what is due."""
    inspect_interval_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """Every endpoint is due for inspection this often while it has traffic."""
    first_sights_per_second: Annotated[float, Meta(gt=0)] = 200.0
    """First sights and what is due, inspected a second at most; more wait."""
    inspect_share: Annotated[float, Meta(gt=0)] = 0.5
    """Processors that the detector may be kept busy with by this digger."""
    inspect_bytes_per_second: Annotated[float, Meta(ge=1 << 16)] = 32 << 20
    """Captured bytes inspected a second at most."""


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
    origin: str = ""
    """https://NAME under which people open the dashboard, if a proxy with TLS is in
    front of it. Other names than this, localhost and addresses are refused."""
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


class Cluster(msgspec.Struct, frozen=True):
    """Names of this cluster and node."""

    name: str = "local"
    """Tells clusters apart, in the cloud and on a shared Kafka."""
    node: str = ""
    """Kubernetes node name; empty: this machine's host name."""


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


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, str] | None = None,
) -> Settings:
    """Merges the sources; flags are keyed `group-name`. Raises SettingsError."""
    errors: list[str] = []
    values = _from_file(file, errors) if file else {}
    types = {(group, name): kind for group, name, kind in names()}
    for group, name in values.keys() - types.keys():
        errors.append(f"{file}: [{group}] {name}: no such setting")
    _take_environment(environment, types, values, errors)
    for (group, name), flag in (
        ((g, n), (flags or {}).get(f"{g}-{n}".replace("_", "-"))) for g, n in types
    ):
        if flag is not None:
            values[group, name] = (flag, f"--{group}-{name}".replace("_", "-"))
    groups: dict[str, dict[str, Any]] = {}
    for (group, name), (value, source) in values.items():
        if (group, name) in types:
            converted = _convert(value, types[group, name], source, errors)
            if converted is not None:
                groups.setdefault(group, {})[name] = converted
    settings = msgspec.convert(groups, Settings)
    _check(settings, errors)
    if errors:
        raise SettingsError("\n".join(errors))
    return settings


def effective(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each setting as `group.name` and value, secrets masked."""
    for group, name, _ in names():
        value = getattr(getattr(settings, group), name)
        yield f"{group}.{name}", _masked(name, value)


def split_address(value: str) -> tuple[str, int]:
    """host:port or [host]:port. Raises ValueError."""
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{value!r} is not host:port")
    return host.strip("[]"), int(port)


Values = dict[tuple[str, str], tuple[Any, str]]


def _from_file(file: Path, errors: list[str]) -> Values:
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        errors.append(f"{file}: {error}")
        return {}
    values: Values = {}
    for group, table in tables.items():
        if isinstance(table, dict):
            for name, value in table.items():
                values[group, name] = (value, f"{file}: [{group}] {name}")
        else:
            errors.append(f"{file}: {group}: is not a group of settings")
    return values


def _take_environment(
    environment: Mapping[str, str],
    types: Mapping[tuple[str, str], type],
    values: Values,
    errors: list[str],
) -> None:
    known = {f"VETHSCOPE_{g}_{n}".upper(): (g, n) for g, n in types}
    for variable, text in environment.items():
        if variable in known:
            values[known[variable]] = (text, variable)
        elif variable.startswith("VETHSCOPE_"):
            errors.append(f"{variable}: no such setting")


def _convert(value: object, kind: Any, source: str, errors: list[str]) -> object:
    """None where the value does not fit, which is told."""
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        shown = "***" if _is_secret(source) else repr(value)
        choices = [word for word in get_args(kind) if word and isinstance(word, str)]
        words = f"must be one of {', '.join(choices)}" if choices else str(error)
        errors.append(f"{source}: {shown}: {words}")
        return None


def _check(settings: Settings, errors: list[str]) -> None:
    """What no single type can say."""
    capture = settings.capture
    least = capture.ring_bytes + capture.inside_bytes + WORKING_BYTES
    if 0 < capture.memory_bytes < least:
        errors.append(
            f"capture.memory_bytes: {capture.memory_bytes}: must be 0 or at least "
            f"{least}, {WORKING_BYTES} more than capture.ring_bytes and inside_bytes"
        )
    if not settings.cloud.database_url.startswith(_DATABASES):
        errors.append(
            "cloud.database_url: must be sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        )
    for file in ("addresses.file", "detector.catalog"):
        group, name = file.split(".")
        path = getattr(getattr(settings, group), name)
        if path and not Path(path).is_file():
            errors.append(f"{file}: {path!r}: no such file")
    _check_encryption(settings.kafka, errors)
    errors += constraints.broken(settings)
    for group, name, _ in names():
        value = getattr(getattr(settings, group), name)
        if name.endswith(("listen", "server")) and value:
            try:
                split_address(value)
            except ValueError as error:
                errors.append(f"{group}.{name}: {error}")


def _check_encryption(kafka: Kafka, errors: list[str]) -> None:
    """The value is not shown: it may be a key that somebody took for its file."""
    if kafka.encryption_key_file:
        try:
            read_keys(kafka.encryption_key_file)
        except KeyFileError as error:
            errors.append(str(error))
    elif kafka.encryption_required:
        errors.append("kafka.encryption_required: needs kafka.encryption_key_file")


def _is_secret(name: str) -> bool:
    return name.lower().endswith(("password", "key", "url"))


def _masked(name: str, value: object) -> str:
    if value and _is_secret(name):
        if name.endswith("url") and str(value).startswith("sqlite:"):
            return str(value)
        return "***"
    return str(value)
