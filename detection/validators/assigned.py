"""Secrets beside their names, in texts of any syntax: what they must not be.

An expression has found a name and a value: `API_KEY=…`, `"token": "…"`, `<secret>…`,
`X-Api-Key: …`, `curl -u name:…`. Whether the value is a secret, a variable's name, a
word of the text or what stands for a value is told here.
"""

import re
from itertools import pairwise

from detection.validators.tokens import (
    entropy,
    is_blank,
    is_no_secret,
    is_slug,
    random_token,
)
from detection.validators.verdict import Verdict

_PASSWORD = re.compile(
    r"(?is)(?:pass(?:word|wd|phrase)?|pwd)\\?[\"']?"
    r"(?P<sign>\s+value=|\s+(?:for [^\"'\n]{1,40}?[\"'\w] )?(?:is|was)\s+|[\s:=>]+)"
    r"(?P<quote>\\?[\"']?)(?P<value>.*?)\\?[\"']?"
)
_SECRET = re.compile(
    r"(?is)(?P<name>[a-z]+(?:[_-]?[a-z0-9]{2,8}|[ ][0-9]{1,2})?)"
    r"(?P<sign>[^a-z0-9/]+(?:(?:is|was|value|default|code|string|str)[^a-z0-9/]+){0,2})"
    r"(?P<value>\S{8,})"
)
_NAMED_BY = re.compile(r"[\"'`({\[,\\]")
_REFERENCE = re.compile(
    r"\$\w+|\$[({].*|%\w+%|[+#@].*|(?:process|os|env|config|secrets?|self|this|args)\..*"
)
"""A variable, an expression, a selector: the secret is elsewhere."""
_DATE = re.compile(r"\d{4}-\d\d-\d\dT?")

DRAWN_LETTERS = 22
"""Letters of one case that no word has."""
DRAWN_ENTROPY = 4.4
"""Bits a letter that no words have, whatever their case."""
LONG_SECRET = 16
"""Characters from which a secret needs neither a sign nor a name that is sure."""
_SURE_NAME = re.compile(r"(?i)key|token|secret|private|unseal|hash")
_WEAK_SIGN = frozenset("-_.+| \t\n")


def assigned_password(text: str) -> Verdict:
    """The value after `password=`: no placeholder, and not just a word."""
    match = _PASSWORD.fullmatch(text)
    if match is None or is_no_secret(match["value"].strip()):
        return Verdict.INVALID
    value, is_quoted = match["value"], bool(match["quote"])
    if _REFERENCE.fullmatch(value.strip()):
        return Verdict.INVALID
    is_word = value.isalpha() and not set("=>") & set(match["sign"]) and not is_quoted
    return Verdict.INVALID if is_word else Verdict.UNSURE


def told_password(text: str) -> Verdict:
    """What ends an option, a statement or a pair: `-u ada:…`, `IDENTIFIED BY '…'`."""
    value = re.split(r"[\s:\"'(,=]", text.rstrip("\"')"))[-1].removeprefix("-p")
    is_number = value.isdigit() and len(value) < LONG_SECRET // 2
    return Verdict.INVALID if is_number or _is_elsewhere(value) else Verdict.UNSURE


def url_password(text: str) -> Verdict:
    """The password in `scheme://name:password@host`: no placeholder."""
    value = re.split(r"[:/]", text.rpartition("@")[0])[-1]
    return Verdict.INVALID if _is_elsewhere(value) else Verdict.UNSURE


def authorization_token(text: str) -> Verdict:
    """The token after the scheme."""
    value = text.split(maxsplit=1)[-1]
    return Verdict.INVALID if _is_elsewhere(value) else random_token(value)


def _is_elsewhere(value: str) -> bool:
    return is_blank(value) or _REFERENCE.fullmatch(value) is not None


def assigned_secret(text: str) -> Verdict:
    """The value after `api_key=`: letters and digits that look drawn at random."""
    match = _SECRET.fullmatch(text.rstrip("=:"))
    if match is None or match["sign"][-1] in "$<%{":
        return Verdict.INVALID
    sign, name = match["sign"], match["name"]
    value = max(re.split(r"[:=,]", match["value"]), key=len)
    is_weak = _WEAK_SIGN.issuperset(sign)
    is_sure = _SURE_NAME.search(name) is not None
    if is_weak and sign.strip() == sign and not (is_sure and sign == "-"):
        return Verdict.INVALID
    digits = sum(letter.isdigit() for letter in value)
    if len(value) < LONG_SECRET:
        is_drawn = is_sure and not is_weak and 1 < digits < len(value)
    else:
        is_told = is_sure and not is_weak
        is_drawn = digits > 1 or (digits == 1 and is_told) or are_drawn(value)
    if not is_drawn or is_slug(value) or _DATE.match(value):
        return Verdict.INVALID
    return random_token(value)


def prefixed_token(text: str) -> Verdict:
    """What follows a prefix like `sk_live_` or `pat-`: both letters and digits."""
    body = re.split(r"[_.-]", text)[-1]
    digits = sum(letter.isdigit() for letter in body)
    return random_token(body) if 1 < digits < len(body) else Verdict.INVALID


def are_drawn(value: str) -> bool:
    """Letters only, but no words: long in one case, or its case changes at random."""
    letters = value.rstrip("=")
    if len(letters) < DRAWN_LETTERS or not letters.isalnum() or not letters.isascii():
        return False
    changes = sum(a.isupper() != b.isupper() for a, b in pairwise(letters))
    is_one_case = letters in (letters.lower(), letters.upper())
    return is_one_case or changes * 3 > len(letters) or entropy(letters) > DRAWN_ENTROPY
