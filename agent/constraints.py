"""What settings of links and names must keep together.

In: all settings. Out: one line for each constraint that is broken, with the setting to
change. Files are read, so that `vethscope check` proves them.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from agent.certificates import CertificateError
from agent.secret_file import SecretFileError, read_token

if TYPE_CHECKING:
    from agent.settings import Cloud, Kafka, Settings

MOST_NAME_CHARACTERS = 180
"""Of cluster and topic prefix: Kafka takes 249 for a topic, the cloud 253 for a topic
and what tells it from others of the name."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]+")


def broken(settings: "Settings") -> Iterator[str]:
    yield from _names(settings)
    yield from _kafka(settings.kafka)
    yield from _files(settings)
    yield from _token(settings.cloud)
    if settings.cloud.origin and not _ORIGIN.fullmatch(settings.cloud.origin):
        yield "cloud.origin: must be https://NAME or http://NAME, without a path"


def is_loopback(address: str) -> bool:
    """Whether host:port is on this machine only."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
    for files in (*mutual, cloud.files, cloud.collector_files, settings.kafka.files):
        try:
            files.read()
        except CertificateError as error:
            yield str(error)
    for files in mutual:
        if bool(files.ca) != bool(files.certificate or files.key):
            yield f"{files.group}.ca_file and certificate_file: one needs the other"
    if cloud.certificate_file and not cloud.ca_file:
        yield "cloud.certificate_file: needs cloud.ca_file"


def _token(cloud: "Cloud") -> Iterator[str]:
    if not cloud.token_file:
        return
    try:
        read_token(cloud.token_file)
    except SecretFileError as error:
        yield f"cloud.token_file: {error}"
    if not cloud.ca_file and not is_loopback(cloud.server):
        yield "cloud.token_file: goes to cloud.server only over TLS: set cloud.ca_file"
