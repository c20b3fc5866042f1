"""Recall and false alarms on labelled values, each in four settings."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from detection.finding import Likelihood, Message
from detection.scanner import Scanner
from detection.validators import find
from detection.verdict import Verdict

KINDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "aba_routing": ("routing_number", ("financial.us_routing",), "stdnum.us.rtn"),
    "bic": ("bic", ("financial.bic",), "stdnum.bic"),
    "bitcoin_address": ("bitcoin_address", ("financial.bitcoin",), "bitcoin_address"),
    "email": ("email", ("contact.email",), ""),
    "ethereum_address": ("eth_address", ("financial.ethereum",), "ethereum_address"),
    "iban": ("iban", ("financial.iban",), "iban"),
    "identity_card": ("identity_card", ("identity.",), ""),
    "imei": ("imei", ("device.imei",), "imei"),
    "jwt": ("token", ("credential.jwt",), "jwt"),
    "lat_long": ("coordinates", ("location.",), ""),
    "license_plate": ("license_plate", ("device.licence_plate",), ""),
    "mac_address": ("mac_address", ("network.mac",), ""),
    "passport": ("passport_number", ("identity.passport",), ""),
    "payment_card": ("card_number", ("financial.payment_card",), "stdnum.luhn"),
    "phone": ("phone", ("contact.phone",), ""),
    "postal_code": ("postal_code", ("contact.postal_code",), ""),
    "secret": ("secret", ("credential.", "network.host_credentials"), ""),
    "tax_id": ("tax_id", ("financial.tax", "financial.vat", "identity."), "any_tax_id"),
    "vat": ("vat_number", ("financial.vat",), "any_vat"),
}
"""Label → telling key, types that count as found, validator that judges the label."""

SETTINGS = ("neutral", "telling", "sentence", "number")


class Labelled(NamedTuple):
    """A value; `is_valid` after independent validators have dropped wrong labels."""

    kind: str
    value: str
    is_valid: bool


def read(file: Path) -> list[Labelled]:
    """Values of known kinds; prints how many labels were dropped."""
    rows: list[Labelled] = []
    dropped = 0
    for line in file.read_text().splitlines():
        row = json.loads(line)
        if row["type"] not in KINDS:
            continue
        validator = KINDS[row["type"]][2]
        answer = find(validator)(row["value"]) if validator else Verdict.UNSURE
        contradicted = Verdict.INVALID if row["valid"] else Verdict.VALID
        if answer is contradicted:
            dropped += 1
            continue
        rows.append(Labelled(row["type"], row["value"], row["valid"]))
    print(f"{len(rows)} labelled values, {dropped} labels dropped")
    return rows


def placed(row: Labelled, setting: str) -> bytes | None:
    """The body that holds the value; none if the setting does not fit it."""
    key = KINDS[row.kind][0]
    if setting == "number":
        plain = row.value.isascii() and row.value.isdigit() and row.value[0] != "0"
        return f'{{"{key}": {row.value}}}'.encode() if plain else None
    body = {
        "neutral": {"value": row.value},
        "telling": {key: row.value},
        "sentence": {"note": f"The {key.replace('_', ' ')} is {row.value} today."},
    }[setting]
    return json.dumps(body).encode()


def report(scanner: Scanner, rows: list[Labelled]) -> None:
    """Prints, for each kind and setting, found of valid and found of invalid."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for setting in SETTINGS:
        cases = [(row, body) for row in rows if (body := placed(row, setting))]
        results = scanner.scan([Message(body=body) for _, body in cases])
        for (row, _), findings in zip(cases, results, strict=True):
            is_found = any(
                finding.likelihood >= Likelihood.LIKELY
                and finding.data_type.startswith(KINDS[row.kind][1])
                for finding in findings
            )
            label = "valid" if row.is_valid else "invalid"
            counts[row.kind, setting][label] += 1
            counts[row.kind, setting]["found " + label] += is_found
    print(f"{'kind':18}" + "".join(f"{s + ' (false alarms)':>28}" for s in SETTINGS))
    for kind in KINDS:
        cells = [_cell(counts[kind, setting]) for setting in SETTINGS]
        print(f"{kind:18}" + "".join(f"{cell:>28}" for cell in cells))


def _cell(count: Counter[str]) -> str:
    return (
        f"{count['found valid']}/{count['valid']}"
        f" ({count['found invalid']}/{count['invalid']})"
    )
