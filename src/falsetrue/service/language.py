"""◆ Which language a visitor reads, and the words in it."""

import gettext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request

#: Code -> the language's own name; the first is the one the messages are written in.
LANGUAGES = {"en": "English", "es": "Español"}
DEFAULT = "en"
COOKIE = "falsetrue_language"
_MEGABYTE = 1024 * 1024
#: Milliseconds from which on tenths of one say nothing.
_WHOLE = 10
LOCALE = Path(__file__).parent / "locale"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A sentence for people, translated when it is shown."""

    message: str  #: in English, as :func:`mark` was given it; ``%(name)s`` stands for a value
    values: dict[str, object] = field(default_factory=dict)

    def said(self, language: str) -> str:
        """The sentence in a language, with its values in place: notices and whole numbers in that language too."""
        values = {name: _said(value, language) for name, value in self.values.items()}
        return translations(language).gettext(self.message) % values


def _said(value: object, language: str) -> object:
    if isinstance(value, Notice):
        return value.said(language)
    return format_number(value, 0, language) if isinstance(value, int) else value


class Example(msgspec.Struct, frozen=True):
    """A text of our own to try the service with."""

    key: str
    name: str
    title: str
    text: str


def mark(message: str) -> str:
    """Mark a message for translation; it is translated where it is shown."""
    return message


def chosen_language(request: Request) -> str | None:
    """The language that this very request asks to switch to, if any."""
    asked = request.query_params.get("lang")
    return asked if asked in LANGUAGES else None


def language_of(request: Request) -> str:
    """The language to answer in: the one switched to, now or before, else the browser's preference."""
    remembered = request.cookies.get(COOKIE)
    if remembered not in LANGUAGES:
        remembered = None
    return chosen_language(request) or remembered or preferred(request.headers.get("accept-language", ""))


def preferred(accept_language: str) -> str:
    """The language of ours that an ``Accept-Language`` header ranks highest (RFC 9110, section 12.5.4)."""
    weights = dict(filter(None, map(_weighted, accept_language.split(","))))
    rest = weights.pop("*", 0.0)
    best = max(LANGUAGES, key=lambda language: weights.get(language, rest))
    return best if weights.get(best, rest) > 0 else DEFAULT


def _weighted(part: str) -> tuple[str, float] | None:
    """``es-CO;q=0.8`` -> ``("es", 0.8)``; nothing for what makes no sense."""
    tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    try:
        quality = float(weight)
    except ValueError:
        return None
    return (tag.partition("-")[0], quality) if tag and 0 <= quality <= 1 else None


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; the default one needs none."""
    if language == DEFAULT:
        return gettext.NullTranslations()
    return gettext.translation("falsetrue", LOCALE, [language])


@cache
def examples(language: str) -> dict[str, Example]:
    """The example texts of a language, by key."""
    content = (LOCALE / language / "examples.json").read_bytes()
    return {example.key: example for example in msgspec.json.decode(content, type=list[Example])}


def format_number(value: Any, digits: int, language: str) -> str:
    """``36,945`` or ``0.92`` as the language writes it."""
    written = f"{value:,.{digits}f}"
    return written.translate(str.maketrans(",.", ".,")) if language == "es" else written


def format_seconds(seconds: float, language: str) -> str:
    """``0.8 ms``, ``120 ms`` or ``2.50 s``."""
    if seconds >= 1:
        return f"{format_number(seconds, 2, language)}\N{NO-BREAK SPACE}s"
    thousandths = 1000 * seconds
    return f"{format_number(thousandths, 0 if thousandths >= _WHOLE else 1, language)}\N{NO-BREAK SPACE}ms"


def format_size(size: int, language: str) -> str:
    """``8 MB`` or ``1.5 MB``, a little rounded down."""
    unit, name = (_MEGABYTE, "MB") if size >= _MEGABYTE else (1024, "kB")
    tenths = size * 10 // unit
    return f"{format_number(tenths / 10, 1 if tenths % 10 else 0, language)}\N{NO-BREAK SPACE}{name}"
