"""Names that diggers have learnt, on a compacted topic: the same in all replicas.

In: digests with the day of their last use (`agent/naming/proof.py`); no word in clear
is on the topic. Out: the same from all replicas and from before a restart. Kafka keeps
the newest value of each digest, and none of those taken back.
"""

from collections.abc import Iterable
from hashlib import blake2b

from agent.kafka.compacted import CompactedTopic, Take
from agent.keys import read_keys
from agent.settings import Settings

DIGEST_BYTES = 16


def names_key(settings: Settings) -> bytes:
    """The cluster's own key for digests of names.

    Made from the key that encrypts records, where there is one. Else from the
    cluster's name: then who reads the topic can test words that he thinks of, but he
    could read the records' paths as well. Raises KeyFileError.
    """
    file = settings.kafka.encryption_key_file
    secret = read_keys(file)[0] if file else b""
    name = settings.cluster.name.encode()
    return blake2b(name, key=secret, person=b"vethscope.names", digest_size=32).digest()


class NamesTopic:
    """Reads what all replicas have learnt, and writes what this one has."""

    def __init__(self, settings: Settings) -> None:
        self._topic = CompactedTopic(settings, "names")

    def load(self, take: Take, seconds: float) -> bool:
        """Takes all that is on the topic now; whether it came in time."""
        return self._topic.load(_of_digests(take), seconds)

    def follow(self, take: Take, seconds: float = 0.0) -> None:
        """Takes what is new; waits at most `seconds` for it."""
        self._topic.follow(_of_digests(take), seconds)

    def publish(self, learnt: Iterable[tuple[bytes, bytes]]) -> None:
        """Sends digests; an empty value takes one back. Never waits."""
        # A full queue loses a digest: it is told again after some days.
        self._topic.publish(learnt)

    def close(self, seconds: float = 1.0) -> None:
        self._topic.close(seconds)


def _of_digests(take: Take) -> Take:
    def only(key: bytes, value: bytes) -> None:
        if len(key) == DIGEST_BYTES:
            take(key, value)

    return only
