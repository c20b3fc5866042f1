"""JSON bodies as protobuf: a schema made for each of them, and its encoding.

In comes a JSON value, out come a FileDescriptorProto with a service whose only method
answers it, and the message's bytes (protobuf.dev, "Encoding"). Objects are messages,
arrays repeated fields, texts strings, numbers int64 or double; members that are null
are not there. What protobuf cannot hold as it is (arrays within arrays, elements of
several kinds, keys that are no names) is a google.protobuf.Value, as in real schemas.
"""

import re
import struct
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.json_format import ParseDict

METHOD = "/made.Bodies/Get"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_STEP = re.compile(r"\.[^.\[]+|\[[^\]]*\]")
_VALUE = ".google.protobuf.Value"
_F = FieldDescriptorProto


class Encoded:
    """A body's schema and bytes, and the names of its numbers."""

    def __init__(self, value: Any) -> None:
        """Raises ValueError if it is no object of names or list of such."""
        file = FileDescriptorProto(name="made.proto", package="made", syntax="proto3")
        root = value if isinstance(value, dict) else {"items": value}
        self._count = 0
        self._file = file
        kind = self._message([root])
        method = file.service.add(name="Bodies").method.add(name="Get")
        method.input_type = method.output_type = kind
        self._types = {f".made.{m.name}": m for m in file.message_type}
        self.root = kind
        self.file = file.SerializeToString()
        self.data = self._encode(root, self._types[kind])

    def named(self, path: str) -> str:
        """A path with names for its numbers, as far as this schema goes: not into a
        google.protobuf.Value. Without marks of arrays: numbers do not tell those of one
        element."""
        kind: DescriptorProto | None = self._types[self.root]
        told = "$"
        for step in _STEP.findall(path[1:]):
            if kind is None or step == "[*]":
                continue
            called = step[1:]
            field = next((f for f in kind.field if called in _called(f)), None)
            if field is None:
                return ""
            told += f".{field.name}"
            if field.type_name == _VALUE:
                return told
            kind = self._types.get(field.type_name)
        return told

    def numbered(self, value: Any) -> Any:
        """The value with numbers for the names."""
        root = value if isinstance(value, dict) else {"items": value}
        return self._numbered(root, self._types[self.root])

    def _numbered(self, value: Any, kind: DescriptorProto | None) -> Any:
        if isinstance(value, list):
            return [self._numbered(one, kind) for one in value]
        if not isinstance(value, dict) or kind is None:
            return value
        fields = {field.name: field for field in kind.field}
        return {
            str(fields[key].number): self._numbered(
                one, self._types.get(fields[key].type_name)
            )
            for key, one in value.items()
        }

    def _message(self, objects: list[dict[str, Any]]) -> str:
        """The type of all these objects, in full."""
        self._count += 1
        message = self._file.message_type.add(name=f"M{self._count}")
        values: dict[str, list[Any]] = {}
        for one in objects:
            for key, value in one.items():
                if not _NAME.fullmatch(key):
                    raise ValueError("a key is no name")
                values.setdefault(key, []).append(value)
        for number, (key, found) in enumerate(values.items(), 1):
            field = message.field.add(name=key, number=number, label=_F.LABEL_OPTIONAL)
            told = [value for value in found if value is not None]
            if told and all(isinstance(value, list) for value in told):
                field.label = _F.LABEL_REPEATED
                told = [value for some in told for value in some if value is not None]
            self._set_type(field, told)
        return f".made.{message.name}"

    def _set_type(self, field: FieldDescriptorProto, values: list[Any]) -> None:
        kinds = {type(value) for value in values}
        if kinds == {dict}:
            known = self._count, len(self._file.message_type)
            try:
                field.type_name = self._message(values)
                field.type = _F.TYPE_MESSAGE
            except ValueError:
                self._count = known[0]
                del self._file.message_type[known[1] :]
            else:
                return
        elif kinds <= {int, float} and kinds:
            is_whole = kinds == {int} and all(abs(v) < 1 << 63 for v in values)
            field.type = _F.TYPE_INT64 if is_whole else _F.TYPE_DOUBLE
            return
        elif kinds == {bool}:
            field.type = _F.TYPE_BOOL
            return
        elif kinds <= {str}:
            field.type = _F.TYPE_STRING
            return
        field.type, field.type_name = _F.TYPE_MESSAGE, _VALUE

    def _encode(self, value: dict[str, Any], kind: DescriptorProto) -> bytes:
        out = b""
        for field in kind.field:
            found = value.get(field.name)
            many = found if field.label == _F.LABEL_REPEATED else [found]
            plain = [one for one in many or () if one is not None]
            if field.label == _F.LABEL_REPEATED and plain and _is_packed(field):
                packed = b"".join(self._scalar(one, field) for one in plain)
                out += _tag(field.number, 2) + _varint(len(packed)) + packed
                continue
            out += b"".join(self._field(one, field) for one in plain)
        return out

    def _field(self, value: Any, field: FieldDescriptorProto) -> bytes:
        if field.type in (_F.TYPE_INT64, _F.TYPE_BOOL):
            return _tag(field.number, 0) + self._scalar(value, field)
        if field.type == _F.TYPE_DOUBLE:
            return _tag(field.number, 1) + self._scalar(value, field)
        if field.type == _F.TYPE_STRING:
            data = str(value).encode("utf-8", "replace")
        elif field.type_name == _VALUE:
            data = ParseDict(value, struct_pb2.Value()).SerializeToString()
        else:
            data = self._encode(value, self._types[field.type_name])
        return _tag(field.number, 2) + _varint(len(data)) + data

    def _scalar(self, value: Any, field: FieldDescriptorProto) -> bytes:
        if field.type == _F.TYPE_DOUBLE:
            return struct.pack("<d", value)
        return _varint(int(value) & ((1 << 64) - 1))


def _called(field: FieldDescriptorProto) -> tuple[str, str]:
    return field.name, str(field.number)


def _is_packed(field: FieldDescriptorProto) -> bool:
    return field.type in (_F.TYPE_INT64, _F.TYPE_BOOL, _F.TYPE_DOUBLE)


def _tag(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
