"""Sealer and opener of Kafka values as the settings want them."""

from agent.encryption import Opener, Sealer
from agent.kafka.client import message_bytes
from agent.keys import read_keys
from agent.settings import Kafka, Settings


def sealer(kafka: Kafka) -> Sealer | None:
    """None: values are sent as they are. Raises KeyFileError."""
    file = kafka.encryption_key_file
    return Sealer(read_keys(file)[0]) if file else None


def opener(settings: Settings) -> Opener:
    """Of values that were read. Raises KeyFileError."""
    kafka = settings.kafka
    file = kafka.encryption_key_file
    keys = read_keys(file) if file else ()
    return Opener(keys, kafka.encryption_required, message_bytes(settings))
