"""Words, exactly as scikit-learn's text vectorizers cut them by default."""

import re
from collections.abc import Callable

#: scikit-learn's default ``token_pattern`` for words of two or more word characters.
TOKEN_PATTERN = r"(?u)\b\w\w+\b"  # noqa: S105 - the token is a word

#: The same: a search from the left takes whole runs of word characters, so that the borders need no looking at.
_find_tokens: Callable[[str], list[str]] = re.compile(r"\w\w+").findall


def words(text: str, *, lowercase: bool = True) -> list[str]:
    """The words of a text, in order, lower-cased unless told not to."""
    return _find_tokens(text.lower() if lowercase else text)


def is_word(text: str) -> bool:
    """Whether a text is one word that :func:`words` may find."""
    return _find_tokens(text) == [text]
