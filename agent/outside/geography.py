"""Country and network of an address, from the user's MMDB files.

In: an address. Out: a country's code (ISO 3166) and the name of a network, as far as
the files know them. Files of MaxMind, DB-IP and IPinfo have these; none comes with us,
and no address leaves the cluster. The format: maxmind.github.io/MaxMind-DB.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Any, NamedTuple

import maxminddb

LONGEST_NETWORK = 100
"""Characters of a network's name."""
KEPT = 65_536
"""Answers remembered."""
PROVED = 1_000
"""Records of a file that are looked at before it is used."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_NETWORKS = ("autonomous_system_organization", "as_name", "as_organization", "isp")


class Whereabouts(NamedTuple):
    """Of an address; what is not known is empty."""

    country: str = ""
    network: str = ""


NOWHERE = Whereabouts()


class GeographyError(Exception):
    """A file cannot be used; one line for each."""


class Geography:
    """Asks each file in turn."""

    def __init__(self, files: list[str]) -> None:
        """Raises GeographyError."""
        self._readers: list[Any] = []
        wrong = []
        for file in files:
            try:
                self._readers.append(_opened(file))
            except GeographyError as error:
                wrong.append(str(error))
        if wrong:
            raise GeographyError("\n".join(wrong))
        self.find = lru_cache(KEPT)(self._find)

    def _find(self, ip: bytes) -> Whereabouts:
        country = network = ""
        for reader in self._readers:
            found = self._ask(reader, ip)
            country = country or _country(found)
            network = network or _network(found)
        return Whereabouts(country, network)

    def _ask(self, reader: Any, ip: bytes) -> dict[str, Any]:
        """A broken file knows nothing; the digger goes on."""
        try:
            found = reader.get(ip_address(ip))
        except (ValueError, maxminddb.InvalidDatabaseError):
            return {}
        return found if isinstance(found, dict) else {}


def mistakes(files: list[str]) -> Iterator[str]:
    """A line for each file that cannot be used: it is not there, broken, or tells
    neither countries nor networks."""
    for file in files:
        try:
            with _opened(file) as reader:
                _prove(reader, file)
        except GeographyError as error:
            yield str(error)


def _opened(file: str) -> Any:
    """Raises GeographyError."""
    try:
        return maxminddb.open_database(file)
    except OSError as error:
        raise _wrong(file, error.strerror or "cannot be read") from None
    except (ValueError, maxminddb.InvalidDatabaseError):
        raise _wrong(file, "is no MMDB file, or its end is missing") from None


def _prove(reader: Any, file: str) -> None:
    """Raises GeographyError."""
    try:
        told = [record for _, record in islice(reader, PROVED)]
    except (ValueError, UnicodeError, maxminddb.InvalidDatabaseError):
        raise _wrong(file, "is broken: its records cannot be read") from None
    if not any(isinstance(r, dict) and (_country(r) or _network(r)) for r in told):
        kind = "".join(filter(str.isprintable, reader.metadata().database_type))[:60]
        words = f"tells neither countries nor networks (its kind is {kind!r})"
        raise _wrong(file, words)


def _wrong(file: str, words: str) -> GeographyError:
    return GeographyError(f"addresses.geography_files: {file}: {words}")


def _country(found: dict[str, Any]) -> str:
    told = found.get("country")
    code = told.get("iso_code") if isinstance(told, dict) else None
    for text in (code, found.get("country_code"), told):
        if isinstance(text, str) and _COUNTRY.fullmatch(text):
            return text
    return ""


def _network(found: dict[str, Any]) -> str:
    for key in _NETWORKS:
        text = found.get(key)
        if isinstance(text, str) and text.isprintable():
            return text[:LONGEST_NETWORK]
    return ""
