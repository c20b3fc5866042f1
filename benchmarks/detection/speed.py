"""Speed on made-up bodies of 2 KB, one in ten with a finding; on 40 KB of base64 or
hex, which files in bodies are; and on hurtful ones."""

import base64
import json
import random
import resource
import time
from collections.abc import Callable
from typing import Any

from detection.catalog import Catalog
from detection.check import message
from detection.fields import collect
from detection.finding import Message
from detection.scanner import Scanner

BODIES = 4000
BODY_BYTES = 2048
BATCH = 256
ROUNDS = 5
HURTFUL_BYTES = 1 << 20
RUN_BYTES = 40_000
RUNS = 20

Sets = dict[str, list[bytes]]


def body(numbers: random.Random, is_planted: bool) -> bytes:
    """An order of a shop: numbers, words, times, references."""
    items: list[dict[str, object]] = []
    order: dict[str, object] = {
        "id": numbers.randrange(10**9),
        "status": "active",
        "created_at": "2024-05-01T10:00:00Z",
        "updated_at": 1714557600123,
        "total": 123.45,
        "currency": "EUR",
        "trace": f"{numbers.getrandbits(128):032x}",
        "items": items,
    }
    while len(json.dumps(order)) < BODY_BYTES - 120:
        items.append(
            {
                "sku": f"A-{numbers.randrange(10**6):06d}",
                "quantity": numbers.randrange(100),
                "price": round(numbers.random() * 100, 2),
                "label": numbers.choice(["blue", "large box", "cable 3m"]),
                "ref": f"{numbers.getrandbits(64):016x}",
            }
        )
    if is_planted:
        order["remark"] = "mail to ada.lovelace@example.com"
    return json.dumps(order).encode()


def orders(count: int) -> list[bytes]:
    """Orders, one in ten with a finding."""
    numbers = random.Random(3)
    return [body(numbers, index % 10 == 0) for index in range(count)]


def runs() -> dict[str, list[bytes]]:
    """Bodies with one field each, 40 KB of base64 or hex."""
    numbers = random.Random(5)

    def bodies(write: Callable[[bytes], str], share: float) -> list[bytes]:
        count = int(RUN_BYTES * share)
        texts = (write(numbers.randbytes(count)) for _ in range(RUNS))
        return [json.dumps({"content": text}).encode() for text in texts]

    return {
        "base64": bodies(lambda data: base64.b64encode(data).decode(), 3 / 4),
        "base64url": bodies(
            lambda data: base64.urlsafe_b64encode(data).decode(), 3 / 4
        ),
        "base64, lines": bodies(lambda data: base64.encodebytes(data).decode(), 3 / 4),
        "hex": bodies(bytes.hex, 1 / 2),
        "hex, capitals": bodies(lambda data: data.hex().upper(), 1 / 2),
    }


def hurtful(catalog: Catalog) -> dict[str, bytes]:
    """Bodies of a mebibyte that are hard to read; `plain` is the measure."""
    numbers = random.Random(1)
    plain = b"[" + b",".join(body(numbers, False) for _ in range(512)) + b"]"
    size = HURTFUL_BYTES
    return {
        "plain": plain[:size],
        "near-hits": b'["' + b"a@b. 4111-1111-1111- DE89 3704 " * (size // 31) + b'"]',
        "hits": b"[" + b'"a@b.co",' * (size // 9) + b"0]",
        "telling keys": b"[" + b'{"card_number":"x"},' * (size // 20) + b"0]",
        "named in texts": _repeated(
            '"ssn nip pin dni vat tax id passport phone 123-45-6789 12345678",'
        ),
        "assignments": _repeated('"' + "token=a1b2c3d4e5f6a7b8 " * 40 + '",'),
        "every type": _every_type(catalog),
        "names beside": _repeated('{"name":"Ada B","email":"a@b.co","phone":"1"},'),
        "keys like data": _repeated('{"a@b.co":"c@d.co"},'),
        "numbers": _repeated("4111111111111112,"),
        "JSON in strings": _repeated(r'"{\"email\":\"a@b.co\"}",'),
        "deep": b'{"a":[' * (size // 6),
        "digits": b'["' + b"4" * size + b'"]',
        "escapes": b'["' + rb"\u0040" * (size // 6) + b'"]',
    }


def _every_type(catalog: Catalog) -> bytes:
    """The examples of all types, a few in each string."""
    examples = [example for kind in catalog.types.values() for example in kind.examples]
    bodies = [message(example).body.decode() for example in examples]
    texts = [" ".join(bodies[i : i + 4]) for i in range(0, len(bodies), 4)]
    text = ",".join(json.dumps(part) for part in texts)
    return _repeated(text + ",")


def _repeated(text: str) -> bytes:
    return b"[" + text.encode() * (HURTFUL_BYTES // len(text)) + b"0]"


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def report(scanner: Scanner) -> None:
    texts = orders(BODIES)
    batches = [
        [Message(body=text) for text in texts[start : start + BATCH]]
        for start in range(0, BODIES, BATCH)
    ]
    size = sum(map(len, texts))
    ours = seconds(lambda: [scanner.scan(batch) for batch in batches])
    joined = [b"\0\0".join(m.body for m in batch) for batch in batches]
    raw = seconds(lambda: _raw(scanner, joined))
    print(
        f"scan {size / ours / 1e6:.0f} MB/s, {BODIES / ours:.0f} bodies/s;"
        f" Hyperscan alone {size / raw / 1e6:.0f} MB/s, ratio {raw / ours:.2f}"
    )
    for name, bodies in runs().items():
        messages = [Message(body=text) for text in bodies]
        spent = seconds(lambda messages=messages: scanner.scan(messages))  # type: ignore[misc]
        ratio = spent / sum(map(len, bodies)) / (ours / size)
        print(f"  40 KB {name:13} {ratio:.1f} times orders of as many bytes")
    times = {
        name: seconds(lambda text=text: scanner.scan([Message(body=text)]), 2)  # type: ignore[misc]
        for name, text in hurtful(scanner.catalog).items()
    }
    for name, time_ in times.items():
        ratio = time_ / times["plain"]
        print(f"  1 MiB {name:13} {time_ * 1e3:8.1f} ms, {ratio:.1f} times plain")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(f"resident at most {usage.ru_maxrss / 1024:.0f} MiB")


def _raw(scanner: Scanner, buffers: list[bytes]) -> None:
    take: Any = collect
    for data in buffers:
        scanner.database.scan(data, match_event_handler=take, context=[])
