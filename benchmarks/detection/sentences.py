"""Values in sentences, and sentences without any.

    python -m benchmarks.detection.sentences [PROSE...]

Phones, tax numbers, passports, cards and IBAN, made up here by their own check digits,
stand in twelve patterns of speech; what is found is printed by kind and by pattern. The
seed is held back: the rules were made with another. PROSE are folders with books or
documents (`.md`, `.xhtml`, `.txt`, `.asc`), whose sentences are scanned as a text each:
whatever is likely there is printed with its file, and its type alone.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

from stdnum import iban, luhn
from stdnum.gb import utr
from stdnum.iso7064 import mod_11_10

from detection.finding import Likelihood, Message
from detection.scanner import Scanner

SEED = 80_417
VALUES = 40
"""Of a kind in each pattern."""
MOST_SENTENCES = 12_000

PATTERNS = (
    "{name} is {value}",
    "her {name} was {value} until May",
    "Please note: {name} {value}.",
    "use {value} as {name}",
    "we have {value} on file as the {name}",
    "{name}: {value}, as agreed",
    "The {name} ({value}) has to be checked.",
    "He gave me the {name}, {value}, yesterday",
    "{value} is the {name} that I wrote down",
    "new {name} = {value}",
    "Could you confirm the {name} {value}?",
    "[{name}] {value} -- thanks",
)
NAMES = {
    "contact.phone": ("phone number", "mobile", "telephone"),
    "identity.tax": ("tax id", "tax number", "tax identification number"),
    "identity.passport": ("passport number", "passport"),
    "financial.payment_card": ("card number", "credit card", "card"),
    "financial.iban": ("IBAN", "account"),
}
TAX = ("financial.tax_id", "identity.de_tax_id", "identity.us_ein", "identity.uk_utr")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")
_MARKUP = re.compile(r"<[^>]{1,500}>|```.*?```|^\s*(?:\||#|----).*$", re.S | re.M)


def _phone(numbers: random.Random) -> str:
    digits = f"{numbers.randrange(200, 999)}{numbers.randrange(10**4):04}"
    area = numbers.choice(("212", "415", "617", "303"))
    form = numbers.choice(("+1 {0} {1}-{2}", "({0}) {1}-{2}", "{0}-{1}-{2}"))
    return form.format(area, digits[:3], digits[3:])


def _tax(numbers: random.Random) -> str:
    if numbers.random() < 0.5:
        return _uk_tax(numbers)
    digits = list("123456789")
    numbers.shuffle(digits)
    digits[numbers.randrange(1, 9)] = digits[0]
    body = "".join([*digits, str(numbers.randrange(1, 10))])
    return body + mod_11_10.calc_check_digit(body)


def _uk_tax(numbers: random.Random) -> str:
    body = f"{numbers.randrange(10**8, 10**9)}"
    return utr.calc_check_digit(body) + body


def _passport(numbers: random.Random) -> str:
    letter = numbers.choice(("", "C", "X", "AB"))
    return letter + f"{numbers.randrange(10**9):09}"[: 9 - len(letter)]


def _card(numbers: random.Random) -> str:
    body = numbers.choice(("4539", "5424", "4916")) + f"{numbers.randrange(10**11):011}"
    number = body + luhn.calc_check_digit(body)
    groups = [number[start : start + 4] for start in range(0, 16, 4)]
    return numbers.choice(("", " ", "-")).join(groups)


def _iban(numbers: random.Random) -> str:
    body = f"{numbers.randrange(10**7, 10**8)}{numbers.randrange(10**10):010}"
    number = "DE" + iban.calc_check_digits("DE00" + body) + body
    return iban.format(number) if numbers.random() < 0.5 else number


MADE: dict[str, Callable[[random.Random], str]] = {
    "contact.phone": _phone,
    "identity.tax": _tax,
    "identity.passport": _passport,
    "financial.payment_card": _card,
    "financial.iban": _iban,
}


def is_found(scanner: Scanner, kind: str, text: str) -> bool:
    likely = _likely(scanner, text)
    return bool(likely & {*TAX}) if kind == "identity.tax" else kind in likely


def _likely(scanner: Scanner, text: str) -> set[str]:
    message = Message(body=json.dumps({"text": text}, ensure_ascii=False).encode())
    (findings,) = scanner.scan([message])
    return {f.data_type for f in findings if f.likelihood >= Likelihood.LIKELY}


def recall(scanner: Scanner, seed: int) -> None:
    numbers = random.Random(seed)
    for kind, make in MADE.items():
        found = [
            sum(
                is_found(
                    scanner,
                    kind,
                    pattern.format(
                        name=numbers.choice(NAMES[kind]), value=make(numbers)
                    ),
                )
                for _ in range(VALUES)
            )
            for pattern in PATTERNS
        ]
        share = sum(found) / VALUES / len(PATTERNS)
        each = " ".join(f"{count / VALUES:.2f}" for count in found)
        print(f"{kind:24} {share:.3f}; by pattern {each}")


def sentences(folder: Path) -> Iterator[tuple[Path, str]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix not in (".md", ".xhtml", ".txt", ".asc"):
            continue
        text = _MARKUP.sub(" ", file.read_text("utf-8", "replace"))
        for sentence in _SENTENCE.split(" ".join(text.split())):
            if sentence.count(" ") > 3:
                yield file, sentence


def precision(scanner: Scanner, folders: list[Path]) -> None:
    read = 0
    found: Counter[str] = Counter()
    every = chain.from_iterable(map(sentences, folders))
    for file, sentence in islice(every, MOST_SENTENCES):
        read += 1
        for kind in _likely(scanner, sentence):
            found[f"{kind} in {file.name}"] += 1
    print(f"{read} sentences of prose, likely {found.total()}")
    for name, count in found.most_common():
        print(f"  {count} {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("prose", nargs="*", type=Path)
    options = parser.parse_args()
    scanner = Scanner.load()
    recall(scanner, options.seed)
    if options.prose:
        precision(scanner, options.prose)


if __name__ == "__main__":
    main()
