"""Recall on values that Faker makes up, of all of its locales that have their own.

Faker runs in a virtual environment of its own and writes what the providers of a locale
make, not what it borrows from another one. Its numbers need not be real: those that
python-stdnum or phonenumbers refuses for the locale's country are left out.
"""

import json
import subprocess
from collections import Counter
from pathlib import Path

from benchmarks.detection.environment import install
from benchmarks.detection.labels import independent
from detection.finding import Likelihood, Message
from detection.scanner import Scanner

KEYS = {
    "first_name": "firstName",
    "last_name": "lastName",
    "name": "fullName",
    "city": "city",
    "street_address": "streetAddress",
    "postcode": "postcode",
    "phone_number": "phone",
    "ssn": "nationalId",
    "vat_id": "vatId",
    "license_plate": "licensePlate",
    "passport_number": "passportNumber",
}
"""Faker's method → a telling key."""
CHECKED = {"phone_number": "phone", "ssn": "identity_card", "vat_id": "vat"}
"""Methods whose values someone else can refuse; the label of such values."""
COUNT = 12

PROGRAM = """
import json, sys
from faker import Faker
from faker.config import AVAILABLE_LOCALES
methods, count = json.loads(sys.stdin.read())
rows = []
for locale in sorted(AVAILABLE_LOCALES):
    Faker.seed(7)
    maker = Faker(locale)
    for method in methods:
        make = getattr(maker, method, None)
        if make is not None and make.__self__.__class__.__module__.endswith(locale):
            rows += sorted({(locale, method, str(make())) for _ in range(count)})
json.dump(rows, sys.stdout)
"""


def report(scanner: Scanner, directory: Path) -> None:
    """Prints found of made-up values, without and with a country beside them."""
    python = install(directory, "faker")
    ran = subprocess.run(
        [python, "-W", "ignore", "-c", PROGRAM],
        input=json.dumps([list(KEYS), COUNT]),
        capture_output=True,
        text=True,
        check=True,
    )
    made: Counter[str] = Counter()
    found: Counter[tuple[str, bool]] = Counter()
    locales = set()
    for locale, method, value in json.loads(ran.stdout):
        country = locale.partition("_")[2]
        args = json.dumps([country, f"xx-{country}"])
        if CHECKED.get(method) and independent(CHECKED[method], value, args) is False:
            continue
        locales.add(locale)
        made[method] += 1
        for is_named in (False, True):
            body = {KEYS[method]: value} | ({"country": country} if is_named else {})
            found[method, is_named] += _is_found(scanner, body)
    print(f"made up by Faker in {len(locales)} locales: found, with the country beside")
    for method, count in made.items():
        alone, named = (found[method, is_named] / count for is_named in (False, True))
        print(f"  {KEYS[method]:16} {count:5} {alone:6.3f} {named:6.3f}")


def _is_found(scanner: Scanner, body: dict[str, str]) -> bool:
    data = json.dumps(body, ensure_ascii=False).encode()
    (findings,) = scanner.scan([Message(body=data)])
    return any(
        finding.likelihood >= Likelihood.LIKELY and finding.path != "$.country"
        for finding in findings
    )
