"""An authority of our own: a root certificate, and what it signs (X.509, RFC 5280).

In comes a moment, out go PEM files as bytes. Whoever holds a certificate of the root
is one of ours; both ends of a link show one, so each is for servers and clients.
Nothing is stored here.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT_DAYS = 3650
EARLIER = timedelta(hours=1)
"""Certificates hold since then: clocks of nodes differ."""
RENEWED_SHARE = 1 / 3
"""With less than this of its time left a certificate is made anew."""


class Pair(NamedTuple):
    """PEM of a certificate and of its key (PKCS #8)."""

    certificate: bytes
    key: bytes


def root(now: datetime) -> Pair:
    """A new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("vethscope")
    return _signed(
        _builder(name, name, key, now, now + timedelta(days=ROOT_DAYS)).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        ),
        key,
        key,
    )


def issue(authority: Pair, hosts: tuple[str, ...], now: datetime, days: float) -> Pair:
    """A certificate for these names, the first of which is its own.

    It ends with its authority at the latest. Raises ValueError if that is no authority.
    """
    signer = serialization.load_pem_private_key(authority.key, None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is not of an elliptic curve")
    above = x509.load_pem_x509_certificate(authority.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + timedelta(days=days), above.not_valid_after_utc)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return _signed(
        _builder(_named(hosts[0]), above.subject, key, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, hosts)), False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False),
        key,
        signer,
    )


def is_due(
    authority: Pair, certificate: bytes, hosts: tuple[str, ...], now: datetime
) -> bool:
    """Whether a certificate has to be made anew: old, of others, or of other names."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        found.verify_directly_issued_by(
            x509.load_pem_x509_certificate(authority.certificate)
        )
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return True
    if set(names.value.get_values_for_type(x509.DNSName)) != set(hosts):
        return True
    begin, end = found.not_valid_before_utc, found.not_valid_after_utc
    return end - now < (end - begin) * RENEWED_SHARE


def ends(certificate: bytes) -> datetime:
    """When it ends. Raises ValueError."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(end)
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> Pair:
    certificate = builder.sign(signer, hashes.SHA256())
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
