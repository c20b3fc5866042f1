"""Addresses of crypto-currencies by their own checksums.

Base58Check, Bech32 and Bech32m (BIP 173, BIP 350), EIP-55's mixed case.
"""

import hashlib
import re

from stdnum import bitcoin

from detection.validators.verdict import Verdict, verdict

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_TEST_VERSIONS = (111, 196)
_ROUNDS = 24
_MASK = (1 << 64) - 1


def _base58check(text: str, alphabet: str = _BASE58) -> bytes | None:
    number = 0
    for letter in text:
        digit = alphabet.find(letter)
        if digit < 0:
            return None
        number = number * 58 + digit
    size = max(25, (number.bit_length() + 7) // 8)
    data = number.to_bytes(size, "big")
    body, check = data[:-4], data[-4:]
    digest = hashlib.sha256(hashlib.sha256(body).digest()).digest()
    return body if digest[:4] == check else None


def bitcoin_address(text: str) -> Verdict:
    """Main and test networks, legacy and segregated-witness forms."""
    if bitcoin.is_valid(text) or _is_segwit(text):
        return Verdict.VALID
    body = _base58check(text) if re.fullmatch("[2mn].{25,39}", text) else None
    return verdict(body is not None and len(body) == 21 and body[0] in _TEST_VERSIONS)


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32M = 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def _is_segwit(text: str) -> bool:
    """BIP 173 and, from version 1, BIP 350."""
    text = text.lower()
    prefix, one, data = text.rpartition("1")
    if not one or prefix not in ("bc", "tb", "bcrt") or len(data) < 8:
        return False
    values = [_BECH32.find(letter) for letter in data]
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = _polymod(spread + values)
    return -1 not in values and checksum == (1 if values[0] == 0 else _BECH32M)


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check


def ripple_address(text: str) -> Verdict:
    return verdict(_base58check(text, _RIPPLE) is not None)


def base58_address(text: str) -> Verdict:
    return verdict(_base58check(text) is not None)


_MONERO_BLOCK = 11
_MONERO_SIZES = (0, None, 1, 2, None, 3, 4, 5, None, 6, 7, 8)
"""Bytes that a block of so many letters holds."""


def monero_address(text: str) -> Verdict:
    """Base 58 in blocks of 8 bytes; the last 4 are Keccak's of those before."""
    data = b""
    for start in range(0, len(text), _MONERO_BLOCK):
        block = text[start : start + _MONERO_BLOCK]
        size = _MONERO_SIZES[len(block)]
        number = 0
        for letter in block:
            number = number * 58 + _BASE58.index(letter)
        if size is None or number >> 8 * size:
            return Verdict.INVALID
        data += number.to_bytes(size, "big")
    return verdict(keccak256(data[:-4])[:4] == data[-4:])


def ethereum_address(text: str) -> Verdict:
    """Mixed case must be EIP-55's checksum; one case proves only the form."""
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return verdict(len(set(digits)) > 4)
    hashed = keccak256(digits.lower().encode()).hex()
    return verdict(
        all(
            letter == (letter.upper() if int(nibble, 16) > 7 else letter.lower())
            for letter, nibble in zip(digits, hashed, strict=False)
        )
    )


def keccak256(data: bytes) -> bytes:
    """Keccak with 256 bits as before FIPS 202's padding, for short inputs."""
    rate = 136
    padded = bytearray(data + b"\x01" + b"\x00" * (rate - 1 - len(data) % rate))
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            first = start + lane * 8
            state[lane] ^= int.from_bytes(padded[first : first + 8], "little")
        state = _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _rotate(value: int, count: int) -> int:
    return ((value << count) | (value >> (64 - count))) & _MASK if count else value


def _permute(lanes: list[int]) -> list[int]:
    """Keccak-f[1600]; lane (x, y) stands at x + 5 y."""
    register = 1
    for _ in range(_ROUNDS):
        columns = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        for x in range(5):
            mixed = columns[(x + 4) % 5] ^ _rotate(columns[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                lanes[x + y] ^= mixed
        x, y, current = 1, 0, lanes[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            turned = _rotate(current, (step + 1) * (step + 2) // 2 % 64)
            current, lanes[x + 5 * y] = lanes[x + 5 * y], turned
        for y in range(0, 25, 5):
            row = lanes[y : y + 5]
            for x in range(5):
                lanes[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5])
        for bit in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            if register & 2:
                lanes[0] ^= 1 << ((1 << bit) - 1)
    return lanes
