"""Mutated bodies: no exception, and the time of each bounded.

Bodies are cut, doubled, spliced, and given wrong bytes, escapes, quotes and brackets by
a seed; the same run finds the same bodies.
"""

import random
import time
from collections import Counter

from benchmarks.detection import speed
from detection.finding import Finding, Message
from detection.scanner import Scanner

BATCH = 64
PIECES = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"\0", b"\xff", b"\xc3"),
    *(rb"\u0040", rb"\ud800", b'\\"', b"\xef\xbb\xbf", b"\xff\xfe", b"null", b"-1e9"),
    *(b"4111111111111111", b"ada@example.com", b"eyJhbGciOiJIUzI1NiJ9.", b"+44 20 7"),
)


def mutated(numbers: random.Random, texts: list[bytes]) -> bytes:
    """One body with one to four changes."""
    body = bytearray(numbers.choice(texts))
    for _ in range(numbers.randrange(1, 5)):
        start = numbers.randrange(len(body) + 1)
        end = min(len(body), start + numbers.choice((0, 1, 2, 8, 64, 512)))
        change = numbers.randrange(5)
        if change == 0:
            body[start:end] = b""
        elif change == 1:
            body[start:start] = numbers.choice(PIECES)
        elif change == 2:
            body[start:start] = body[start:end]
        elif change == 3:
            body[start:end] = numbers.choice(texts)[start:end]
        else:
            body[start:end] = numbers.randbytes(end - start)
    return bytes(body)


def report(scanner: Scanner, count: int, texts: list[bytes]) -> None:
    """Scans so many mutated bodies; prints the slowest against the average."""
    numbers = random.Random(5)
    texts = [*texts, *speed.orders(50)]
    scanner.scan([Message(body=text) for text in texts])
    times: list[tuple[float, int]] = []
    found: Counter[str] = Counter()
    for _ in range(0, count, BATCH):
        bodies = [mutated(numbers, texts) for _ in range(BATCH)]
        started = time.process_time()
        results = scanner.scan([Message(body=body) for body in bodies])
        times.append((time.process_time() - started, sum(map(len, bodies))))
        _check(results)
        found.update(f.data_type for findings in results for f in findings)
    total, size = sum(took for took, _ in times), sum(size for _, size in times)
    slowest = max(took for took, _ in times)
    print(
        f"{len(times) * BATCH} mutated bodies, no exception: {size / total / 1e6:.1f}"
        f" MB/s, {found.total()} findings of {len(found)} types; the slowest batch of"
        f" {BATCH} took {slowest * 1e3:.0f} ms, the average"
        f" {total / len(times) * 1e3:.1f} ms"
    )


def _check(results: list[list[Finding]]) -> None:
    for findings in results:
        if findings != sorted(findings):
            raise AssertionError("findings out of order")
