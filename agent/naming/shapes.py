# cython: annotation_typing=False, wraparound=True
"""What data in a path looks like.

In: one path segment, decoded. Out: the placeholder named after its shape. In doubt it
is an id.
"""

import re
from ipaddress import ip_address

ID = "{id}"
VALUE = "{value}"
DATE = "{date}"
EMAIL = "{email}"
PHONE = "{phone}"
IP = "{ip}"

_EMAIL = re.compile(r"[^@/:]+@[^@/]+\.[^@/.]+")
_DATE = re.compile(
    r"\d{4}-\d{2}(-\d{2})?([T_ ][\d:.+Z-]*)?|\d{4}\.\d{2}\.\d{2}|\d{2}\.\d{2}\.\d{4}"
)
_PHONE = re.compile(r"\+[\d().-]{6,20}")
_ID_LIKE = re.compile(r"[A-Za-z0-9_\-~.=,+:]+")


def placeholder(text: str) -> str:
    """What stands for a segment that is data."""
    if _EMAIL.fullmatch(text):
        return EMAIL
    if _DATE.fullmatch(text):
        return DATE
    if _PHONE.fullmatch(text):
        return PHONE
    if _is_ip(text):
        return IP
    return ID if _ID_LIKE.fullmatch(text) else VALUE


def is_placeholder(template: str) -> bool:
    return "{" in template


def _is_ip(text: str) -> bool:
    if ":" not in text and text.count(".") != 3:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
