"""Names from a TOML file, where no Kubernetes tells them (setting `addresses.file`).

    [[workload]]
    namespace = "shop"              # optional
    kind = "Deployment"             # optional: Deployment
    name = "orders"
    addresses = ["10.1.0.2", "fd00::2"]

    [[service]]
    namespace = "shop"              # optional
    name = "orders"
    addresses = ["10.96.0.12"]      # the service's own addresses

In: the file's text. Out: an index filled once. Raises NamesError with all mistakes.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import msgspec

from agent.cluster.addresses import POD, SERVICE, AddressIndex, Workload

Text = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{1,253}$")]
Namespace = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{0,253}$")]


class NamesError(Exception):
    """The file cannot be used; one line for each mistake."""


class _Workload(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    addresses: list[str]
    kind: Text = "Deployment"
    namespace: Namespace = ""


class _Service(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    addresses: list[str]
    namespace: Namespace = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    workload: list[_Workload] = []
    service: list[_Service] = []


def load(file: Path, index: AddressIndex) -> None:
    """Fills the index, for all times. Raises NamesError."""
    try:
        names = msgspec.toml.decode(file.read_bytes(), type=_File)
    except (OSError, ValueError) as error:
        raise NamesError(f"addresses.file: {file}: {error}") from error
    owners = [
        (Workload(w.namespace, w.kind, w.name), int(POD), text)
        for w in names.workload
        for text in w.addresses
    ] + [
        (Workload(s.namespace, "Service", s.name), int(SERVICE), text)
        for s in names.service
        for text in s.addresses
    ]
    _fill(owners, file, index)


def _fill(
    owners: list[tuple[Workload, int, str]], file: Path, index: AddressIndex
) -> None:
    errors = []
    seen: dict[bytes, Workload] = {}
    for workload, kind, text in owners:
        try:
            ip = ip_address(text).packed
        except ValueError:
            errors.append(f"addresses.file: {file}: {text!r}: not an IP address")
            continue
        if seen.setdefault(ip, workload) != workload:
            errors.append(f"addresses.file: {file}: {text!r}: has two owners")
        index.add(ip, workload, kind, 0, text)
    if errors:
        raise NamesError("\n".join(errors))
