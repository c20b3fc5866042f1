"""Issuing: the Secrets NAME-tls of all programs, by an authority of the cluster's own.

For clusters without cert-manager. The authority stands in a Secret; each program gets
one with its certificate, in the keys that `components/tls` mounts. What is there and
good stays; what is missing, old or of another authority is made. Looks again each hour.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from agent import authority
from agent.authority import Pair
from agent.cluster.vault import Vault, VaultError
from agent.metrics import Metric

log = logging.getLogger("vethscope")

AUTHORITY = "authority"
DAYS = 365
HOSTS = {
    "interceptor": ("interceptor",),
    "digger": ("digger",),
    "detector": ("detector",),
    "cloud": ("cloud",),
    "broker": ("kafka", "kafka-0.kafka"),
}
"""Programs, each with the names under which it is called; the Secret is NAME-tls."""
LASTING = ("broker",)
"""Kafka reads its files at its start only: these last as long as the authority."""

LOOK_SECONDS = 3600.0
AGAIN_SECONDS = 10.0
"""After a failure."""
WARNED = timedelta(days=180)
"""Before the authority ends, to have the time to change it everywhere."""
LABELS = {
    "app.kubernetes.io/name": "vethscope",
    "app.kubernetes.io/part-of": "vethscope",
    "app.kubernetes.io/managed-by": "vethscope-authority",
}


def _now() -> datetime:
    return datetime.now(UTC)


class Issuer:
    """Keeps the Secrets of a vault good."""

    name = "authority"

    def __init__(self, vault: Vault, now: Callable[[], datetime] = _now) -> None:
        self._vault = vault
        self._now = now
        self.issued = 0
        self.has_started = False
        self.is_ready = False

    @property
    def is_live(self) -> bool:
        """It sleeps for most of its life, and a look has its own time limits."""
        return True

    def metrics(self) -> Iterable[Metric]:
        return ()

    def run(self, stop: threading.Event) -> None:
        """Looks now and each hour until `stop` is set."""
        told = ""
        while not stop.is_set():
            seconds = LOOK_SECONDS
            try:
                self.look()
                told = ""
            except (VaultError, ValueError) as error:
                self.is_ready, seconds = False, AGAIN_SECONDS
                if str(error) != told:
                    told = str(error)
                    log.warning("authority: %s, trying on", told)
            stop.wait(seconds)

    def look(self) -> None:
        """Makes what is due. Raises VaultError; ValueError if the authority is none."""
        above = self._authority()
        left = authority.ends(above.certificate) - self._now()
        if left < WARNED:
            log.warning("authority: it ends in %d days: delete its Secret", left.days)
        for name, hosts in HOSTS.items():
            self._renew(above, name, hosts)
        self.has_started = self.is_ready = True

    def _authority(self) -> Pair:
        made = authority.root(self._now())
        found = self._vault.read(AUTHORITY)
        if found is None:
            data = {"tls.crt": made.certificate, "tls.key": made.key}
            if self._vault.create(AUTHORITY, data, LABELS):
                log.info("authority: made")
                return made
            found = self._vault.read(AUTHORITY) or {}
        return Pair(found.get("tls.crt", b""), found.get("tls.key", b""))

    def _renew(self, above: Pair, name: str, hosts: tuple[str, ...]) -> None:
        secret, now = f"{name}-tls", self._now()
        found = self._vault.read(secret)
        if found is not None and found.get("ca.crt") == above.certificate:
            certificate = found.get("tls.crt", b"")
            if not authority.is_due(above, certificate, hosts, now):
                return
        days = authority.ROOT_DAYS if name in LASTING else DAYS
        pair = authority.issue(above, hosts, now, days)
        data = {
            "ca.crt": above.certificate,
            "tls.crt": pair.certificate,
            "tls.key": pair.key,
            "tls-combined.pem": pair.key + pair.certificate,
        }
        if found is None:
            self._vault.create(secret, data, LABELS)
        else:
            self._vault.replace(secret, data, LABELS)
        self.issued += 1
        log.info("authority: %s has a new certificate", secret)
