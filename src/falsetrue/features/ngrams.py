"""Words and their n-grams, exactly as scikit-learn's text vectorizers cut them by default."""

import re
from collections.abc import Callable

#: scikit-learn's default ``token_pattern`` for words of two or more word characters.
TOKEN_PATTERN = r"(?u)\b\w\w+\b"  # noqa: S105 - the token is a word

_find_tokens: Callable[[str], list[str]] = re.compile(TOKEN_PATTERN).findall


def words(text: str) -> list[str]:
    """The lower-cased words of a text, in order."""
    return _find_tokens(text.lower())


def ngrams(tokens: list[str], smallest: int, largest: int) -> list[str]:
    """Every run of ``smallest`` to ``largest`` tokens, joined by one space.

    ``1 <= smallest <= largest``. Shorter runs come first, each length in reading order: the
    order of ``CountVectorizer``.
    """
    grams = list(tokens) if smallest == 1 else []
    for length in range(max(2, smallest), min(largest, len(tokens)) + 1):
        shifted = [tokens[start:] for start in range(length)]
        grams += map(" ".join, zip(*shifted, strict=False))
    return grams
