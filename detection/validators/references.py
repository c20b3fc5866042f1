"""What names a secret instead of being one: code, settings, schemes and interfaces.

In comes a text that stands under a secret's key; out goes whether it is an expression
(`os.getenv("PW")`, `config.password`), a name (`client_secret_basic`, `db-credentials`,
`passwordInput`), an algorithm, a rule of validation, an address or a file.
"""

import re

_NAMES = frozenset(
    """
    password passwords passwd passphrase passcode pwd pw secret secrets token tokens key
    keys credential credentials auth authorization
""".split()
)
"""Words of names of secrets."""
_NAME = re.compile(r"[#$:@./-]{0,3}[A-Za-z]+(?:[ ]?[-_.:/|#][A-Za-z]+)*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ALGORITHM = re.compile(
    r"(?i:(?:scram-)?(?:hmac[-_]?)?sha-?\d{1,3}(?:[-_]plus)?|md[45]|bcrypt|scrypt"
    r"|argon2(?:id?|d)?|pbkdf2(?:[-_]\w+(?:-\w+){0,2})?|aes-?\d{3}(?:-\w{2,6}){0,2}"
    r"|[rhep]s(?:256|384|512)|jwt|oauth[12]?|bearer|basic|digest|plain|ldap|saml"
    r"|kerberos|ntlm|oidc|mtls|client_credentials)"
)
_EXPRESSION = re.compile(
    r"\$\(.+\)|\([^()]*\)|[\w$]+(?:(?:\.|::|->)[\w$]+)*(?:\(.*\)|\[['\"].+['\"]\])[;]?"
    r"(?:[ ]?\{\})?|lambda .*|!\w+ [\w.]+|env:\w+|@[\w.]+\(.*\)"
)
_VALIDATION = re.compile(
    r"(?:required|nullable|string|confirmed|sometimes|optional)(?:\|[\w:,]+)*"
    r"|(?:min|max|len|size|between)[:=]\d+(?:,\w+(?:[:=]\d+)?)*"
    r"|/?\^[^\[(\\\n]*[\[(\\].*\$/?\w?"
)
_ADDRESS = re.compile(r"(?i:https?)://[^\s@]*")
_WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:|\\)\\[\w. -]+(?:\\[\w. -]+)*")
_TIME = re.compile(r"\d{4}-\d\d-\d\d|\d{1,4}[smhdwy]")
_FORMS = re.compile(
    "|".join(
        form.pattern
        for form in (
            _ALGORITHM,
            _EXPRESSION,
            _VALIDATION,
            _ADDRESS,
            _WINDOWS_PATH,
            _TIME,
        )
    )
)


def is_reference(text: str) -> bool:
    """Whether the text names or computes a secret, or says what is expected of one."""
    return _FORMS.fullmatch(text) is not None or _is_name(text)


def _is_name(text: str) -> bool:
    """Several words with signs or case changes between, one of them a secret's name."""
    if len(text) > 80 or _NAME.fullmatch(text) is None:
        return False
    words = [word.lower() for word in _WORD.findall(text)]
    is_joined = len(words) > 1 or not text[0].isalpha()
    return is_joined and not _NAMES.isdisjoint(words)
