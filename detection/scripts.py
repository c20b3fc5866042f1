"""Text of any script, so that expressions for letters and digits fit it.

Python's `\\w` takes no combining marks, of which Devanagari, Thai or Arabic vowels are
made, and validators take ASCII digits only. Folding replaces characters one by one, so
offsets stay: marks and joiners by a letter without case, decimal digits by ASCII ones.
Categories are the Unicode Character Database's, as Python has it.
"""

import unicodedata

FOLDED_CHARACTERS = 1024
"""Longer texts stay: names and numbers are short."""

_LETTER = "א"
_JOINERS = "\u200c\u200d"
_LETTERED_PLANES = (0x300, 0x20000)


def _folds() -> dict[int, str]:
    folds = {ord(joiner): _LETTER for joiner in _JOINERS}
    for code in range(*_LETTERED_PLANES):
        category = unicodedata.category(chr(code))
        if category in ("Mn", "Mc"):
            folds[code] = _LETTER
        elif category == "Nd":
            folds[code] = str(unicodedata.digit(chr(code)))
    return folds


_FOLDS = _folds()


def fold(text: str) -> str:
    """Of the same length."""
    if text.isascii() or len(text) > FOLDED_CHARACTERS:
        return text
    return text.translate(_FOLDS)
