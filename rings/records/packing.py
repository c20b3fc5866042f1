# cython: annotation_typing=False
"""MessagePack, only what batches are made of, appended to a buffer.

In come numbers, bytes and sizes, out go the shortest forms of the specification
(<https://github.com/msgpack/msgpack/blob/master/spec.md>). An array's elements are
appended by the caller.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import append, append_be

_FIXED_INTEGER = 0x80
_FIXED_ARRAY = 0x90
_FIXED_TEXT = 0xA0
_FALSE = 0xC2
_TRUE = 0xC3
_BYTES_8 = 0xC4
_BYTES_16 = 0xC5
_BYTES_32 = 0xC6
_INTEGER_8 = 0xCC
_INTEGER_16 = 0xCD
_INTEGER_32 = 0xCE
_INTEGER_64 = 0xCF
_TEXT_8 = 0xD9
_ARRAY_16 = 0xDC
_ARRAY_32 = 0xDD


def pack_integer(target: bytearray, number: int) -> None:
    """Not negative, below 2^64."""
    if number < _FIXED_INTEGER:
        append_be(target, number, 0, 0)
    elif number <= 0xFF:
        append_be(target, _INTEGER_8, number, 1)
    elif number <= 0xFFFF:
        append_be(target, _INTEGER_16, number, 2)
    elif number <= 0xFFFFFFFF:
        append_be(target, _INTEGER_32, number, 4)
    else:
        append_be(target, _INTEGER_64, number, 8)


def pack_truth(target: bytearray, truth: bool) -> None:
    append_be(target, _TRUE if truth else _FALSE, 0, 0)


def pack_octets(target: bytearray, data: Octets, start: int, end: int) -> None:
    """data[start:end], fewer than 2^32 bytes."""
    pack_octets_size(target, end - start)
    append(target, data, start, end)


def pack_octets_size(target: bytearray, size: int) -> None:
    """What stands before so many bytes."""
    if size <= 0xFF:
        append_be(target, _BYTES_8, size, 1)
    elif size <= 0xFFFF:
        append_be(target, _BYTES_16, size, 2)
    else:
        append_be(target, _BYTES_32, size, 4)


def pack_text(target: bytearray, text: bytes) -> None:
    """UTF-8 of fewer than 256 bytes."""
    size = len(text)
    if size < 32:
        append_be(target, _FIXED_TEXT | size, 0, 0)
    else:
        append_be(target, _TEXT_8, size, 1)
    append(target, text, 0, size)


def pack_array(target: bytearray, size: int) -> None:
    if size <= 15:
        append_be(target, _FIXED_ARRAY | size, 0, 0)
    elif size <= 0xFFFF:
        append_be(target, _ARRAY_16, size, 2)
    else:
        append_be(target, _ARRAY_32, size, 4)
