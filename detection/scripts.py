"""Text of any script, so that expressions for letters and digits fit it.

Python's `\\w` takes no combining marks, of which Devanagari, Thai or Arabic vowels are
made, and validators take ASCII digits only. Folding replaces characters one by one, so
offsets stay: marks and joiners by a letter without case, decimal digits, dashes, spaces
and full-width forms by ASCII ones. Categories are the Unicode Character Database's, as
Python has it.
"""

import unicodedata

FOLDED_CHARACTERS = 1024
"""Longer texts stay: names and numbers are short."""

_LETTER = "א"
_JOINERS = "\u200c\u200d"
_LETTERED_PLANES = (0x300, 0x20000)
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_FULL_WIDTH_OFFSET = 0xFEE0
_NO_BREAK_SPACE = 0xA0
_MINUS = 0x2212


def _folds() -> dict[int, str]:
    folds = {code: chr(code - _FULL_WIDTH_OFFSET) for code in _FULL_WIDTH}
    folds |= {ord(joiner): _LETTER for joiner in _JOINERS}
    folds |= {_NO_BREAK_SPACE: " ", _MINUS: "-"}
    for code in range(*_LETTERED_PLANES):
        category = unicodedata.category(chr(code))
        if category in ("Mn", "Mc"):
            folds[code] = _LETTER
        elif category == "Nd":
            folds[code] = str(unicodedata.digit(chr(code)))
        elif category == "Zs":
            folds[code] = " "
        elif category == "Pd":
            folds[code] = "-"
    return folds


_FOLDS = _folds()
_MARKS = {code: letter for code, letter in _FOLDS.items() if letter == _LETTER}


def fold(text: str) -> str:
    """Of the same length."""
    if text.isascii() or len(text) > FOLDED_CHARACTERS:
        return text
    return text.translate(_FOLDS)


def fold_marks(text: str) -> str:
    """Only marks and joiners, as an expression for folded texts has them."""
    return text if text.isascii() else text.translate(_MARKS)
