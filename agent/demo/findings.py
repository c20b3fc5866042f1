"""Reads back what the cloud holds, from the JSON twins of its pages.

In: the dashboard's address and an API key. Out: one finding for each place where the
cloud knows of a data type. Raises OSError and msgspec.DecodeError where the dashboard
fails.
"""

from collections.abc import Iterator
from http.client import HTTPConnection
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

Shape = TypeVar("Shape")

PAGE = 200
SECONDS = 2.0


class Finding(msgspec.Struct, frozen=True):
    """A data type at a place, as the demo's summary lists it."""

    endpoint: str
    """Method and path template."""
    data_type: str
    path: str
    direction: str
    location: str
    count: int
    sensitivity: str
    client: str
    server: str
    protocol: str
    """As the cloud calls it: grpc."""


class _Name(msgspec.Struct):
    name: str


class _Client(msgspec.Struct):
    client: _Name


class _Field(msgspec.Struct):
    direction: str
    location: str
    path: str
    data_type: str
    sensitivity: str
    count: int


class _Endpoint(msgspec.Struct):
    method: str
    path: str
    protocols: list[str]
    server: _Name
    clients: list[_Client]
    fields: list[_Field]


class _Row(msgspec.Struct):
    id: str


class _Rows(msgspec.Struct):
    endpoints: list[_Row]


def read(dashboard: str, key: str) -> list[Finding]:
    """All findings, sorted by endpoint and place."""
    headers = {"authorization": f"Bearer {key}"}
    target = urlsplit(dashboard)
    connection = HTTPConnection(target.hostname or "", target.port, timeout=SECONDS)
    try:
        page = f"/api/v1/endpoints?size={PAGE}"
        rows = _get(connection, headers, page, _Rows).endpoints
        found = [
            finding
            for row in rows
            for finding in _findings(
                _get(connection, headers, f"/api/v1/endpoints/{row.id}", _Endpoint)
            )
        ]
    finally:
        connection.close()
    return sorted(found, key=lambda f: (f.endpoint, f.direction, f.path, f.data_type))


def _findings(endpoint: _Endpoint) -> Iterator[Finding]:
    for field in endpoint.fields:
        yield Finding(
            endpoint=f"{endpoint.method} {endpoint.path}",
            data_type=field.data_type,
            path=field.path,
            direction=field.direction,
            location=field.location,
            count=field.count,
            sensitivity=field.sensitivity,
            client=", ".join(client.client.name for client in endpoint.clients),
            server=endpoint.server.name,
            protocol=", ".join(endpoint.protocols),
        )


def _get(
    connection: HTTPConnection,
    headers: dict[str, str],
    path: str,
    shape: type[Shape],
) -> Shape:
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise OSError(f"the dashboard answered {response.status} to {path}")
    return msgspec.json.decode(body, type=shape)
