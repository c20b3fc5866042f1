"""What the cloud keeps and where its alerts may go, from the settings: it does not know
them itself."""

from pathlib import Path

from agent.secret_file import read_secret
from agent.settings import Cloud
from cloud.alerts.alerting import Terms
from cloud.alerts.ways.reaching import Reach
from cloud.store.keeper import Keeping

_DAY_SECONDS = 86_400
MOST_KEY_BYTES = 4_096


def keeping(cloud: Cloud) -> Keeping:
    """The store's terms."""
    return Keeping(
        minutes_seconds=cloud.minutes_days * _DAY_SECONDS,
        hours_seconds=cloud.hours_days * _DAY_SECONDS,
        days_seconds=cloud.kept_days * _DAY_SECONDS,
        most_bytes=cloud.store_bytes,
        baseline_seconds=cloud.baseline_seconds,
    )


def terms(cloud: Cloud) -> Terms:
    """How alerts reach out. Raises SecretFileError."""
    key = b""
    if cloud.alerts_key_file:
        key = read_secret(Path(cloud.alerts_key_file), MOST_KEY_BYTES)
    reach = Reach(cloud.alerts_private, cloud.alerts_loopback, cloud.alerts_ca_file)
    return Terms(reach, key, cloud.alerts_folder)
