"""How long the cloud keeps what, from the settings: it does not know them itself."""

from agent.settings import Cloud
from cloud.store.keeper import Keeping

_DAY_SECONDS = 86_400


def keeping(cloud: Cloud) -> Keeping:
    """The store's terms."""
    return Keeping(
        minutes_seconds=cloud.minutes_days * _DAY_SECONDS,
        hours_seconds=cloud.hours_days * _DAY_SECONDS,
        days_seconds=cloud.kept_days * _DAY_SECONDS,
        most_bytes=cloud.store_bytes,
    )
