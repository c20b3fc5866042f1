"""Services out of file descriptors, each with the types of its messages and no more.

In come serialized FileDescriptorProtos of a program or a FileDescriptorSet (protobuf's
descriptor.proto), out comes for each service a FileDescriptorSet of its own, with the
names, numbers and types of all fields that its methods can reach. Options, comments,
places in sources, defaults and what is no name in protobuf's grammar are left out. So
a service has the same bytes whichever program it was found in. Types within types stand
in a file whose package is the outer type. Any bytes may come: what is no descriptor is
passed over.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from google.protobuf import (
    any_pb2,
    api_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from google.protobuf.message import DecodeError

from detection.protobuf.types import MOST_DEPTH, MOST_FILE_BYTES

MOST_FILES = 5_000
"""Of one program; large ones of Google's clients have some 1,000."""
MOST_SERVICES = 2_000
"""Of one program."""
MOST_REACHED = 5_000
"""Messages and enumerations of one service."""
MOST_SET_BYTES = 2 << 20
"""Of one service's set: the largest public ones have a third of that."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_MOST_NAME = 500
_WELL_KNOWN = tuple(
    module.DESCRIPTOR.serialized_pb
    for module in (
        *(any_pb2, source_context_pb2, type_pb2, api_pb2, duration_pb2, empty_pb2),
        *(field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2),
    )
)
"""Every program means the same by them, whether its own are found or not."""


class Service(NamedTuple):
    """A service and the types of its messages."""

    name: str
    """In full."""
    files: bytes
    """A FileDescriptorSet."""


def services(files: Iterable[bytes]) -> Iterator[Service]:
    """Those of FileDescriptorProtos; of types that come twice the later one counts."""
    pool = _Pool()
    for file in (*_WELL_KNOWN, *_first(files, MOST_FILES)):
        pool.add(file)
    for name in sorted(pool.services)[:MOST_SERVICES]:
        found = pool.service(name)
        if found is not None:
            yield found


def services_of_set(files: bytes) -> Iterator[Service]:
    """Those of a FileDescriptorSet, as `protoc -o` and `buf build -o` write it; none if
    it is malformed."""
    told = FileDescriptorSet()
    try:
        told.ParseFromString(files)
    except DecodeError:
        return iter(())
    return services(file.SerializeToString() for file in told.file)


class _Pool:
    """All that the files of a program define."""

    def __init__(self) -> None:
        self.services: dict[str, ServiceDescriptorProto] = {}
        self._types: dict[str, DescriptorProto | EnumDescriptorProto] = {}

    def add(self, data: bytes) -> None:
        file = FileDescriptorProto()
        if len(data) > MOST_FILE_BYTES:
            return
        try:
            file.ParseFromString(data)
        except DecodeError:
            return
        package = file.package
        if package and not _is_full_name(package):
            return
        self._add_messages(package, file.message_type, MOST_DEPTH)
        self._add_enums(package, file.enum_type)
        for service in file.service:
            if _is_name(service.name) and service.method:
                self.services[_joined(package, service.name)] = service

    def service(self, name: str) -> Service | None:
        """None if too much belongs to it."""
        package, _, last = name.rpartition(".")
        told = FileDescriptorSet()
        file = told.file.add(package=package)
        service = file.service.add(name=last)
        waiting: list[str] = []
        for method in self.services[name].method:
            types = (method.input_type[1:], method.output_type[1:])
            if _is_name(method.name) and all(map(_is_full_name, types)):
                service.method.add(
                    name=method.name,
                    input_type=method.input_type,
                    output_type=method.output_type,
                )
                waiting += types
        files = {package: file}
        for reached in sorted(self._reached(waiting)):
            scope, _, _ = reached.rpartition(".")
            if scope not in files:
                files[scope] = told.file.add(package=scope)
            _tell(self._types[reached], files[scope])
        whole = told.SerializeToString(deterministic=True)
        return Service(name, whole) if len(whole) <= MOST_SET_BYTES else None

    def _reached(self, waiting: list[str]) -> set[str]:
        reached: set[str] = set()
        while waiting and len(reached) < MOST_REACHED:
            name = waiting.pop()
            known = self._types.get(name)
            if known is None or name in reached:
                continue
            reached.add(name)
            if isinstance(known, DescriptorProto):
                waiting += [f.type_name[1:] for f in known.field if _is_typed(f)]
        return reached

    def _add_messages(
        self, scope: str, messages: Iterable[DescriptorProto], depth: int
    ) -> None:
        for message in messages:
            if depth and _is_name(message.name):
                name = _joined(scope, message.name)
                self._types[name] = message
                self._add_messages(name, message.nested_type, depth - 1)
                self._add_enums(name, message.enum_type)

    def _add_enums(self, scope: str, enums: Iterable[EnumDescriptorProto]) -> None:
        for enum in enums:
            if _is_name(enum.name):
                self._types[_joined(scope, enum.name)] = enum


def _tell(
    known: DescriptorProto | EnumDescriptorProto, file: FileDescriptorProto
) -> None:
    """Adds a type to a file, without the types within it."""
    if isinstance(known, EnumDescriptorProto):
        enum = file.enum_type.add(name=known.name)
        for value in known.value:
            if _is_name(value.name):
                enum.value.add(name=value.name, number=value.number)
        return
    message = file.message_type.add(name=known.name)
    if known.options.map_entry:
        message.options.map_entry = True
    for field in known.field:
        if _is_name(field.name) and _is_typed(field):
            told = message.field.add(
                name=field.name,
                number=field.number,
                label=field.label,
                type=field.type,
            )
            if field.type_name:
                told.type_name = field.type_name


def _is_typed(field: FieldDescriptorProto) -> bool:
    return not field.type_name or _is_full_name(field.type_name[1:])


def _is_name(name: object) -> bool:
    """What is no UTF-8 comes as bytes."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _is_full_name(name: object) -> bool:
    is_short = isinstance(name, str) and len(name) <= _MOST_NAME
    return is_short and _FULL_NAME.fullmatch(str(name)) is not None


def _joined(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _first(files: Iterable[bytes], most: int) -> Iterator[bytes]:
    for _, file in zip(range(most), files, strict=False):
        yield file
