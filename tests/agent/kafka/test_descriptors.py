"""Services on their topic: what one node tells all diggers know, and nothing hurts."""

import base64
import os
import zlib
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from agent.digger.descriptors import Descriptors, take_file
from agent.kafka import descriptors as module
from agent.kafka.descriptors import (
    DescriptorsTopic,
    MalformedServiceError,
    Told,
    decode,
    encode,
)
from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.topics import own_name
from agent.settings import Digger, Kafka, Settings
from detection.protobuf.schemas import Schemas
from detection.protobuf.services import Service, services_of_set
from tests.detection.protobuf.made import descriptors
from tests.waiting import eventually

PATH = b"/shop.v1.People/Get"
(SHOP,) = services_of_set(descriptors())


def is_known(schemas: Schemas) -> bool:
    return schemas.of(PATH).of_method(PATH, True) is not None


def test_what_an_interceptor_tells_every_digger_knows_from_its_start(
    tmp_path: Path,
) -> None:
    key = tmp_path / "keys"
    key.write_bytes(base64.b64encode(os.urandom(32)))
    key.chmod(0o600)
    with EmbeddedBroker() as broker:
        kafka = Kafka(
            bootstrap=broker.bootstrap,
            encryption_key_file=str(key),
            encryption_required=True,
        )
        settings = Settings(kafka=kafka)
        topic, following = DescriptorsTopic(settings), Descriptors(settings)
        assert eventually(lambda: topic.tell(SHOP))
        plain = Producer({"bootstrap.servers": broker.bootstrap})
        for value in (b"", b"x", encode(Service("evil", SHOP.files))[1]):
            plain.produce(own_name(settings, "descriptors"), value, b"k" * 16)
        plain.flush(5)
        topic.close(5)

        def follows() -> bool:
            following.follow()
            return is_known(following.schemas)

        assert eventually(follows)
        starting = Descriptors(settings)
        starting.load(10)
        assert is_known(starting.schemas)
        assert len(starting.schemas) == 1
        told = {metric.name: metric.values for metric in starting.metrics()}
        assert told["vethscope_digger_services"] == {"": 1.0}
        assert sum(told["vethscope_digger_descriptors_not_taken_total"].values()) == 3
        for one in (starting, following):
            one.close()


def test_an_absent_broker_is_no_error() -> None:
    topic = DescriptorsTopic(Settings(kafka=Kafka(bootstrap="127.0.0.1:1")))
    assert not topic.tell(SHOP)
    topic.close(0.1)


def test_a_message_is_a_service_and_nothing_else() -> None:
    key, value = encode(SHOP)
    assert decode(value) == SHOP
    assert encode(SHOP)[0] == key
    assert encode(Service("other", SHOP.files))[0] != key
    bomb = msgspec.msgpack.encode(Told(1, "a", zlib.compress(bytes(64 << 20))))
    newer = msgspec.msgpack.encode(Told(2, "a", zlib.compress(b"")))
    for wrong in (b"", b"x", value[:-9], bomb, newer, msgspec.msgpack.encode([1, 2])):
        with pytest.raises(MalformedServiceError):
            decode(wrong)


def test_a_service_too_large_for_a_message_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_VALUE_BYTES", 100)
    topic = DescriptorsTopic(Settings(kafka=Kafka(bootstrap="127.0.0.1:1")))
    assert topic.tell(SHOP)
    assert topic.counts == {"too_large": 1}
    topic.close(0.1)


def test_files_of_the_folder_are_read_again_when_they_change(tmp_path: Path) -> None:
    settings = Settings(
        kafka=Kafka(bootstrap="127.0.0.1:1"),
        digger=Digger(descriptors_folder=str(tmp_path / "folder")),
    )
    known = Descriptors(settings)
    known.load(0.1)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "none.txt").write_bytes(b"\xff\xff")
    known.load(0.1)
    assert not is_known(known.schemas)
    (tmp_path / "folder" / "none.txt").write_bytes(descriptors())
    known.load(0.1)
    assert is_known(known.schemas)
    known.close()


def test_a_set_tells_how_many_services_it_has(tmp_path: Path) -> None:
    file = tmp_path / "set.pb"
    file.write_bytes(descriptors())
    assert take_file(file, Schemas()) == 1
