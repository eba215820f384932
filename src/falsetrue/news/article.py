"""What an article is, what a label means, and how title and text become one text."""

import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum


class Label(IntEnum):
    """The two classes, with the values that ``POST /falsetrue`` answers."""

    FALSE = 0
    REAL = 1


_WORDS = {
    "0": Label.FALSE,
    "false": Label.FALSE,
    "fake": Label.FALSE,
    "falsa": Label.FALSE,
    "falso": Label.FALSE,
    "1": Label.REAL,
    "true": Label.REAL,
    "real": Label.REAL,
    "verdadera": Label.REAL,
    "verdadero": Label.REAL,
}
#: What programs add to a number that they hold for a fraction, as soon as one label of a column is missing.
_FRACTION = re.compile(r"(?<=^[01])[.,]0+$")


def parse_label(value: object) -> Label | None:
    """Read a label as people write it.

    ``0``, ``false``, ``fake``, ``falsa`` and ``falso`` are :attr:`Label.FALSE`; ``1``, ``true``,
    ``real``, ``verdadera`` and ``verdadero`` are :attr:`Label.REAL`; upper and lower case, numbers
    (``1.0`` and ``1,0`` too) and booleans alike. Missing (``None``, empty, NaN) is ``None``: the row
    has no label. Raises :class:`ValueError` for anything else.
    """
    written = "" if value is None else _FRACTION.sub("", str(value).strip().lower())
    if written in ("", "nan", "none", "null"):
        return None
    if written not in _WORDS:
        raise ValueError(f"label {str(value).strip()[:40]!r} is none of 0, 1, false, true, fake, real")
    return _WORDS[written]


def join_title_and_text(title: str | None, text: str) -> str:
    """Join title and text the one way that training, the API, the page and files all use.

    The deployment document joined them as ``title + " , " + text``; so do we. Without a title
    the text is taken as it is.
    """
    return f"{title} , {text}" if title and not title.isspace() else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """One labelled news article."""

    corpus: str  #: name of the collection it came from
    line: int  #: 1-based line (or row, in Parquet) on which it begins in its file
    title: str | None
    text: str
    label: Label
    source: str | None = None  #: outlet or domain, as the file writes it
    subject: str | None = None  #: section or topic, as the file writes it
    date: str | None = None  #: as the file writes it; :func:`falsetrue.news.dates.read_dates` makes days of them
    language: str | None = None  #: as the file writes it, BCP 47 if the file is good

    @property
    def content(self) -> str:
        """Title and text joined."""
        return join_title_and_text(self.title, self.text)

    @property
    def content_hash(self) -> bytes:
        """16-byte BLAKE2b of the content, blind to case and to white space."""
        normalised = " ".join(self.content.lower().split())
        return hashlib.blake2b(normalised.encode("utf-8", "surrogatepass"), digest_size=16).digest()
