"""What settings of links and names must keep together.

In: all settings. Out: one line for each constraint that is broken, with the setting to
change. Files are read, so that `vethscope check` proves them.
"""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from agent.certificates import CertificateError
from agent.secret_file import (
    MOST_TOKEN_BYTES,
    SecretFileError,
    read_secret,
    read_token,
)

if TYPE_CHECKING:
    from agent.settings import Addresses, Cloud, Kafka, Settings

LEAST_ALERTS_KEY_BYTES = 32
MOST_NAME_CHARACTERS = 180
"""Of cluster and topic prefix: Kafka takes 249 for a topic, the cloud 253 for a topic
and what tells it from others of the name."""

_ORIGIN = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?"
)
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]+")


def broken(settings: "Settings") -> Iterator[str]:
    yield from _names(settings)
    yield from _addresses(settings.addresses)
    yield from _kafka(settings.kafka)
    yield from _files(settings)
    yield from _token(settings.cloud)
    yield from _alerts(settings.cloud)
    yield from _dashboard(settings.cloud)
    yield from _oidc(settings.cloud)


def is_loopback(address: str) -> bool:
    """Whether host:port is on this machine only."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _oidc(cloud: "Cloud") -> Iterator[str]:
    """Imported only where a provider is set: other roles know nothing of the cloud."""
    set_alone = [
        name
        for name in ("client_id", "secret_file", "ca_file", "grants")
        if getattr(cloud, f"oidc_{name}") and not cloud.oidc_issuer
    ]
    for name in set_alone:
        yield f"cloud.oidc_{name}: needs cloud.oidc_issuer"
    if cloud.oidc_issuer:
        from agent.provided import broken as broken_provider

        yield from broken_provider(cloud)


def _names(settings: "Settings") -> Iterator[str]:
    """Kafka's topics and consumer group are named after the prefix and the cluster."""
    prefix, cluster = settings.kafka.topic_prefix, settings.cluster.name
    for setting, name in (("kafka.topic_prefix", prefix), ("cluster.name", cluster)):
        if not _TOPIC_NAME.fullmatch(name):
            yield f"{setting}: {name!r}: must be letters, digits, ., _ and -"
    if len(prefix) + len(cluster) > MOST_NAME_CHARACTERS:
        yield (
            "cluster.name: must have, with kafka.topic_prefix, at most "
            f"{MOST_NAME_CHARACTERS} characters"
        )


def _addresses(addresses: "Addresses") -> Iterator[str]:
    """Files of names, rules, ranges and countries, read as they are read later. Their
    readers are imported only where one is set: other roles know nothing of them."""
    files = (addresses.file, addresses.filter_file, addresses.ranges_file)
    if not any((*files, addresses.geography_files)):
        return
    from agent.cluster import filters, names
    from agent.cluster.addresses import AddressIndex
    from agent.outside import geography
    from agent.outside.ranges import Ranges

    def load_names(file: str) -> None:
        names.load(Path(file), AddressIndex())

    readers: list[Callable[[str], object]] = [load_names, filters.Filters, Ranges.load]
    for file, read in zip(files, readers, strict=True):
        try:
            if _is_there(file):
                read(file)
        except (names.NamesError, filters.FiltersError) as error:
            yield from str(error).splitlines()
    listed = map(str.strip, addresses.geography_files.split(","))
    yield from geography.mistakes(list(filter(_is_there, listed)))


def _is_there(file: str) -> bool:
    """What is not is told where all files are looked for."""
    return bool(file) and Path(file).is_file()


def _kafka(kafka: "Kafka") -> Iterator[str]:
    """What librdkafka would refuse in words of its own."""
    protocol = kafka.security_protocol
    if protocol.startswith("SASL_"):
        for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
            if not getattr(kafka, name):
                yield f"kafka.{name}: security_protocol {protocol} needs it"
    if kafka.certificate_file and not protocol.endswith("SSL"):
        yield "kafka.certificate_file: needs security_protocol SSL or SASL_SSL"


def _files(settings: "Settings") -> Iterator[str]:
    mutual = (settings.addresses.files, settings.detector.files)
    cloud = settings.cloud
    ends = (cloud.files, cloud.collector_files, cloud.dashboard_files)
    for files in (*mutual, *ends, settings.kafka.files):
        try:
            files.read()
        except CertificateError as error:
            yield str(error)
    for files in mutual:
        if bool(files.ca) != bool(files.certificate or files.key):
            yield f"{files.group}.ca_file and certificate_file: one needs the other"
    if cloud.certificate_file and not cloud.ca_file:
        yield "cloud.certificate_file: needs cloud.ca_file"


def _dashboard(cloud: "Cloud") -> Iterator[str]:
    if cloud.origin and not _ORIGIN.fullmatch(cloud.origin):
        yield "cloud.origin: must be https://NAME or https://NAME/PATH"
    for network in filter(None, map(str.strip, cloud.trusted_proxies.split(","))):
        try:
            ip_network(network)
        except ValueError:
            yield f"cloud.trusted_proxies: {network!r}: is not a network"
    is_secure = cloud.dashboard_certificate_file or cloud.trusted_proxies
    if cloud.origin.startswith("https:") and not is_secure:
        yield (
            "cloud.origin: https needs cloud.dashboard_certificate_file, or "
            "cloud.trusted_proxies for what ends TLS"
        )


def _alerts(cloud: "Cloud") -> Iterator[str]:
    if not cloud.alerts_key_file:
        return
    try:
        key = read_secret(Path(cloud.alerts_key_file), MOST_TOKEN_BYTES)
    except SecretFileError as error:
        yield f"cloud.alerts_key_file: {error}"
        return
    if len(key) < LEAST_ALERTS_KEY_BYTES:
        yield f"cloud.alerts_key_file: needs {LEAST_ALERTS_KEY_BYTES} bytes or more"


def _token(cloud: "Cloud") -> Iterator[str]:
    if not cloud.token_file:
        return
    try:
        read_token(cloud.token_file)
    except SecretFileError as error:
        yield f"cloud.token_file: {error}"
    if not cloud.ca_file and not is_loopback(cloud.server):
        yield "cloud.token_file: goes to cloud.server only over TLS: set cloud.ca_file"
