"""Tokens and secrets: what their own structure proves."""

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter

from detection.paths import shown
from detection.verdict import Verdict, verdict

_TEMPLATE = re.compile(r"(?i)[*x#•.·-]{3,}.{0,4}|\$\{.*\}|\{\{.*\}\}|<.*>|%\w+%|\[.*\]")
_TEMPLATE_STARTS = frozenset("*xX#•.·-${<%[")
_REQUEST = re.compile(
    r"(?i)(?:your[-_ ]?|(?:insert|enter|replace|change)[-_ ]|(?:change|replace)(?=me))"
    r"[a-z][a-z_ -]*\d{0,3}|redacted|masked|filtered|undefined|null"
)
"""What asks for a secret or says that it was taken out."""
_NAMING = re.compile(
    r"arn:aws[a-z-]*:|projects/[^/]+/(?:locations|secrets)/|\d{4}-\d\d-\d\dT\d\d:\d\d"
)
_MASK = re.compile(r"(?i)x{5}|\*{4}|\.{4}|#{4}|•{3}")
_SLUG_PART = re.compile(
    r"(?:[A-Z]?[a-z]{1,15}(?:[A-Z][a-z]{1,15})*|[A-Z]{1,15})\d{0,2}|\d{1,4}|"
)
_STAND_INS = frozenset(
    """
    null none nil na n/a undefined string text value redacted filtered masked
    hidden secret removed true false yes no unknown empty required optional
    enabled disabled valid invalid missing wrong expired weak strong set unset todo
    changeme example foo bar test
""".split()
)


def is_placeholder(text: str) -> bool:
    """A mask, a template or a word that stands for a value."""
    return text.lower() in _STAND_INS or is_template(text)


def is_template(text: str) -> bool:
    """Nothing, a mask or a template."""
    if not text:
        return True
    return text[0] in _TEMPLATE_STARTS and bool(_TEMPLATE.fullmatch(text))


def is_blank(text: str) -> bool:
    """A mask, a template, or words that ask for the secret: `your-token-here`."""
    return is_template(text) or _REQUEST.fullmatch(text) is not None


def is_no_secret(text: str) -> bool:
    """A placeholder of any kind, a time, or the name of where a secret is kept."""
    return is_placeholder(text) or is_blank(text) or _NAMING.match(text) is not None


def is_slug(value: str) -> bool:
    """Words and short numbers with signs between: a name, a path, a version."""
    parts = re.split(r"[-_./]", value)
    return len(parts) > 1 and all(_SLUG_PART.fullmatch(part) for part in parts)


def decode_base64(text: str) -> bytes | None:
    """Either alphabet, with or without padding."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def jwt(text: str) -> Verdict:
    """RFC 7519: a header object that names an algorithm; the claims an object."""
    parts = text.split(".")
    header = _json_object(parts[0])
    if header is None or ("alg" not in header and "enc" not in header):
        return Verdict.INVALID
    if len(parts) == 5:
        return Verdict.VALID
    return verdict(len(parts) == 3 and _json_object(parts[1]) is not None)


_KNOWN_ALGORITHMS = frozenset(
    """
    none HS256 HS384 HS512 RS256 RS384 RS512 ES256 ES256K ES384 ES512 PS256 PS384 PS512
    EdDSA Ed25519 RSA-OAEP RSA-OAEP-256 RSA1_5 dir A128KW A192KW A256KW ECDH-ES
    ECDH-ES+A128KW ECDH-ES+A256KW PBES2-HS256+A128KW A128GCMKW A256GCMKW
""".split()
)
"""RFC 7518 section 3.1 and 4.1, RFC 8037, RFC 8812."""
CLAIM_LIMIT = 16
ENCODED_HEAD = 64
"""Characters of an encoded PEM that hold its label; a multiple of four."""


def jwt_details(text: str) -> str:
    """The algorithm, the claims' names and whether it expires; no claim's value."""
    parts = text.split(".")
    algorithm = (_json_object(parts[0]) or {}).get("alg")
    claims = (_json_object(parts[1]) if len(parts) == 3 else None) or {}
    names = [shown(name.encode("utf-8", "replace"), {}) for name in claims]
    return "algorithm {}, claims {}, {}".format(
        algorithm if algorithm in _KNOWN_ALGORITHMS else "unknown",
        " ".join(names[:CLAIM_LIMIT]) or "none seen",
        "expires" if "exp" in claims else "no expiry",
    )


def _json_object(text: str) -> dict[str, object] | None:
    decoded = decode_base64(text)
    try:
        value = json.loads(decoded or b"")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def basic_authorization(text: str) -> Verdict:
    """RFC 7617: base64 of user and password."""
    decoded = decode_base64(text.split()[-1])
    return verdict(decoded is not None and b":" in decoded)


def encoded_login(text: str) -> Verdict:
    """Base64 of a text with a user and a password, as container tools keep it."""
    login = (decode_base64(text) or b"").decode("utf-8", "replace")
    return verdict(":" in login and login.isprintable() and "\ufffd" not in login)


def random_token(text: str) -> Verdict:
    """Unsure if its characters look drawn at random, else invalid; so is an address."""
    is_address = "://" in text or (text[:1] == "/" and text.count("/") > 2)
    if is_address or is_no_secret(text) or len(set(text)) < 5 or _MASK.search(text):
        return Verdict.INVALID
    return Verdict.UNSURE if entropy(text) >= 2.5 else Verdict.INVALID


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def encoded_private_key(text: str) -> Verdict:
    """Base64 of a private key's PEM."""
    decoded = decode_base64(text[:ENCODED_HEAD])
    return verdict(decoded is not None and b"PRIVATE KEY" in decoded)


def password(text: str) -> Verdict:
    """Unsure unless it is a placeholder."""
    return Verdict.INVALID if is_no_secret(text) else Verdict.UNSURE


def format_token(text: str) -> Verdict:
    """A published format: invalid only if it is masked, a slug or hardly varies."""
    is_mask = len(set(text[-12:])) < 4 or _MASK.search(text) is not None
    return Verdict.INVALID if is_mask or is_slug(text) else Verdict.UNSURE


_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def checked_token(text: str) -> Verdict:
    """Valid if its last six digits of base 62 are the CRC-32 of the others, as GitHub
    made it known for its own tokens; else like any format."""
    body = text.rpartition("_")[2]
    number, check = zlib.crc32(body[:-6].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, len(_DIGITS))
        check = _DIGITS[digit] + check
    return Verdict.VALID if body.endswith(check) else format_token(text)
