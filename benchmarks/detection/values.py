"""Recall and false alarms on labelled values, each in four settings.

neutral: under keys that say nothing; telling: under keys that tell the type; country:
under such keys that name the country too, or with a field beside them that does, where
the label is for one; sentence: in a text that names the type; number: as a JSON number,
where it is one. A value counts as found if its type is likely or above.
"""

import json
from collections import Counter, defaultdict
from typing import NamedTuple

from benchmarks.detection.labels import BY_COUNTRY, Labelled, is_of_no_country
from detection.finding import Likelihood, Message
from detection.scanner import Scanner

NEUTRAL_KEYS = ("value", "data", "field", "x")
SETTINGS = ("neutral", "telling", "country", "sentence", "number")
WIDTH = 23
LOCAL = "identity_card license_plate passport phone postal_code tax_id vat".split()
"""Kinds whose numbers are of one country."""
NAMES = {"IS": "iceland", "NO": "norway"}
"""Of countries whose codes deny what follows in a key (`is_`, `no_`)."""

IDENTITY = ("identity.", "financial.", "health.")


class Kind(NamedTuple):
    """How values of a label are placed, and what counts as finding them."""

    keys: tuple[str, ...]
    types: tuple[str, ...] = IDENTITY
    group: str = "other"
    is_decisive: bool = False
    """The format alone decides, so a neutral key will do."""


def _keys(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_CARD = ("financial.payment_card",)
_TAX = ("financial.tax", "financial.vat", "identity.", "health.")
_CHECKED = "checksummed"
KINDS: dict[str, Kind] = {
    "aba_routing": Kind(
        _keys("routingNumber aba_routing_number"), ("financial.us_routing",), _CHECKED
    ),
    "bic": Kind(_keys("bic swiftCode"), ("financial.bic",)),
    "bitcoin_address": Kind(
        _keys("bitcoinAddress btc_address walletAddress"),
        ("financial.bitcoin",),
        _CHECKED,
        True,
    ),
    "ethereum_address": Kind(
        _keys("ethAddress ethereum_address wallet"),
        ("financial.ethereum",),
        _CHECKED,
        True,
    ),
    "iban": Kind(_keys("iban bankAccountIban"), ("financial.iban",), _CHECKED, True),
    "imei": Kind(_keys("imei deviceImei"), ("device.imei",), _CHECKED),
    "payment_card": Kind(
        _keys("creditCard card_number cardNumber CARD-NO pan"), _CARD, _CHECKED, True
    ),
    "vat": Kind(_keys("vatNumber vat_id taxVatNumber"), _TAX, _CHECKED),
    "tax_id": Kind(_keys("taxId tax_number taxpayerId"), _TAX, _CHECKED),
    "identity_card": Kind(
        _keys("nationalId identity_card idNumber"), IDENTITY, "identity cards"
    ),
    "jwt": Kind(_keys("jwt token accessToken"), ("credential.jwt",), _CHECKED, True),
    "email": Kind(
        _keys("email userEmail e-mail"), ("contact.email",), "addresses", True
    ),
    "mac_address": Kind(_keys("macAddress mac"), ("network.mac_address",), "addresses"),
    "phone": Kind(_keys("phone mobileNumber telephone"), ("contact.phone",), "phones"),
    "secret": Kind(
        _keys("secret apiKey token"),
        ("credential.", "network.host_credentials", "network.wifi"),
        "secrets",
        True,
    ),
    "lat_long": Kind(_keys("coordinates latLng location"), ("location.",)),
    "license_plate": Kind(
        _keys("licensePlate plate_number"), ("device.licence_plate",)
    ),
    "passport": Kind(_keys("passportNumber passport_no"), ("identity.passport",)),
    "postal_code": Kind(_keys("postalCode zip"), ("contact.postal_code",)),
}
_PRESIDIO = {
    "aba_routing": Kind(_keys("routing_number"), ("financial.us_routing",), _CHECKED),
    "credit_card": Kind(_keys("creditCard"), _CARD, _CHECKED, True),
    "crypto": Kind(_keys("walletAddress"), ("financial.bitcoin",), _CHECKED, True),
    "email": Kind(_keys("email"), ("contact.email",), "addresses", True),
    "iban": Kind(_keys("iban"), ("financial.iban",), _CHECKED, True),
    "ip": Kind(_keys("ip ipAddress"), ("network.ip",), "addresses", True),
    "mac": Kind(_keys("mac"), ("network.mac",), "addresses", True),
    "phone": Kind(_keys("phone"), ("contact.phone",), "phones"),
    "ph_mobile_number": Kind(_keys("mobileNumber"), ("contact.phone",), "phones"),
    "tr_phone_number": Kind(_keys("phoneNumber"), ("contact.phone",), "phones"),
    "in_voter": Kind(_keys("in_voter_id voter_id"), ("identity.voter_id",)),
    "de_kfz": Kind(_keys("de_kfz kennzeichen"), ("device.licence_plate",)),
    "ca_postal_code": Kind(_keys("ca_postal_code"), ("contact.postal_code",)),
    "medical_license": Kind(_keys("medical_license"), ("identity.", "health.")),
    "za_license_plate": Kind(_keys("za_license_plate"), ("device.licence_plate",)),
    "de_plz": Kind(_keys("dePlz plz"), ("contact.postal_code",)),
    "uk_postcode": Kind(_keys("uk_postcode postcode"), ("contact.postal_code",)),
    **{
        f"{country}_vehicle_registration": Kind(
            _keys(f"{country}LicensePlate licensePlate"), ("device.licence_plate",)
        )
        for country in ("in", "ng", "uk")
    },
    "tr_license_plate": Kind(
        _keys("trLicensePlate licensePlate"), ("device.licence_plate",)
    ),
    **{
        name: Kind((name, name.split("_", 1)[1]), IDENTITY, _CHECKED)
        for name in _keys(
            "au_abn au_acn au_medicare au_tfn ca_sin de_health_insurance de_tax_id"
            " de_vat_id es_nie es_nif fi_personal_identity_code in_aadhaar in_gstin"
            " in_pan it_fiscal_code it_vat_code kr_brn kr_frn kr_rrn pl_pesel"
            " se_organisationsnummer se_personnummer sg_uen th_tnin tr_national_id"
            " uk_nhs us_npi za_id_number"
        )
    },
    **{
        name: Kind((name,), IDENTITY)
        for name in _keys(
            "certificate_number de_bsnr de_fuehrerschein de_handelsregister de_id_card"
            " de_lanr de_passport de_social_security de_tax_number es_passport"
            " in_passport it_driver_license it_identity_card it_passport"
            " kr_driver_license kr_passport ng_nin ph_tin sg_fin uk_driving_licence"
            " ph_passport ph_umid uk_nino uk_passport us_bank_number us_claim_number"
            " us_driver_license us_health_insurance_member_id us_itin us_mbi"
            " us_passport us_prescription_number us_prior_authorization_number"
            " us_provider_tax_id us_referral_number us_ssn za_company_registration"
            " za_driver_license za_income_tax_number za_passport"
            " za_traffic_register_number za_vat_number"
        )
    },
}
KINDS.update({f"presidio:{name}": kind for name, kind in _PRESIDIO.items()})


def words(key: str) -> str:
    """A key as a sentence would have it."""
    spaced = "".join(f" {c.lower()}" if c.isupper() else c for c in key)
    return spaced.replace("_", " ").replace("-", " ").strip()


def placed(row: Labelled, setting: str) -> list[bytes]:
    """The bodies that hold the value; none if the setting does not fit it."""
    keys = KINDS[row.kind].keys
    if setting == "number":
        plain = row.value.isascii() and row.value.isdigit() and row.value[0] != "0"
        return [f'{{"{key}": {row.value}}}'.encode() for key in keys if plain]
    if setting == "country":
        return _in_countries(row) if row.kind in LOCAL else []
    bodies: list[dict[str, str]] = {
        "neutral": [{key: row.value} for key in NEUTRAL_KEYS],
        "telling": [{key: row.value} for key in keys],
        "sentence": [
            {"note": f"The {words(key)} is {row.value} today."} for key in keys[:1]
        ],
    }[setting]
    return [json.dumps(body).encode() for body in bodies]


def _in_countries(row: Labelled) -> list[bytes]:
    """Once with the country in the key, once beside it."""
    bodies = []
    for country in row.countries:
        name = NAMES.get(country, country.lower())
        for key in KINDS[row.kind].keys:
            bodies.append({f"{name}_{words(key).replace(' ', '_')}": row.value})
            bodies.append({key: row.value, "country": country})
    return [json.dumps(body).encode() for body in bodies]


Counts = dict[tuple[str, str], Counter[str]]


def count(scanner: Scanner, rows: list[Labelled]) -> Counts:
    """For each kind and setting: bodies and findings, of valid and invalid values."""
    counts: Counts = defaultdict(Counter)
    for setting in SETTINGS:
        cases = [(row, body) for row in rows for body in placed(row, setting)]
        results = scanner.scan([Message(body=body) for _, body in cases])
        for (row, _), findings in zip(cases, results, strict=True):
            is_found = any(
                finding.likelihood >= Likelihood.LIKELY
                and finding.data_type.startswith(KINDS[row.kind].types)
                for finding in findings
            )
            label = "valid" if row.is_valid else "invalid"
            counts[row.kind, setting][label] += 1
            counts[row.kind, setting]["found " + label] += is_found
    return counts


def report(scanner: Scanner, rows: list[Labelled], dropped: Counter[str]) -> None:
    """Prints found of valid and found of invalid values, by kind and by group."""
    print(f"{len(rows)} labelled values; dropped: ", end="")
    print(", ".join(f"{number} {reason}" for reason, number in dropped.items()))
    counts = count(scanner, rows)
    print(f"{'':34}" + "".join(f"{s + ' (false)':>{WIDTH}}" for s in SETTINGS))
    for kind in KINDS:
        _row(kind, [counts[kind, setting] for setting in SETTINGS])
    for group in dict.fromkeys(kind.group for kind in KINDS.values()):
        members = [name for name, kind in KINDS.items() if kind.group == group]
        _row(group, [_sum(counts, members, setting) for setting in SETTINGS], True)
        decisive = [name for name in members if KINDS[name].is_decisive]
        if decisive and len(decisive) < len(members):
            neutral = _sum(counts, decisive, "neutral")
            _row(f"{group}, decisive formats", [neutral], True)
    _report_of_no_country(scanner, rows)


def _report_of_no_country(scanner: Scanner, rows: list[Labelled]) -> None:
    """Invalid numbers that are not another country's either."""
    numbers = [
        row
        for row in rows
        if row.kind in BY_COUNTRY and not row.is_valid and is_of_no_country(row.value)
    ]
    counts = count(scanner, numbers)
    for kind in BY_COUNTRY:
        cells = [counts[kind, setting] for setting in SETTINGS]
        _row(f"{kind}, of no country", cells)


def _sum(counts: Counts, members: list[str], setting: str) -> Counter[str]:
    return sum((counts[name, setting] for name in members), Counter())


def _row(label: str, cells: list[Counter[str]], with_rates: bool = False) -> None:
    print(f"{label:34}" + "".join(f"{_cell(c, with_rates):>{WIDTH}}" for c in cells))


def _cell(count: Counter[str], with_rate: bool) -> str:
    valid, found = count["valid"], count["found valid"]
    rate = f"{found / valid:.3f} " if with_rate and valid else ""
    return f"{rate}{found}/{valid} ({count['found invalid']}/{count['invalid']})"
