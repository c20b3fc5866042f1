"""Certificates and keys of a link, as PEM files.

In: where the files stand. Out: their content, checked: certificates can be read, and
the key is that of the certificate. Who trusts whom is decided by TLS, not here. Names
of settings are told, content never.
"""

from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from agent.secret_file import SecretFileError, read_secret

MOST_BYTES = 1 << 20
"""Of a file: a system's whole list of authorities is a quarter of it."""


class CertificateError(Exception):
    """A file of a link cannot be used; the text names the setting."""


class Content(NamedTuple):
    """What stands in the files; empty: no such file is set."""

    ca: bytes
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Content()"


class Files(NamedTuple):
    """Paths; empty: none. A setting is named `group.ca_file` and so on."""

    group: str
    ca: str
    certificate: str
    key: str
    prefix: str = ""
    """Before `certificate_file` and `key_file`, where a group has two of them."""

    def read(self) -> Content:
        """Raises CertificateError."""
        ca = self._certificates("ca_file", self.ca)
        certificate = self._certificates(
            f"{self.prefix}certificate_file", self.certificate
        )
        if bool(self.certificate) != bool(self.key):
            raise CertificateError(
                f"{self._name('certificate_file')} and {self.prefix}key_file: "
                "one needs the other"
            )
        return Content(ca, certificate, self._key(certificate) if self.key else b"")

    def _certificates(self, setting: str, file: str) -> bytes:
        if not file:
            return b""
        try:
            content = Path(file).read_bytes()
            x509.load_pem_x509_certificates(content)
        except OSError as error:
            why = error.strerror
        except ValueError:
            why = "holds no certificate in PEM"
        else:
            return content
        raise CertificateError(f"{self.group}.{setting}: {file!r}: {why}")

    def _key(self, certificates: bytes) -> bytes:
        setting = self._name("key_file")
        try:
            content = read_secret(Path(self.key), MOST_BYTES)
            key = serialization.load_pem_private_key(content, None)
        except SecretFileError as error:
            raise CertificateError(f"{setting}: {error}") from None
        except (ValueError, TypeError):
            raise CertificateError(
                f"{setting}: holds no private key in PEM without a password"
            ) from None
        own = x509.load_pem_x509_certificates(certificates)[0]
        if key.public_key() != own.public_key():
            raise CertificateError(
                f"{setting}: is not the key of {self._name('certificate_file')}"
            )
        return content

    def _name(self, setting: str) -> str:
        return f"{self.group}.{self.prefix}{setting}"


def name_in(certificate: bytes) -> str:
    """The first host name or address of a certificate in PEM; empty: none."""
    own = x509.load_pem_x509_certificates(certificate)[0]
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ""
    names = found.value
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return next(iter([*hosts, *addresses]), "")
