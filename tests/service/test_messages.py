"""Every message of the page is in Spanish as well, and what is compiled is what was written."""

import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from falsetrue.service.language import LOCALE, translations

SERVICE = LOCALE.parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS: dict[str, tuple[int, ...] | None] = {"gettext": None, "ngettext": (1, 2), "mark": None}


def written() -> set[str | tuple[str, ...]]:
    """The messages in templates and Python, singular and plural together."""
    found = extract_from_dir(SERVICE, METHODS, OPTIONS, KEYWORDS)
    return {message if isinstance(message, str) else tuple(message) for _, _, message, _, _ in found}


def catalogue(path: Path) -> dict[str | tuple[str, ...], str | tuple[str, ...]]:
    with path.open("rb") as file:
        read = read_po(file) if path.suffix == ".po" else read_mo(file)
    return {_key(message.id): _key(message.string or "") for message in read if message.id and not message.fuzzy}


def _key(message: str | list[str] | tuple[str, ...]) -> str | tuple[str, ...]:
    return message if isinstance(message, str) else tuple(message)


@pytest.fixture(scope="module")
def spanish() -> dict[str | tuple[str, ...], str | tuple[str, ...]]:
    return catalogue(LOCALE / "es/LC_MESSAGES/falsetrue.po")


def test_every_message_is_translated_and_none_is_left_over(
    spanish: dict[str | tuple[str, ...], str | tuple[str, ...]],
) -> None:
    assert set(spanish) == written()
    assert all(all(each) if isinstance(each, tuple) else each for each in spanish.values())


def test_the_compiled_catalogue_is_the_written_one(
    spanish: dict[str | tuple[str, ...], str | tuple[str, ...]],
) -> None:
    assert catalogue(LOCALE / "es/LC_MESSAGES/falsetrue.mo") == spanish


def test_a_translation_has_the_values_of_its_message(
    spanish: dict[str | tuple[str, ...], str | tuple[str, ...]],
) -> None:
    for message, translation in spanish.items():
        last = message if isinstance(message, str) else message[-1]
        said = translation if isinstance(translation, str) else translation[-1]
        assert sorted(_values(last)) == sorted(_values(said)), last


def _values(message: str) -> Iterator[str]:
    return (found[0] for found in re.finditer(r"%\(\w+\)s|</?b>", message))


def test_the_standard_library_reads_it() -> None:
    assert type(translations("en")) is gettext.NullTranslations
    assert translations("es").gettext("No decision") == "Sin decisión"
