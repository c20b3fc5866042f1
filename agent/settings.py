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
from typing import Any

import msgspec


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


class Capture(msgspec.Struct, frozen=True):
    """The interceptor's rings."""

    ring_bytes: int = 64 << 20
    """Ring memory of the node, shared by its workers."""
    inside_bytes: int = 64 << 20
    """Memory for rings inside pods' namespaces (512 KiB each), taken as needed: a ring
    for each of the 110 pods that a node has by default, and some to spare."""
    workers: int = 0
    """Worker processes; 0: one for every four processors."""
    body_bytes: int = 1 << 20
    """Bodies keep at most this prefix."""
    cpu_cores: float = 0.0
    """Processors that all workers may keep busy before they leave out connections; 0:
    as many as the control group may."""
    memory_bytes: int = 0
    """Memory of the interceptor, rings included, beyond which workers leave out
    connections; 0: the control group's limit."""
    priority: str = "low"
    """low, idle (only what nobody else needs) or normal."""
    stop_seconds: float = 2.5
    """At the end workers get this long to read their rings and hand on pairs."""


class Kafka(msgspec.Struct, frozen=True):
    """The Kafka cluster that carries the records."""

    bootstrap: str = ""
    """host:port,…; empty: `run` and `demo` embed a memory-only broker."""
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = ""
    ca_file: str = ""
    """PEM file of certificate authorities; empty: the system's."""
    partitions: int = 6
    """Partitions of a topic that has to be created."""
    queue_bytes: int = 128 << 20
    """Producer memory bound; beyond it records are dropped and counted."""


class Digger(msgspec.Struct, frozen=True):
    """Sampling and packages."""

    package_seconds: float = 2.0
    """A package is sent at least this often while there is something to send."""
    inspect_per_second: float = 200.0
    """Pairs inspected a second at most, beyond first sights."""
    inspect_interval_seconds: float = 60.0
    """Every endpoint is inspected at least this often while it has traffic."""


class Detector(msgspec.Struct, frozen=True):
    """The detector service."""

    listen: str = "127.0.0.1:7082"
    server: str = ""
    """The digger asks here; empty: detection in the digger's own process."""
    catalog: str = ""
    """YAML file of own rules, added to the built-in ones."""
    processes: int = 1


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
    database_url: str = "sqlite:///vethscope.sqlite3"
    """SQLAlchemy URL; sqlite:///FILE or postgresql+psycopg://…"""


class Cluster(msgspec.Struct, frozen=True):
    """Names of this cluster and node."""

    name: str = "local"
    node: str = ""
    """Kubernetes node name; empty: this machine's host name."""


class Logs(msgspec.Struct, frozen=True):
    """Log lines on standard error."""

    level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""


class Settings(msgspec.Struct, frozen=True):
    """All groups."""

    addresses: Addresses = Addresses()
    capture: Capture = Capture()
    cloud: Cloud = Cloud()
    cluster: Cluster = Cluster()
    detector: Detector = Detector()
    digger: Digger = Digger()
    kafka: Kafka = Kafka()
    logs: Logs = Logs()

    @property
    def node(self) -> str:
        return self.cluster.node or socket.gethostname()


def groups() -> tuple[msgspec.structs.FieldInfo, ...]:
    """The groups, in order."""
    return msgspec.structs.fields(Settings)


def names() -> Iterator[tuple[str, str, type]]:
    """Each setting's group, name and type."""
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
            groups.setdefault(group, {})[name] = converted
    if errors:
        raise SettingsError("\n".join(errors))
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


def _convert(value: object, kind: type, source: str, errors: list[str]) -> object:
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        shown = "***" if _is_secret(source) else repr(value)
        errors.append(f"{source}: {shown}: {error}")
        return None


def _check(settings: Settings, errors: list[str]) -> None:
    capture, digger = settings.capture, settings.digger
    required = {
        "capture.ring_bytes must be at least 4194304": capture.ring_bytes >= 4 << 20,
        "capture.inside_bytes must be at least 0": capture.inside_bytes >= 0,
        "capture.workers must be 0 to 64": 0 <= capture.workers <= 64,
        "capture.body_bytes must be 1024 to 67108864": 1024
        <= capture.body_bytes
        <= 64 << 20,
        "capture.cpu_cores must be 0 or at least 0.01": capture.cpu_cores == 0
        or capture.cpu_cores >= 0.01,
        "capture.memory_bytes must be 0 or 134217728 more than capture.ring_bytes": (
            capture.memory_bytes == 0
            or capture.memory_bytes >= capture.ring_bytes + (128 << 20)
        ),
        "capture.priority must be low, idle or normal": capture.priority
        in ("low", "idle", "normal"),
        "capture.stop_seconds must be 0.5 to 600": 0.5 <= capture.stop_seconds <= 600,
        "kafka.partitions must be 1 to 1000": 1 <= settings.kafka.partitions <= 1000,
        "kafka.queue_bytes must be at least 1048576": settings.kafka.queue_bytes
        >= 1 << 20,
        "digger.package_seconds must be 0.1 to 3600": 0.1
        <= digger.package_seconds
        <= 3600,
        "digger.inspect_per_second must be at least 0": digger.inspect_per_second >= 0,
        "digger.inspect_interval_seconds must be over 0": (
            digger.inspect_interval_seconds > 0
        ),
        "detector.processes must be 1 to 64": 1 <= settings.detector.processes <= 64,
        "kafka.security_protocol must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL": (
            settings.kafka.security_protocol
            in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
        ),
        "logs.level must be DEBUG, INFO, WARNING or ERROR": settings.logs.level
        in ("DEBUG", "INFO", "WARNING", "ERROR"),
    }
    errors += [text for text, holds in required.items() if not holds]
    for file in ("addresses.file", "detector.catalog", "kafka.ca_file"):
        group, name = file.split(".")
        path = getattr(getattr(settings, group), name)
        if path and not Path(path).is_file():
            errors.append(f"{file}: {path!r}: no such file")
    for group, name, _ in names():
        value = getattr(getattr(settings, group), name)
        if name.endswith(("listen", "server")) and value:
            try:
                split_address(value)
            except ValueError as error:
                errors.append(f"{group}.{name}: {error}")


def _is_secret(name: str) -> bool:
    return name.lower().endswith(("password", "key", "url"))


def _masked(name: str, value: object) -> str:
    if value and _is_secret(name):
        if name.endswith("url") and str(value).startswith("sqlite:"):
            return str(value)
        return "***"
    return str(value)
