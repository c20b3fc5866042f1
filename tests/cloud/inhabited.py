"""A running cloud with the town in it, its policies switched on and judged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from cloud.doors.site import form_proof
from tests.cloud import town
from tests.cloud.running import Answer, Cloud
from tests.waiting import eventually


@contextmanager
def inhabited(folder: Path) -> Iterator[Cloud]:
    with Cloud(f"sqlite:///{folder / 'town.sqlite3'}") as cloud:
        for package in town.packages():
            cloud.collector.Send(package, timeout=30)
        assert post(cloud, "/policies", document=town.POLICIES).status == 303
        for line in town.POLICIES.splitlines():
            if "- id: " in line:
                name = line.partition("id: ")[2]
                post(cloud, f"/policies/{name}/switch", is_on="yes")
        assert eventually(lambda: bool(violations(cloud)))
        yield cloud


def violations(cloud: Cloud) -> list[str]:
    """Ids of those that are open."""
    told = cloud.get("/api/v1/violations").json()["violations"]
    return [one["id"] for one in told]


def post(cloud: Cloud, path: str, **fields: str | list[str]) -> Answer:
    """A form as the visitor of the first link sends it."""
    proof = form_proof(cloud.cookie.partition("=")[2])
    body = urlencode({**fields, "proof": proof}, doseq=True)
    headers = {"cookie": cloud.cookie, "origin": cloud.address}
    return cloud.ask(path, "POST", headers, body)
