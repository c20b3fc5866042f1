"""One path segment: a word of the interface, or data that must not stay.

In: one raw segment. Out: the segment itself if it reads like a word, a version or a
file name of an interface, else a placeholder named after what it looks like. In doubt
it is data. Percent-encoding (RFC 3986 section 2.1) is undone first, once.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

ID = "{id}"
NAME = "{name}"
VALUE = "{value}"
DATE = "{date}"
EMAIL = "{email}"
PHONE = "{phone}"
IP = "{ip}"
SLUG = "{slug}"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WELL_KNOWN = _words(
    """about account accounts actuator admin all api apis assets auth authorize
    batch bulk callback cancel cart categories checkout config confirm count
    create current customers delete docs download events export favicon.ico feed
    files filter graphql groups health healthz history home images import index
    info invoices items jobs latest list livez login logout me messages metrics
    new notifications oauth oauth2 openapi.json orders password payments ping
    prices products profile profiles public query readyz refresh register
    reports reset reviews robots.txt rest roles rpc search self sessions
    settings shipments signin signout signup static stats status swagger tags
    teams token tokens update upload uploads user users validate verify version
    webhooks"""
)
"""Words of interfaces that never count as names."""

DATA_FOLLOWS = _words(
    """address authors card city contacts customers email emails employees
    firstname followers friends iban key lastname login members name names
    owners passport password passwords patients people persons phone phones
    plate secret slug ssn surname tag token user username usernames users vin
    zip"""
)
"""Words after which any segment that is not well known is taken for data."""

_WITH_DIGITS = _words(
    """2fa 3d 3ds auth0 b2b b2c base64 e2e h264 i18n ipv4 ipv6 k8s l10n md5 mp3 mp4
    oauth1 oauth2 p2p s3 sha1 sha256 utf8 web2 web3 x509"""
)
_EXTENSIONS = _words(
    """action asp aspx avif bmp cgi css csv do eot gif gz htm html ico ics jpeg jpg
    js json jsonl jsp map md mjs mp3 mp4 ndjson pdf php png proto rss svc svg
    tar tiff ttf txt wasm wav webm webp woff xls xlsx xml yaml yml zip"""
)
_PACKAGE_ROOTS = frozenset(("com", "org", "net", "io", "dev", "grpc", "google"))

_MOST_WORDS = 5
_LONGEST_SEGMENT = 200
_LONGEST = 64
_LONGEST_TOKEN = 30
_PLAIN_ID = re.compile(
    rb"\d{1,40}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-fA-F]{9,64}"
)
"""The commonest ids, decided at once."""
_PRINTABLE = re.compile(rb"[\x21-\x7e]+")
_EMAIL = re.compile(r"[^@/]+@[^@/]+\.[^@/.]+")
_DATE = re.compile(
    r"\d{4}-\d{2}(-\d{2})?([T_ ][\d:.+Z-]*)?|\d{4}\.\d{2}\.\d{2}|\d{2}\.\d{2}\.\d{4}"
)
_PHONE = re.compile(r"\+[\d().-]{6,20}")
_VERSION = re.compile(r"[vV]\d{1,3}(\.\d{1,3}){0,2}((alpha|beta|rc|preview)\d{0,2})?")
_LOCALE = re.compile(r"[a-z]{2}[-_][A-Z]{2}")
_VERB = re.compile(r"(.+):([a-z][A-Za-z]{1,30})")
_CALL = re.compile(r"([A-Za-z][A-Za-z.]{0,40})\(.*\)")
_ID_LIKE = re.compile(r"[A-Za-z0-9_\-~.=,+:]+")
_TOKEN = re.compile(r"[-_]")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z]?[a-z]+")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}")


VERBAL = re.compile(
    r"(by|bulk|check|count|export|find|get|import|list|search)[-_A-Z].*"
)
"""Operations on a collection, as in /users/by-email."""


def is_placeholder(template: str) -> bool:
    return "{" in template


@lru_cache(maxsize=65_536)
def template_of(segment: bytes) -> str:
    """The segment if it may stay, else its placeholder."""
    if _PLAIN_ID.fullmatch(segment):
        return ID
    if len(segment) > _LONGEST_SEGMENT:
        return VALUE
    decoded = unquote_to_bytes(segment.partition(b";")[0])
    if not _PRINTABLE.fullmatch(decoded):
        return VALUE
    return _template(decoded.decode("ascii"))


def _template(text: str) -> str:
    if _is_word(text) or _VERSION.fullmatch(text):
        return text
    return _shaped(text) or _composed(text) or _data(text)


def _shaped(text: str) -> str:
    """The placeholder of a well-known shape of data, or nothing."""
    if _EMAIL.fullmatch(text):
        return EMAIL
    if _DATE.fullmatch(text):
        return DATE
    if _PHONE.fullmatch(text):
        return PHONE
    if _is_ip(text):
        return IP
    return ""


def _composed(text: str) -> str:
    """Templates around data: `{id}.json`, `{id}:cancel`, `Users({id})`; or nothing."""
    if text.startswith(".") and _is_word(text[1:]):
        return text
    stem, dot, extension = text.rpartition(".")
    if dot and stem and extension.lower() in _EXTENSIONS:
        return f"{_template(stem)}.{extension}"
    if stem.partition(".")[0] in _PACKAGE_ROOTS and all(map(_is_word, text.split("."))):
        return text
    if (verb := _VERB.fullmatch(text)) and _is_word(verb[2]):
        return f"{_template(verb[1])}:{verb[2]}"
    if (call := _CALL.fullmatch(text)) and _is_word(call[1]):
        return f"{call[1]}({ID})"
    return ""


def _data(text: str) -> str:
    if not _ID_LIKE.fullmatch(text):
        return VALUE
    words = _TOKEN.split(text)
    if len(words) > _MOST_WORDS and all(word.isalpha() for word in words):
        return SLUG
    return VALUE if "." in text and text.replace(".", "").isalpha() else ID


def _is_word(text: str) -> bool:
    if len(text) > _LONGEST:
        return False
    if _LOCALE.fullmatch(text):
        return True
    tokens = _TOKEN.split(text.removeprefix("_"))
    return len(tokens) <= _MOST_WORDS and all(map(_is_token, tokens))


def _is_token(token: str) -> bool:
    """Letters that read like words; camel case has humps longer than chance makes."""
    if not token.isalpha() or len(token) > _LONGEST_TOKEN:
        return token.lower() in _WITH_DIGITS
    humps = _HUMP.findall(token)
    if len(humps) > 2 and 2 * len(token) < 5 * len(humps):
        return False
    return all(_is_spoken(hump.lower()) for hump in humps)


def _is_spoken(word: str) -> bool:
    """Not a run of random letters: has vowels, no long run of consonants."""
    if len(word) < 6:
        return True
    vowels = sum(word.count(vowel) for vowel in "aeiouy")
    if vowels * 6 < len(word) or _CONSONANTS.search(word):
        return False
    return len(word) < 8 or not set(word) <= set("abcdef")


def _is_ip(text: str) -> bool:
    if ":" not in text and text.count(".") != 3:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
