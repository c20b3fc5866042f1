"""How many random numbers pass for a tax or identity number of some country.

Under a key that names no country, check digits are of so many countries that a number
of the wrong one often passes: the shorter, the oftener.
"""

import random

from detection.finding import Likelihood, Message
from detection.scanner import Scanner

KEYS = ("taxId", "vatNumber", "nationalId")
LENGTHS = range(7, 16)
NUMBERS = 400


def report(scanner: Scanner) -> None:
    """Prints the share found likely, by digits, of random numbers as JSON strings."""
    print("random digits found likely " + "".join(f"{n:6}" for n in LENGTHS))
    for key in KEYS:
        shares = [_share(scanner, key, length) for length in LENGTHS]
        print(f"{'  under ' + key:27}" + "".join(f"{share:6.2f}" for share in shares))


def _share(scanner: Scanner, key: str, length: int) -> float:
    rng = random.Random(f"{key} {length}")
    numbers = ("".join(rng.choices("0123456789", k=length)) for _ in range(NUMBERS))
    bodies = [f'{{"{key}": "{number}"}}'.encode() for number in numbers]
    results = scanner.scan([Message(body=body) for body in bodies])
    likely = [
        any(f.likelihood >= Likelihood.LIKELY for f in found) for found in results
    ]
    return sum(likely) / NUMBERS
