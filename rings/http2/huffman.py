# cython: annotation_typing=False
"""Huffman coding of HPACK strings (RFC 7541 section 5.2 and appendix B).

In come coded octets, out go the decoded ones, or none if the code is wrong: it holds
EOS, or its padding is no beginning of EOS of fewer than eight bits. The code is
canonical, so its lengths say all. Eight bits at a time tell a symbol of a short code;
of a long one the length is found by where each length's codes end.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import read_le32

LENGTHS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b"
    "0a0a080b080606060505050606060606060607080f060c0a0d060707070707070707070707070707"
    "07070707070707070807080d130d0e060f0506050605060606050707060606050607060505060707"
    "0707070f0b0e0d1c1416141416161617161717171717181718181617181717171715161716171718"
    "16151416161717151716161815161717151516151716171714161616171616171a1a141316171619"
    "1a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a17"
    "1a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a1e"
)
"""Bits of each octet's code, and of EOS at the end."""

_EOS = 256
_LONGEST = 30
_SHORTEST_LONG = 9
"""Longer codes than eight bits are rare: they are of signs that seldom stand in
fields, and of octets beyond ASCII."""
_LOW = (1 << 32) - 1
_WINDOW = (1 << _LONGEST) - 1


def _codes() -> list[tuple[int, int, int]]:
    """Length, symbol and code of each, in the order of codes."""
    code = before = 0
    found = []
    for length, symbol in sorted((size, symbol) for symbol, size in enumerate(LENGTHS)):
        code <<= length - before
        found.append((length, symbol, code))
        code += 1
        before = length
    return found


def _short() -> bytes:
    """By eight bits: the symbol whose code they begin with, and its length; zero: the
    code is longer."""
    table = bytearray(512)
    for length, symbol, code in _codes():
        for rest in range(1 << 8 - length if length <= 8 else 0):
            place = code << 8 - length | rest
            table[2 * place : 2 * place + 2] = symbol, length
    return bytes(table)


def _long_rows() -> bytes:
    """By length, from _SHORTEST_LONG on: in thirty bits the first code that is beyond
    this length, and the first that is of it; and how many codes are shorter."""
    codes = _codes()
    rows, beyond = bytearray(), 0
    for length in range(_SHORTEST_LONG, _LONGEST + 1):
        own = [code << _LONGEST - length for size, _, code in codes if size == length]
        shorter = sum(size < length for size, _, _ in codes)
        if own:
            beyond = max(own) + (1 << _LONGEST - length)
        for number in (beyond, own[0] if own else beyond, shorter):
            rows += number.to_bytes(4, "little")
    return bytes(rows)


_SHORT = _short()
_LONG = _long_rows()
_SYMBOLS = bytes(symbol for _, symbol, _ in _codes() if symbol != _EOS)


def decoded(data: Octets, start: int, end: int, target: bytearray, place: int) -> int:
    """Writes data[start:end] decoded at `place`, where there is room for eight fifths
    as many; gives where that ends. Below zero if the code is wrong.
    """
    short = _SHORT
    word = bits = 0
    while True:
        while bits < 32 and start < end:
            word = (word & _LOW) << 8 | data[start]
            bits += 8
            start += 1
        while bits >= 8:
            window = word >> (bits - 8) & 255
            length = short[2 * window + 1]
            if length == 0:
                break
            target[place] = short[2 * window]
            place += 1
            bits -= length
        if start < end:
            if bits < _LONGEST:
                continue
        elif bits < 8:
            window = (word << (8 - bits) | 255 >> bits) & 255
            length = short[2 * window + 1]
            if length == 0 or length > bits:
                # Padding: as many ones as are left.
                return place if (word + 1) & ((1 << bits) - 1) == 0 else -1
            target[place] = short[2 * window]
            place += 1
            bits -= length
            continue
        if bits >= _LONGEST:
            found = _long(word >> (bits - _LONGEST) & _WINDOW, bits)
        else:
            rest = _LONGEST - bits
            found = _long((word << rest | _WINDOW >> bits) & _WINDOW, bits)
        if found < 0:
            return -1
        target[place] = found & 255
        place += 1
        bits -= found >> 8


def _long(window: int, bits: int) -> int:
    """The symbol that thirty bits begin with, and its length above the octet; below
    zero if it is EOS, or longer than `bits`."""
    bounds, symbols = _LONG, _SYMBOLS
    length, row = _SHORTEST_LONG, 0
    while window >= read_le32(bounds, row) and length < _LONGEST:
        length += 1
        row += 12
    index = read_le32(bounds, row + 8)
    index += (window - read_le32(bounds, row + 4)) >> (_LONGEST - length)
    if length > bits or index >= _EOS:
        return -1
    return length << 8 | symbols[index]
