"""Where the words of a text stand in it."""

import re

from falsetrue.features.words import TOKEN_PATTERN

#: Half-open, in code points.
Span = tuple[int, int]

_find_words = re.compile(TOKEN_PATTERN).finditer


def word_spans(text: str, *, lowercase: bool = True) -> list[Span]:
    """The span in ``text`` of each of ``words(text, lowercase=...)``, in order; none overlap.

    Words are cut after lower-casing, which makes two code points of some single ones ('İ'), so that places in the
    lower-cased text are not always places in the text.
    """
    lowered = text.lower() if lowercase else text
    found = [match.span() for match in _find_words(lowered)]
    if len(lowered) == len(text):
        return found
    # By place in the lower-cased text, the place of the code point it came from.
    origin = [place for place, character in enumerate(text) for _ in character.lower()]
    return [(origin[start], origin[end - 1] + 1) for start, end in found]
