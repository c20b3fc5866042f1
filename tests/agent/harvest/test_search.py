"""Searching descriptors in bytes: real ones among others, and hostile ones."""

import gzip
import random
import time
import zlib

from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from agent.harvest import search as module
from agent.harvest.java import search_class, search_jar
from agent.harvest.python import search_source
from agent.harvest.search import Read, file, search, search_all
from proto.v1 import collector_pb2
from tests.detection.protobuf.made import descriptors

FILES = tuple(
    one.SerializeToString()
    for one in descriptor_pb2.FileDescriptorSet.FromString(descriptors()).file
)
SHOP = FILES[-1]


def test_files_are_found_among_other_bytes_in_any_place() -> None:
    noise = random.Random(1).randbytes(5_000)
    for between in (b"", b"\0", b"\n", b"\n\n", b"\x0a\x05a.proto", noise, b"\x22" * 9):
        data = between.join((b"", *FILES, b""))
        found = list(search(data))
        assert all(one in found for one in FILES), between[:9]


def test_bytes_that_follow_do_not_belong_to_it() -> None:
    for behind in (
        b"",
        b"\0\0",
        b"\x1a\x07b.proto",
        b"\x22\x00",
        b"J\x04more",
        b"\xff",
    ):
        assert file(SHOP + behind) == SHOP, behind


def test_compressed_ones_of_old_go_are_found() -> None:
    data = (
        b"x" * 99
        + gzip.compress(SHOP, mtime=0)
        + b"y"
        + gzip.compress(b"\nno", mtime=0)
    )
    assert list(search(data)) == [SHOP]
    bomb = gzip.compress(b"\n\x07a.proto" + bytes(50 << 20), mtime=0)
    assert list(search(bomb)) == []


def test_what_stands_across_the_end_of_a_piece_is_found_once() -> None:
    size = module.WINDOW_BYTES
    for place in (size - len(SHOP) // 2, size - 1, size, size - len(SHOP)):
        data = bytes(place) + SHOP + bytes(size)
        assert list(search_all(reading(data), len(data))) == [SHOP], place


def reading(data: bytes) -> Read:
    return lambda place, size: data[place : place + size]


def test_only_names_and_types_make_a_file() -> None:
    name = b"\n\x07a.proto"
    for other in (name, name + b"\x12\x01a", name + b"\x22\x02\x0a\x05", b"", b"\n"):
        assert file(other) == b"", other


@given(st.binary(max_size=300), st.integers(0, len(SHOP)), st.integers(0, len(SHOP)))
def test_any_bytes_end_without_error(noise: bytes, start: int, stop: int) -> None:
    data = noise + SHOP[start:stop] + noise
    for found in search(data):
        descriptor_pb2.FileDescriptorProto.FromString(found)
    list(search_class(b"\xca\xfe\xba\xbe" + data + b".proto"))
    list(search_source(b"AddSerializedFile(b'" + data + b"')"))
    list(search_jar(reading(data), len(data)))


def test_mutated_files_end_without_error() -> None:
    numbers = random.Random(5)
    for _ in range(3_000):
        data = bytearray(SHOP)
        for _ in range(numbers.randint(1, 6)):
            data[numbers.randrange(len(data))] = numbers.randrange(256)
        for found in search(bytes(data)):
            descriptor_pb2.FileDescriptorProto.FromString(found)


def test_bytes_made_to_hurt_take_little_time() -> None:
    begin = b"\n\x09\n\n\n.proto"
    hurting = (
        b".proto" * (1 << 20),
        b"\n\x07a.proto" * (1 << 19),
        b"\n" * (4 << 20) + b".proto",
        b"\x1f\x8b\x08\x00" * (1 << 20),
        (b"\x1f\x8b\x08\x00\0\0\0\0\0\0" + zlib.compress(begin)[2:-4]) * 200_000,
        begin + (b"\x1a\x07a.proto" * (1 << 17)),
        (b"\n\x07a.proto\x22\x04\n\x01a\x00" * (1 << 18)),
    )
    for data in hurting:
        began = time.process_time()
        for _ in search(data):
            pass
        assert time.process_time() - began < 10, data[:20]


def test_python_modules_are_read_and_never_run() -> None:
    with open(collector_pb2.__file__, "rb") as source:  # noqa: PTH123
        assert list(search_source(source.read())) == [
            collector_pb2.DESCRIPTOR.serialized_pb
        ]
    assert (
        list(search_source(b"AddSerializedFile(b'\\xZZ') AddSerializedFile(b'")) == []
    )
