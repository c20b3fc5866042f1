"""Services found in programs, on a compacted topic from interceptors to diggers.

In: services with the names and types of their messages' fields, which are parts of
programs and nothing that was captured. Out: the same, for all diggers and from before a
restart. A key is the digest of a service as it was found, so all nodes that run the
same program tell the same message, and versions stand beside each other. Values are
sealed if there are keys. What no interceptor has told for a month is forgotten.
"""

import zlib
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b

import msgspec

from agent.encryption import Unreadable
from agent.kafka.compacted import CompactedTopic
from agent.kafka.sealing import opener, sealer
from agent.settings import Settings
from detection.protobuf.services import MOST_SET_BYTES, Service

VERSION = 1
DIGEST_BYTES = 16
MOST_VALUE_BYTES = 512 << 10
"""Less than any broker takes: a set of 2 MiB has some 400 KiB."""
RETENTION_MS = 30 * 24 * 3600 * 1000

Take = Callable[[Service], None]


class Told(msgspec.Struct, array_like=True):
    """A message's value."""

    version: int
    service: str
    files: bytes
    """A FileDescriptorSet, deflated (zlib)."""


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Told)


class MalformedServiceError(ValueError):
    """A value that is no service; whoever may write to the topic may write anything."""


def encode(service: Service) -> tuple[bytes, bytes]:
    """Key and value."""
    digest = blake2b(service.files, digest_size=DIGEST_BYTES)
    digest.update(service.name.encode())
    told = Told(VERSION, service.name, zlib.compress(service.files, 9))
    return digest.digest(), _encode(told)


def decode(value: bytes) -> Service:
    """Raises MalformedServiceError."""
    try:
        told = _decoder.decode(value)
        inflating = zlib.decompressobj()
        files = inflating.decompress(told.files, MOST_SET_BYTES)
    except (msgspec.DecodeError, zlib.error):
        raise MalformedServiceError("this is no service") from None
    if told.version != VERSION or not inflating.eof:
        raise MalformedServiceError("this is no service of ours")
    return Service(told.service, files)


class DescriptorsTopic:
    """Interceptors tell, diggers read; each of them in one thread."""

    def __init__(self, settings: Settings) -> None:
        """Raises KeyFileError."""
        self._topic = CompactedTopic(
            settings,
            "descriptors",
            {"cleanup.policy": "compact,delete", "retention.ms": str(RETENTION_MS)},
        )
        self._sealer = sealer(settings.kafka)
        self._opener = opener(settings)
        self.counts: Counter[str] = Counter()
        """What was not told or taken, by reason."""

    def tell(self, service: Service) -> bool:
        """Never waits for long; false: it cannot be told now."""
        key, value = encode(service)
        if len(value) > MOST_VALUE_BYTES:
            self.counts["too_large"] += 1
            return True
        if not self._topic.prepare():
            return False
        if self._sealer is not None:
            value = self._sealer.seal(self._topic.name, key, value)
        return self._topic.publish([(key, value)])

    def poll(self) -> None:
        """To be called now and then by who tells."""
        self._topic.poll()

    def load(self, take: Take, seconds: float) -> bool:
        """Takes all that is on the topic now; whether it came in time."""
        return self._topic.load(self._taking(take), seconds)

    def follow(self, take: Take, seconds: float = 0.0) -> None:
        """Takes what is new; waits at most `seconds` for it."""
        self._topic.follow(self._taking(take), seconds)

    def close(self, seconds: float = 1.0) -> None:
        self._topic.close(seconds)

    def _taking(self, take: Take) -> Callable[[bytes, bytes], None]:
        def opened(key: bytes, value: bytes) -> None:
            plain = self._opener.open(self._topic.name, key, value)
            if isinstance(plain, Unreadable):
                self.counts[plain.value] += 1
                return
            try:
                take(decode(plain))
            except MalformedServiceError:
                self.counts["malformed"] += 1

        return opened
