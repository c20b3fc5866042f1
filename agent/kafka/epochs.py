"""Where a partition's log was written anew after it had lost its end.

In: the broker's epoch when it wrote what we read last (KIP-101). Out: the first offset
that it wrote in a later epoch. librdkafka notices a lost end by itself while it reads,
but not when it begins to. A few messages are read, by halving.
"""

import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agent.kafka.client import ANSWER_SECONDS

READ_SECONDS = 5.0
"""For one message."""


def written_after(
    config: dict[str, Any], topic: str, partition: int, epoch: int
) -> int | None:
    """The first offset of a later epoch, or the log's end; None: the broker does not
    tell in time. `config` is that of a consumer."""
    reader = Consumer(config | {"enable.auto.commit": False})
    try:
        place = TopicPartition(topic, partition)
        low, high = reader.get_watermark_offsets(place, timeout=ANSWER_SECONDS)
        while low < high:
            middle = (low + high) // 2
            found = _first_from(reader, topic, partition, middle)
            if found is None:
                return None
            if found.leader_epoch() > epoch:
                high = middle
            else:
                low = found.offset() + 1
        return int(low)
    except KafkaException:
        return None
    finally:
        reader.close()


def _first_from(reader: Consumer, topic: str, partition: int, offset: int) -> Any:
    reader.assign([TopicPartition(topic, partition, offset)])
    end = time.monotonic() + READ_SECONDS
    while time.monotonic() < end:
        message = reader.poll(0.1)
        if message is not None and message.error() is None:
            return message
    return None
