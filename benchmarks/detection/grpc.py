"""The same records as JSON and as gRPC: what is found with names and without.

    python -m benchmarks.detection.grpc [--bodies FILE] [--review FILE]

Persons are made up here; `--bodies` are JSON lines with real API bodies under `body`
(gzip), which are not part of the project. Each record is sent as JSON and, with a
schema made for it (`encoding.py`), as a gRPC message, which is read once with the names
that a program would tell and once without. Printed are findings of each, how many of
those found without names the JSON does not have, and what hurting bodies cost.
"""

import argparse
import json
import random
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agent.bodies import Bodies
from agent.record import Message as Captured
from benchmarks.detection.bodies import read, scalars
from benchmarks.detection.encoding import METHOD, Encoded
from detection.finding import Finding, Likelihood
from detection.heads import message
from detection.protobuf.schemas import Schemas, Source
from detection.protobuf.services import services
from detection.scanner import Scanner

PERSONS = 400
LIMIT = 1 << 20
SEED = 15
DECIDED = frozenset(
    "contact.email financial.payment_card financial.iban network.ip_address "
    "credential.stripe_key identity.us_ssn network.mac_address credential.jwt".split()
)
"""Types that a checksum or a format decides."""
ROUNDS = 5
HURTING_BYTES = 100_000
_ASKED = f"POST {METHOD} HTTP/1.1\r\nContent-Type: application/grpc\r\n\r\n".encode()
_ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\r\n"
_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

Key = tuple[str, str]
"""Data type and path."""


class Result(NamedTuple):
    """Likely findings of one record, as JSON and as gRPC; all paths with names."""

    json: set[Key]
    named: set[Key]
    unnamed: set[Key]
    numbered: set[Key]
    """Of the JSON with numbers for its names."""
    possible: set[Key]
    """All of JSON's, likely or not."""
    fields: int


def framed(data: bytes) -> bytes:
    return struct.pack(">BI", 0, len(data)) + data


def scanned(scanner: Scanner, data: bytes, schemas: Schemas) -> list[Finding]:
    asked = Captured(_ASKED, b"", 0, False, 0)
    body = framed(data)
    part = Bodies(LIMIT, schemas).of(asked, Captured(_ANSWERED, body, 0, False, 0))[1]
    return scanner.scan([message(*part[:3])])[0]


def compare(scanner: Scanner, value: Any) -> Result | None:
    """None if protobuf has no form for it."""
    try:
        encoded = Encoded(value)
    except ValueError:
        return None
    known = Schemas()
    for service in services([encoded.file]):
        known.add(*service, Source.PROGRAM)
    root = value if isinstance(value, dict) else {"items": value}
    text = json.dumps(root).encode()
    as_json = scanner.scan([message(_JSON, text, False)])[0]
    named = scanned(scanner, encoded.data, known)
    unnamed = scanned(scanner, encoded.data, Schemas())
    numbers = json.dumps(encoded.numbered(value)).encode()
    as_numbers = scanner.scan([message(_JSON, numbers, False)])[0]

    def keys(findings: list[Finding], least: int = Likelihood.LIKELY) -> set[Key]:
        return {
            (f.data_type, encoded.named(f.path))
            for f in findings
            if f.likelihood >= least
        }

    return Result(
        keys(as_json),
        keys(named),
        keys(unnamed),
        keys(as_numbers),
        keys(as_json, Likelihood.VERY_UNLIKELY),
        scalars(value),
    )


def report(results: list[Result]) -> None:
    """Prints shares of the JSON's findings."""

    def count(field: str, among: str) -> tuple[int, int]:
        whole = sum(len(getattr(one, among)) for one in results)
        pairs = ((getattr(one, field), getattr(one, among)) for one in results)
        return sum(len(one & other) for one, other in pairs), whole

    found, all_of_them = count("named", "json")
    more = sum(len(one.named - one.json) for one in results)
    print(f"  with names      {found} of {all_of_them}, and {more} more")
    found, _ = count("unnamed", "json")
    print(f"  without         {found} of {all_of_them}")
    found, decided = count("unnamed", "numbered")
    print(f"  … of what JSON tells with numbers for names: {found} of {decided}")
    whole, part = Counter[str](), Counter[str]()
    for one in results:
        whole.update(kind for kind, _ in one.json if kind in DECIDED)
        part.update(kind for kind, _ in one.json & one.unnamed if kind in DECIDED)
    for kind, number in sorted(whole.items()):
        print(f"    {kind:24} {part[kind]} of {number}")
    new = [key for one in results for key in one.unnamed - one.possible]
    fields = sum(one.fields for one in results)
    print(f"  likely without names, and nothing in JSON: {len(new)} in {fields} fields")
    for kind, number in Counter(kind for kind, _ in new).most_common():
        print(f"    {kind:24} {number}")


def persons() -> Iterator[dict[str, Any]]:
    """Made-up ones, whose numbers keep their checksums."""
    numbers = random.Random(SEED)
    for number in range(PERSONS):
        given, family = numbers.choice(_GIVEN), numbers.choice(_FAMILY)
        yield {
            "id": number,
            "given_name": given,
            "family_name": family,
            "email": f"{given}.{family}{number}@example.com".lower(),
            "phone_number": f"+44 7{numbers.randint(100_000_000, 999_999_999)}",
            "birth_date": f"19{numbers.randint(40, 99)}-0{numbers.randint(1, 9)}-15",
            "gender": numbers.choice(["female", "male"]),
            "address": {
                "street": f"{numbers.randint(1, 99)} {family} Street",
                "city": numbers.choice(["London", "Leeds", "Bristol", "York"]),
                "postal_code": f"SW1A {numbers.randint(1, 9)}AA",
            },
            "payment": {
                "card_number": _luhn("4" + _digits(numbers, 14)),
                "cvv": _digits(numbers, 3),
                "iban": _iban(_digits(numbers, 18)),
            },
            "ssn": f"{numbers.randint(100, 665)}-{numbers.randint(10, 99)}-"
            f"{numbers.randint(1000, 9999)}",
            "ip_address": f"81.2.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}",
            "username": f"{given[:2]}{family}{number}".lower(),
            "password": f"Xk{_digits(numbers, 4)}!{family}",
            "api_key": "sk_live_" + "".join(numbers.choices(_LETTERS, k=24)),
            "passport_number": _digits(numbers, 9),
            "score": numbers.random(),
            "visits": [numbers.randint(1, 99) for _ in range(3)],
            "is_active": True,
        }


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_GIVEN = "Jane John Mary Peter Alice Robert Emma Oliver Sophie Daniel".split()
_FAMILY = "Roe Smith Baker Turner Walker Carter Fisher Mason Cooper Ward".split()


def _digits(numbers: random.Random, count: int) -> str:
    return "".join(numbers.choices("0123456789", k=count))


def _luhn(digits: str) -> str:
    doubled = [int(d) * (2 - n % 2) for n, d in enumerate(digits[::-1])]
    return digits + str(-sum(d - 9 * (d > 9) for d in doubled) % 10)


def _iban(digits: str) -> str:
    return f"DE{98 - int(digits + '131400') % 97:02}{digits}"


def hurting() -> Iterator[tuple[str, bytes]]:
    """Messages made to cost: what they are, and bytes."""
    size = HURTING_BYTES
    nested = b""
    while len(nested) < size:
        nested = b"\n" + _size(len(nested)) + nested
    yield "messages within messages", nested
    yield "empty fields", b"\n\0" * (size // 2)
    yield "small numbers", b"\x08\x01" * (size // 2)
    yield "groups within groups", b"\x0b" * (size // 2) + b"\x0c" * (size // 2)
    yield "groups that do not end", b"\x0b" * size
    yield (
        "texts that end as none",
        b"\n\x40" * 10 + (b"\n\x40" + b"a" * 63 + b"\0") * (size // 66),
    )
    almost = b"\n\x7d" + b"\n\x7b" + b"\x08\x01" * 61 + b"\xff"
    yield "messages that end as none", almost * (size // len(almost))
    deep = b"\x08\x01" * 40
    for _ in range(60):
        deep = b"\n" + _size(len(deep)) + deep
    yield (
        "deep ones side by side",
        (b"\n" + _size(len(deep)) + deep) * (size // (len(deep) + 3)),
    )


def _size(size: int) -> bytes:
    out = bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes((*out, size))


def speed(scanner: Scanner) -> None:
    """Prints the time a byte takes, usual and at its worst."""
    encoded = [Encoded(person) for person in persons()]
    usual = min(
        sum(_seconds(scanner, one.data) for one in encoded) for _ in range(ROUNDS)
    ) / sum(len(one.data) for one in encoded)
    print(f"usual records: {1e9 * usual:.0f} ns a byte")
    for name, data in hurting():
        worst = min(_seconds(scanner, data) for _ in range(ROUNDS)) / len(data)
        print(f"  {name:26} {worst / usual:5.2f} times")


def _seconds(scanner: Scanner, data: bytes) -> float:
    began = time.process_time()
    scanned(scanner, data, Schemas())
    return time.process_time() - began


def compared(scanner: Scanner, values: Iterable[Any]) -> list[Result]:
    found = [compare(scanner, value) for value in values]
    told = [one for one in found if one is not None]
    print(f"  {len(told)} of {len(found)} records have a form in protobuf")
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=Path, metavar="FILE")
    parser.add_argument("--review", type=Path, metavar="FILE")
    options = parser.parse_args()
    scanner = Scanner.load("")
    print("made-up persons")
    report(compared(scanner, persons()))
    if options.bodies:
        print("API bodies")
        results = compared(scanner, map(json.loads, read(options.bodies)))
        report(results)
        if options.review:
            new = [sorted(one.unnamed - one.possible) for one in results]
            lost = [sorted(one.numbered - one.unnamed) for one in results]
            less = [sorted(one.json - one.named) for one in results]
            options.review.write_text(json.dumps([new, lost, less]))
    speed(scanner)


if __name__ == "__main__":
    main()
