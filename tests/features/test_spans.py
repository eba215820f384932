from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from falsetrue.features.spans import word_spans
from falsetrue.features.words import words

#: Texts whose lower case has other places, or other letters, than they have; and what is no letter.
AWKWARD = [
    "İSTANBUL'DA İİ Aİ İa",
    "ΟΔΥΣΣΕΥΣ, ΣΟΦΟΣ'Δ ΣΣ",
    "Straße ﬁne ǅUNGLA ẞS",
    "family 👨‍👩‍👧‍👦 photo 🇨🇴flag",
    "e\u0301crit a\u0300la cafe\u0301 man\u0303ana",
    "قال الوزير إن הממשלה \u202eabc\u202c done",
    "first line\r\nsecond\rthird\u2028fourth",
    "\U00010400\U00010401 astral \U0001d400\U0001d401 \U00020000\U00020001",
    "\ud800ab lone\udc00surrogates",
    "",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_the_spans_of_awkward_texts_hold_their_words(text: str) -> None:
    check(text)


@settings(max_examples=500)
@example("İ" * 40 + "stanbul")
@given(
    st.text()
    | st.text(alphabet="İI\u0131iΣ\u03c3ςabßẞ \u0307\u0301'-_1😀\u200d\r\n")
    | st.lists(st.sampled_from(AWKWARD)).map("".join)
)
def test_the_spans_of_any_text_hold_its_words(text: str) -> None:
    check(text)


def check(text: str) -> None:
    """Lower-cased alone, what stands at each span is the word; but for the sigma that ends a word."""
    spans = word_spans(text)
    assert [blind(words(text[start:end])) for start, end in spans] == [blind([word]) for word in words(text)]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(0 <= start < end <= len(text) for start, end in spans)


def blind(found: list[str]) -> list[str]:
    return [word.replace("ς", "\u03c3") for word in found]


def test_a_span_points_into_the_text_as_it_was_given() -> None:
    assert word_spans("İİ İSTANBUL'a gitti") == [(4, 11), (14, 19)]
