"""Tokens and secrets: what their own structure proves."""

import base64
import binascii
import json
import math
import re
import zlib
from collections import Counter

from detection.paths import shown
from detection.validators.references import is_reference
from detection.validators.verdict import Verdict, verdict

_TEMPLATE = re.compile(
    r"(?i)[*x#•.·-]{3,}.{0,4}|\$\{.*\}|\{\{.*\}\}|\{[\w.:-]*\}|<[^<>]*>|%\w+%|\[.*\]"
    r"|\*{2,}[a-z ]+\*{2,}|\$(?=[a-z_]*_)[a-z_]+|\([^()]*\)"
)
_TEMPLATE_STARTS = frozenset("*xX#•.·-${<%[(")
_REQUEST = re.compile(
    r"(?i)(?:your[-_ ]?|(?:insert|enter|replace|change)[-_ ]|(?:change|replace)(?=me))"
    r"[a-z][a-z_ -]*\d{0,3}|redacted|masked|filtered|undefined|null"
    r"|(?:my|test|example|sample|fake|dummy|demo|mcp)(?:[-_](?:api|access|auth|bearer|client"
    r"|secret|key|token|password|id)){1,4}|[a-z]+(?:_[a-z]+)*_(?:token|secret|key|password|pwd|pat|string)"
)
"""What asks for a secret or says that it was taken out."""
_NAMING = re.compile(
    r"arn:aws[a-z-]*:|projects/[^/]+/(?:locations|secrets)/|\d{4}-\d\d-\d\dT\d\d:\d\d"
)
_FILE = re.compile(
    r"[\w./-]+\.(?:ya?ml|json|txt|pem|key|crt|cer|der|pub|p12|pfx|jks|conf|cfg|ini|csv"
    r"|properties|toml|env|xml|html?|css|js|ts|svg|png|jpe?g|gif|md|log|zip|kdbx)"
)
_VERSION = re.compile(r"[\^~>=<v* ]{0,3}\d+(?:\.\d+){1,3}(?:[-+][\w.]+)?")
_LABEL = re.compile(
    r"[A-Z]{2,}(?:_[A-Z]{2,})+"
    r"|[a-z]+(?:\.[a-z]+)*\.(?:errors?|validation|labels?)(?:\.[A-Za-z_]+)+"
    r"|(?:secrets|env|vars|process\.env)\.\w+|(?:[A-Z][a-z]+)+(?:Key|Secret|Token)"
)
_REFERENCE = re.compile(
    r"@[a-z]+(?:-[a-z]+)+|(?:id|type|src|env)=[\w./-]+(?:,[a-z]+=[\w./-]*)+"
    r"|(?:md5|sha(?:1|256|384|512))[-:][A-Za-z0-9+/=]{22,128}"
)
"""A name of what keeps the secret, a mount of it, or a digest of something (W3C's
subresource integrity, a container's image)."""
_CLUSTER = re.compile(r"[b-df-hj-np-tv-xz]{4}|[aeiouy]{4}|[^a-z]")
"""Four consonants or vowels in a row: in 93 of 100 texts of sixteen letters drawn at
random, in 97 of twenty, and hardly ever in words."""
_PACKAGE = re.compile(r"pkg:[a-z]+/.*|@?[a-z][\w./-]*@\d+(?:\.\d+)+.*")
_PLACE = re.compile(
    r"#?(?:\.{0,2}/)?[A-Za-z_][\w-]*(?:/[\w.-]+)+|(?:op|vault|ssm|env|file|ref)[:+]\S+"
    r"|[a-z]{2,}(?::[a-z*]{2,}){1,3}|[A-Z]{2,}(?:_[A-Z]{2,})+|/[\w.-]+(?:/[\w.-]+)*/?"
    r"|[a-z]+(?:[._][A-Za-z]+)*\.(?:error|hint|label|message|placeholder|required|title)"
    r"|[a-z_]+(?:[.:][a-z_]+)*[.:](?:read|write|create|update|delete|list|admin|manage"
    r"|view|edit|execute)|[a-z0-9.-]+\.(?:io|com|org|net|dev)/[\w./-]+"
    r"|[a-z]*\[[a-z-]+[*^$~]?=.*\]|\d{1,3}(?:\.\d+)?%"
)
"""A path, a reference, a permission, a constant, a label's key, a selector, a share."""
_TOPIC = re.compile(r"[a-z]{3,}(?:\.[a-z]{3,}){1,5}(?:\.v?\d{1,2})?")
"""A routing key: words of a message's kind with dots between."""
_UUID = re.compile(
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}"
)
"""Also as ULID, which spells the same 128 bits in base 32."""
_PROVIDERS_ID = re.compile(r"(?:[a-z]{1,12}[_-]){1,2}[A-Za-z0-9]+|20\d{6}-[\w-]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_CASED = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
REMARK_LIMIT = 200
"""Characters of a text that may be a remark."""
_WORDS = re.compile(r"[A-Za-z]+(?:[-_. ][A-Za-z]+)+|[a-z]+(?:[A-Z][a-z]+)+")
_INTERFACE = frozenset(
    """
    form icon btn button fa fas input label field text control wrapper box group hint
    lock eye row col min max length class style ref reference origin policy value at on
    off type mode state status strength rule rules
""".split()
)
"""Words of names in interfaces and settings; a password's two words are others."""
_REMARK = re.compile(
    r"(?:[A-Za-z]+ ){0,5}?(?:(?:is|are) )?(?:not )?(?:an? )?(?:required|invalid"
    r"|missing(?=\.?$)|incorrect|mandatory|included in the list"
    r"|too (?:short|long|weak|common|small|large)"
    r"|(?:is|are) (?:not )?(?:empty|blank|valid))\b[^.]{0,40}\.?"
    r"|(?:[A-Za-z]+ ){0,5}?(?:must|should|cannot|can(?:'|\u2019)?t|can not|may not"
    r"|needs? to|has to)(?: not)? (?:be|have|contain|match|include)\b(?: only)?"
    r" (?:blank|empty|null|an?|at least|at most|no|valid|filled|present|greater|less"
    r"|between|one|unique|[0-9]+|the|selected|accepted|provided|longer|shorter|in)\b"
    r".{0,80}"
    r"|(?:[A-Za-z]+ ){0,5}?(?:already (?:been taken|exists|taken|in use)"
    r"|do(?:es)?(?:n(?:'|\u2019)t| not) match.{0,40})\.?"
    r"|(?:Enter|Choose|Select|Specify|Type|Confirm)"
    r"(?: [A-Za-z'\u2019(),-]+){2,}[.!:\u2026]?"
    r"|Please(?: [A-Za-z'\u2019(),-]+)+[.!:\u2026]?"
)
"""What a form, or who checks one, says of a value instead of it."""
_REMARKING = frozenset(
    """
    is are required invalid missing incorrect mandatory included too must should cannot
    can't can\u2019t can may need needs has already don't doesn't don\u2019t
    doesn\u2019t do does Enter Choose Select Specify Type Confirm Please
""".split()
)
"""A remark has one of these words."""
_SECRETS_REMARK = re.compile(
    r"(?:is|are|was|too|not|never|already|must|should|cannot|has|expired|changed|updated"
    r"|created|rotated|expires|(?:managed|provided|generated) by|(?:stored|set) in)"
    r"(?: [a-z0-9'\u2019(),-]+)+[.!]?"
    r"|(?:Use|Pick|Create|Provide|Repeat|Describe|Fill|Add|Insert)"
    r"(?: [A-Za-z'\u2019(),-]+){2,}[.!:\u2026]?"
    r"|\d+ (?:second|minute|hour|day|week|month|year)s?(?: ago)?"
    r"|.{0,40}\b\d+\+? (?:characters|chars|Zeichen|caract[eè]res|caratteri|tekens"
    r"|znaków|символов|tecken|tegn|merkkiä|znaků|karakter)\b.{0,60}"
    r"|(?:Hidden|Masked|Redacted|Removed|Encrypted|Stored|Not)(?: [a-z-]+)+[.!]?"
    r"|(?:same as|ask|see|contact|refer to)(?: [a-z-]+)+[.!]?"
)
"""The same of a secret; of other data these words may be a part."""
_JOINING = frozenset(
    """
    a an the de den is are be been was not no must may can cannot should will your our
    this that these please at least most too of to for with and or it has have enter
    characters field required invalid
    der die das ist nicht kein muss darf mindestens zeichen bitte und ihr ein
    le la les est pas doit au aux moins votre veuillez et un une du des ne peut
    el es no debe tu su al menos por favor y los las puede
    deve não sua seu ao pelo o os em não il lo gli devi è non almeno tua per
    het moet niet uw een minimaal van är inte måste minst er ikke skal mindst
    nie musi jest się co być ei ole pitää
""".split()
)
"""Of sentences in some languages; a passphrase is made of other words."""
_MASK = re.compile(r"(?i)x{5}|\*{4}|\.{4}|#{4}|•{3}")
_SLUG_PART = re.compile(
    r"(?:[A-Z]?[a-z]{1,15}(?:[A-Z][a-z]{1,15})*|[A-Z]{1,15})\d{0,2}|\d{1,4}|"
)
_STAND_INS = frozenset(
    """
    null none nil na n/a undefined string text value redacted filtered masked hidden
    secret removed true false yes no unknown empty required optional enabled
    disabled valid invalid missing wrong expired weak strong set unset todo changeme
    example foo bar test tbd write read input show hide never active encrypted
    sensitive confidential forward refresh csrf rotated reset forgot change confirm
    update passkey biometric prompt interactive external managed generated provided
    present absent unchanged stored same-origin include omit incorrect mismatch rejected
    all any
""".split()
)

_REQUIRED = frozenset(
    """
    wymagane wymagana wymagany obbligatorio obbligatoria obligatorio obligatoria
    obligatoire requis requise verplicht erforderlich pflichtfeld obligatorisk
    pakollinen zorunlu zorunludur
""".split()
)
_REQUIRED_MARKED = re.compile(
    r"(?i)\b(?:povinn[áéý]|påkrævet|kötelező|obrigatóri[oa]|обязательн|обов.?язков"
    r"|obowiązkow|υποχρεωτικ)|必填|必須|必须|请输入|請輸入|入力してください|필수|입력하세요"
    r"|مطلوب|חובה|आवश्यक|จำเป็น"
)
"""That a form asks for the value, in other languages."""
_REMARKS = frozenset(
    [
        *("not set", "not applicable", "not available", "not required", "see vault"),
        *("ask admin", "too weak", "too short", "too long", "too common"),
        "same as above",
    ]
)


def is_placeholder(text: str) -> bool:
    """A mask, a template or words that stand for a value."""
    lower = text.lower()
    if lower in _STAND_INS or lower in _REMARKS or is_template(text):
        return True
    if len(text) > REMARK_LIMIT or (" " not in text and text.isascii()):
        return False
    return is_required(text) or (" " in text and is_remark(text))


def is_required(text: str) -> bool:
    """What a form says of a value that it asks for, in a language but English."""
    if text.isascii():
        return not _REQUIRED.isdisjoint(text.lower().rstrip(".!").split(" "))
    return _REQUIRED_MARKED.search(text) is not None


def is_remark(text: str) -> bool:
    """What a form, or who checks one, says: `can't be blank`, `Enter your name`."""
    if text[0].isupper() and text.count(" ") < 2 and text[:6] != "Please":
        return False
    is_possible = not _REMARKING.isdisjoint(text.rstrip(".!").split(" "))
    return is_possible and _REMARK.fullmatch(text) is not None


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
    is_address = is_address or is_elsewhere(text)
    is_address = is_address or _is_secrets_remark(text)
    if is_address or is_no_secret(text) or len(set(text)) < 5 or _MASK.search(text):
        return Verdict.INVALID
    if text.isalpha() and (text.istitle() or not _CLUSTER.search(text)):
        return Verdict.INVALID
    if _is_words(text):
        return Verdict.INVALID
    if is_sentence(text) or _PLACE.fullmatch(text) or _TOPIC.fullmatch(text):
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
    """Unsure unless it is a placeholder, a sentence about one, or tells where it is."""
    is_none = is_no_secret(text) or is_sentence(text) or _PLACE.fullmatch(text)
    is_said = _names_interface(text) or _is_secrets_remark(text) or is_elsewhere(text)
    return Verdict.INVALID if is_none or is_said else Verdict.UNSURE


def _is_secrets_remark(text: str) -> bool:
    return " " in text and _SECRETS_REMARK.fullmatch(text) is not None


def _is_words(text: str) -> bool:
    """Letters with signs between, as they stand in words."""
    if _WORDS.fullmatch(text) is None or text.count("_") + text.count("-") > 4:
        return False
    return not any(_CLUSTER.search(word.lower()) for word in _LETTERS.findall(text))


def _names_interface(text: str) -> bool:
    """Two or three words, one of a name in an interface: `form-control`."""
    if _WORDS.fullmatch(text) is None:
        return False
    words = [word.lower() for word in _CASED.findall(text)]
    return len(words) < 4 and not _INTERFACE.isdisjoint(words)


def is_elsewhere(text: str) -> bool:
    """A file's name, a package, a version, a constant, a label's key, a reference:
    where a secret is, or what is named so."""
    forms = (_FILE, _VERSION, _PACKAGE, _LABEL, _REFERENCE)
    return any(form.fullmatch(text) for form in forms) or is_reference(text)


def is_sentence(text: str) -> bool:
    """Three words or more, among them two that only join others, or one before a full
    stop."""
    if text.count(" ") < 2:
        return False
    words = _LETTERS.findall(text.lower())
    joining = sum(word in _JOINING for word in words)
    return len(words) > 2 and (joining > 1 or (joining == 1 and text[-1] in ".!?:"))


def session_token(text: str) -> Verdict:
    """Drawn at random, and no number that a provider gives to what it names."""
    is_name = _UUID.fullmatch(text) or _PROVIDERS_ID.fullmatch(text)
    return Verdict.INVALID if is_name else random_token(text)


def format_token(text: str) -> Verdict:
    """A published format: invalid only if it is masked, a slug or hardly varies."""
    is_mask = len(set(text[-12:])) < 4 or _MASK.search(text) is not None
    return Verdict.INVALID if is_mask or is_slug(text) else Verdict.UNSURE


def atlassian_token(text: str) -> Verdict:
    """Valid if the eight digits of base 16 after `=` are the CRC-32 of what stands
    before them; shorter ones have none."""
    body, check = text[:-8], text[-8:]
    if body[-1:] == "=" and f"{zlib.crc32(body.encode()):08X}" == check.upper():
        return Verdict.VALID
    return format_token(text)


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
