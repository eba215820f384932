"""How a text is written, in numbers that say nothing of its words."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Kinds of characters that are counted by themselves.
_MARKS = {
    "exclamation marks": "!",
    "question marks": "?",
    "full stops": ".",
    "commas": ",",
    "colons": ":",
    "semicolons": ";",
    "straight double quotes": '"',
    "curly double quotes": "“”„",
    "straight apostrophes": "'",
    "curly apostrophes": "\u2018\u2019",
    "guillemets": "«»",
    "hyphens": "-",
    "en dashes": "\u2013",
    "em dashes": "—",
    "ellipsis characters": "…",
    "brackets": "()",
    "square brackets": "[]",
    "slashes": "/",
    "vertical bars": "|",
    "hash signs": "#",
    "at signs": "@",
    "asterisks": "*",
    "inverted marks": "¿¡",
    "currency and per cent signs": "$€£%",
    "line breaks": "\n\r",
    "tabs": "\t",
    "other white space": "\u00a0\u2002\u2003\u2009\u200b\u3000",
    "encoding debris": "\ufffd\ufeff" + "".join(map(chr, range(0x80, 0xA0))) + "âÂÃ€™",
}
_LOWER, _UPPER, _LOWER_ACCENTED, _UPPER_ACCENTED, _OTHER_LETTER, _DIGIT, _SPACE, _OTHER = range(8)
_LETTERS = 5  #: kinds below this one are letters
_FIRST_MARK = 8
_KINDS = _FIRST_MARK + len(_MARKS)

#: What is measured, in the order of the columns of :func:`measure`. Shares are of characters unless said.
MEASURES = (
    "length in characters",
    "length in words",
    "mean length of words",
    "capital letters, share of letters",
    "words that begin with a capital, share",
    "words in capitals, share",
    "accented letters, share of letters",
    "letters of other scripts, share of letters",
    "digits, share",
    "white space, share",
    "other characters, share",
    *(f"{name}, share" for name in _MARKS),
    "missing or blank",
    "white space in front",
    "white space behind",
    "begins with a capital",
    "begins with a quotation mark",
    "ends with a full stop",
    "ends with another mark",
    "double spaces",
)


def measure(texts: Sequence[str]) -> Floats:
    """All measures of each text: shape (n, len(MEASURES)); shares in [0, 1], flags 0 or 1, of an empty text all 0."""
    table = np.empty((len(texts), len(MEASURES)))
    for row, text in zip(table, texts, strict=True):
        _measure(text, row)
    return table


def _measure(text: str, row: Floats) -> None:
    # One text at a time: it then stays in the cache of the processor.
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kinds()[np.minimum(points, 0xFFFF)]
    counts = np.bincount(kinds, minlength=_KINDS)
    letter = kinds < _LETTERS
    upper = (kinds == _UPPER) | (kinds == _UPPER_ACCENTED)
    begins = letter.copy()
    begins[1:] &= ~letter[:-1]
    capital = begins & upper
    words, capitals = int(np.count_nonzero(begins)), int(np.count_nonzero(capital))
    shouted = int(np.count_nonzero(capital[:-1] & upper[1:]))
    letters = int(counts[:_LETTERS].sum())
    row[:3] = len(points), words, letters / max(words, 1)
    row[3] = (counts[_UPPER] + counts[_UPPER_ACCENTED]) / max(letters, 1)
    row[4:6] = capitals / max(words, 1), shouted / max(words, 1)
    row[6] = (counts[_LOWER_ACCENTED] + counts[_UPPER_ACCENTED]) / max(letters, 1)
    row[7] = counts[_OTHER_LETTER] / max(letters, 1)
    row[8 : 8 + _KINDS - _DIGIT] = counts[_DIGIT:] / max(len(points), 1)
    row[8 + _KINDS - _DIGIT :] = _flags(text)


def _flags(text: str) -> tuple[bool, ...]:
    stripped = text.strip()
    if not stripped:
        return (True, *(False,) * 7)
    last = stripped[-1]
    return (
        False,
        text[0].isspace(),
        text[-1].isspace(),
        stripped[0].isupper(),
        stripped[0] in "\"'“‘«",  # noqa: RUF001 - a curly one, too
        last == ".",
        last != "." and not last.isalnum(),
        "  " in text,
    )


@cache
def _kinds() -> NDArray[np.uint8]:
    """The kind of each code point of the basic plane; what lies beyond is taken as U+FFFF, another character."""
    kinds = np.fromiter((_kind(chr(point)) for point in range(0x10000)), dtype=np.uint8, count=0x10000)
    for number, marks in enumerate(_MARKS.values()):
        kinds[[ord(mark) for mark in marks]] = _FIRST_MARK + number
    return kinds


def _kind(character: str) -> int:
    if character.isalpha():
        if "A" <= character <= "Z":
            return _UPPER
        if "a" <= character <= "z":
            return _LOWER
        if character > "\u024f":
            return _OTHER_LETTER
        return _UPPER_ACCENTED if character.isupper() else _LOWER_ACCENTED
    if character.isdigit():
        return _DIGIT
    return _SPACE if character.isspace() else _OTHER
