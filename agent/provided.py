"""The provider of identities, from the settings: the cloud does not know them itself.

In: the cloud's settings. Out: its door, or one line for each setting that is wrong.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from agent.secret_file import SecretFileError, read_secret
from agent.settings import Cloud
from cloud.doors.visitors.grants import read_grants
from cloud.doors.visitors.provider import Provider, Terms, is_safe
from cloud.doors.web.sign_in import BACK, LEFT, Door

MOST_SECRET_BYTES = 4_096


def door(cloud: Cloud) -> Door | None:
    """None: nobody logs in at a provider. The settings are checked already."""
    if not cloud.oidc_issuer:
        return None
    terms = Terms(
        issuer=cloud.oidc_issuer,
        client_id=cloud.oidc_client_id,
        client_secret=_secret(cloud.oidc_secret_file),
        ca_file=cloud.oidc_ca_file,
        scopes=cloud.oidc_scopes,
        name_claim=cloud.oidc_name_claim,
        groups_claim=cloud.oidc_groups_claim,
    )
    origin = cloud.origin.rstrip("/")
    provider = Provider(terms, origin + BACK, origin + LEFT)
    return Door(provider, read_grants(cloud.oidc_grants))


def broken(cloud: Cloud) -> Iterator[str]:
    """What stands in the way of the provider that is set."""
    if not _is_plain(cloud.oidc_issuer):
        yield "cloud.oidc_issuer: must be https://…, without a query"
    if not cloud.oidc_client_id:
        yield "cloud.oidc_client_id: cloud.oidc_issuer needs it"
    if not is_safe(cloud.origin):
        yield "cloud.origin: must be https://… for cloud.oidc_issuer"
    if "openid" not in cloud.oidc_scopes.split():
        yield "cloud.oidc_scopes: must have openid among them"
    for name in ("name_claim", "groups_claim"):
        if not getattr(cloud, f"oidc_{name}"):
            yield f"cloud.oidc_{name}: must name a claim"
    yield from _broken_files(cloud)
    try:
        if not read_grants(cloud.oidc_grants):
            yield "cloud.oidc_grants: names no group, so nobody could come in"
    except ValueError as error:
        yield f"cloud.oidc_grants: {error}"


def _broken_files(cloud: Cloud) -> Iterator[str]:
    try:
        _secret(cloud.oidc_secret_file)
    except SecretFileError as error:
        yield f"cloud.oidc_secret_file: {error}"
    if cloud.oidc_ca_file:
        try:
            ssl.create_default_context(cafile=cloud.oidc_ca_file)
        except (OSError, ssl.SSLError):
            yield "cloud.oidc_ca_file: is no PEM file of authorities"


def _secret(file: str) -> str:
    """Raises SecretFileError."""
    if not file:
        return ""
    text = read_secret(Path(file), MOST_SECRET_BYTES).decode("latin-1").strip()
    if not text or not text.isascii() or not text.isprintable():
        raise SecretFileError("must hold one secret in one line of printable ASCII")
    return text


def _is_plain(address: str) -> bool:
    parts = urlsplit(address) if is_safe(address) else None
    return parts is not None and not parts.query and not parts.fragment
