"""Names of messages and fields, from descriptors as protobuf's compilers make them.

In come FileDescriptorProtos (descriptor.proto, as generated code embeds them or a
FileDescriptorSet holds them), out come, for the path of a method, the types of what it
takes and gives. A type knows its fields by their numbers. Files that name types which
no file has are kept: the types may come later. A message that comes again keeps the
fields that it had and takes the new ones: versions of a program differ so. Of two names
of a field the later one counts, for the newer program is the one that runs.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.message import DecodeError

MOST_TYPES = 100_000
"""Messages, enumerations and methods known at once; what comes beyond is not taken."""
MOST_FILE_BYTES = 4 << 20
MOST_DEPTH = 32
"""Of types within types."""

_REPEATED = FieldDescriptorProto.LABEL_REPEATED
_GROUP = FieldDescriptorProto.TYPE_GROUP
_MESSAGE = FieldDescriptorProto.TYPE_MESSAGE
_ENUM = FieldDescriptorProto.TYPE_ENUM
_KINDS = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in FieldDescriptorProto.Type.items()
}

Told = TypeVar("Told", FileDescriptorProto, FileDescriptorSet)


class Field(msgspec.Struct, gc=False):
    """A field of a message."""

    name: str
    kind: str
    """As in a .proto file: `string`, `sint64` …; `message`, `group` and `enum`."""
    type_name: str = ""
    """Of a message or an enumeration, in full."""
    is_repeated: bool = False


class Type(msgspec.Struct):
    """A message type."""

    name: str
    """In full, without the leading dot."""
    fields: dict[int, Field]
    is_map_entry: bool = False


class Method(msgspec.Struct, gc=False):
    """What a method takes and gives, by the types' full names."""

    request: str
    response: str


class MalformedFileError(ValueError):
    """These bytes are no file descriptor."""


class Types:
    """All types that are known."""

    def __init__(self) -> None:
        self._types: dict[str, Type] = {}
        self._enums: dict[str, dict[int, str]] = {}
        self._methods: dict[str, Method] = {}
        self.refused = 0
        """Types and methods for which there was no room."""
        self.renamed = 0
        """Fields that came again with another name."""

    def __len__(self) -> int:
        return len(self._types) + len(self._enums) + len(self._methods)

    def add(self, file: bytes) -> None:
        """Takes one FileDescriptorProto. Raises MalformedFileError."""
        self._take_files([_parsed(file, FileDescriptorProto())])

    def add_set(self, files: bytes) -> None:
        """Takes a FileDescriptorSet, as `protoc -o` and `buf build -o` write it. Raises
        MalformedFileError."""
        self._take_files(_parsed(files, FileDescriptorSet()).file)

    def type(self, name: str) -> Type | None:
        return self._types.get(name)

    def enum(self, name: str) -> dict[int, str]:
        """Names of its values; none if it is not known."""
        return self._enums.get(name, {})

    def of_method(self, path: bytes, is_request: bool) -> Type | None:
        """The type of a message of this method, whose path is `/package.Service/Name`,
        also where something stands before it."""
        service, _, name = path.partition(b"?")[0].rpartition(b"/")
        whole = service.rpartition(b"/")[2] + b"/" + name
        method = self._methods.get(whole.decode("latin-1"))
        if method is None:
            return None
        return self._types.get(method.request if is_request else method.response)

    def _take_files(self, files: Iterable[FileDescriptorProto]) -> None:
        try:
            for file in files:
                self._take(file)
        except TypeError:
            # Names that are no UTF-8 come as bytes.
            raise MalformedFileError("a name is no text") from None

    def _take(self, file: FileDescriptorProto) -> None:
        package = f"{file.package}." if file.package else ""
        self._take_messages(package, file.message_type, MOST_DEPTH)
        self._take_enums(package, file.enum_type)
        for service in file.service:
            for method in service.method:
                if self._has_room():
                    self._methods[f"{package}{service.name}/{method.name}"] = Method(
                        method.input_type[1:], method.output_type[1:]
                    )

    def _take_messages(
        self, prefix: str, messages: Iterable[DescriptorProto], depth: int
    ) -> None:
        for message in messages:
            name = prefix + message.name
            if not depth or not self._has_room():
                continue
            fields = {field.number: _field(field) for field in message.field}
            known = self._types.get(name)
            if known is not None:
                self.renamed += sum(
                    known.fields[number].name != field.name
                    for number, field in fields.items()
                    if number in known.fields
                )
                fields = known.fields | fields
            self._types[name] = Type(name, fields, message.options.map_entry)
            self._take_messages(f"{name}.", message.nested_type, depth - 1)
            self._take_enums(f"{name}.", message.enum_type)

    def _take_enums(self, prefix: str, enums: Iterable[EnumDescriptorProto]) -> None:
        for enum in enums:
            if self._has_room():
                values = {value.number: value.name for value in enum.value}
                name = prefix + enum.name
                self._enums[name] = self._enums.get(name, {}) | values

    def _has_room(self) -> bool:
        if len(self) < MOST_TYPES:
            return True
        self.refused += 1
        return False


def _parsed(data: bytes, into: Told) -> Told:
    if len(data) > MOST_FILE_BYTES:
        raise MalformedFileError("a descriptor is too long")
    try:
        into.ParseFromString(data)
    except DecodeError:
        raise MalformedFileError("these bytes are no descriptor") from None
    return into


def _field(field: FieldDescriptorProto) -> Field:
    return Field(
        field.name,
        _KINDS.get(field.type, "bytes"),
        field.type_name[1:] if field.type in (_MESSAGE, _ENUM, _GROUP) else "",
        field.label == _REPEATED,
    )
