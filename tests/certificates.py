"""Certificates for tests: an authority of its own, and what it signs, as PEM files."""

import datetime
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.certificates import Files
from tests.replacing import replace

DAY = datetime.timedelta(days=1)
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


class Pem(NamedTuple):
    """The files of one end of a link."""

    ca: str
    certificate: str
    key: str

    def of(self, group: str) -> Files:
        return Files(group, *self)


class Authority:
    """Signs certificates for loopback; two of them do not know each other."""

    def __init__(self, name: str = "tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = (
            _builder(self._name, self._name, self._key.public_key(), DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(
        self,
        folder: Path,
        name: str = "localhost",
        host: x509.GeneralName = LOOPBACK,
        lasts: datetime.timedelta = DAY,
    ) -> Pem:
        """Writes the three files into the folder, over those of before."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name), host])
        certificate = (
            _builder(_named(name), self._name, key.public_key(), lasts)
            .add_extension(names, False)
            .sign(self._key, hashes.SHA256())
        )
        folder.mkdir(exist_ok=True)
        pem = Pem(*(str(folder / part) for part in ("ca.crt", "tls.crt", "tls.key")))
        own = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        replace(Path(pem.ca), _pem(self._certificate), 0o644)
        replace(Path(pem.certificate), _pem(certificate), 0o644)
        replace(Path(pem.key), own)
        return pem


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    lasts: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + lasts)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
