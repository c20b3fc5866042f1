"""What servers tell about themselves: answers of gRPC's server reflection.

In comes a ServerReflectionResponse (grpc.reflection.v1 and v1alpha, reflection.proto,
which give the same numbers), out come the file descriptors in it.
"""

from collections.abc import Iterator

from detection.protobuf.walk import BYTES, walk

PATHS = tuple(
    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo".encode()
    for version in ("v1", "v1alpha")
)
_FILE_DESCRIPTOR_RESPONSE = 4
_FILE_DESCRIPTOR_PROTO = 1


def files(message: bytes) -> Iterator[bytes]:
    """Serialized FileDescriptorProtos, none in answers of other kinds."""
    for field in walk(message):
        if field.number == _FILE_DESCRIPTOR_RESPONSE and field.wire == BYTES:
            for file in walk(message, field.start, field.end):
                if file.number == _FILE_DESCRIPTOR_PROTO and file.wire == BYTES:
                    yield message[file.start : file.end]
