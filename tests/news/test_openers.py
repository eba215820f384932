import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.news import openers
from falsetrue.news.masking import CATALOGUE, EDGE, Masker
from falsetrue.news.openers import beginnings, make_openers

PATTERNS = (
    r"\((?:AP|AFP)\)(?: -)?",
    r"Read [Mm]ore\b",
    r",(?<= ,) [Bb]y",
    r"[ \t]{0,2}[A-Z]{2,20} -",
    r"x?y+z",
    r"(?:a|bc)(?:d|)e",
    r"[^a]b",
    r"\d\d",
    r"(?i:q)w",
    "”?…",
    "a",
)
#: Characters that the patterns ask for, some that share their lowest eight bits, and surrogates.
TEXTS = st.text(st.sampled_from("AFPRead Mmor,byBxyz-()\t \n1”…qQwWcdeáő\ud800\U0001f600"), max_size=40)

needs_compiler = pytest.mark.skipif(openers.Openers is None, reason="installed without a C compiler")


@needs_compiler
@given(pattern=st.sampled_from(PATTERNS), text=TEXTS)
def test_every_place_where_a_pattern_matches_is_found(pattern: str, text: str) -> None:
    search = make_openers([[pattern]], at_edges=[False], edge=0)
    assert search is not None
    (found,) = search.find(text)
    matches = [at for at in range(len(text)) if re.compile(pattern).match(text, at)]
    assert set(matches) <= set(found or ())
    assert found is None or found == sorted(set(found))


def test_a_word_leaves_few_places() -> None:
    assert beginnings("Reuters") == [tuple(frozenset([ord(character)]) for character in "Reuter")]
    assert beginnings("a[bc]") == [(frozenset([97]), frozenset([98, 99]))]


@needs_compiler
def test_groups_are_told_apart_and_edges_are_kept_to() -> None:
    search = make_openers([["ab"], ["b"], ["zz"]], at_edges=[True, False, False], edge=2)
    assert search is not None
    assert search.find("ab ab ab") == ([0, 6], [1, 4, 7], None)


@needs_compiler
def test_what_is_no_text_is_refused() -> None:
    search = make_openers([["ab"]], at_edges=[False], edge=0)
    assert search is not None
    with pytest.raises(TypeError, match="text must be str"):
        search.find(b"ab")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="wrong size"):
        openers.Openers(sets=b"", groups=b"", edge_sets=0, edge=0)


@needs_compiler
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                *("WASHINGTON (Reuters) - ", "\nBy Jane Doe", "Featured image via X", "https://a.example/b", "x@y.com"),
                *(
                    "The Guardian",
                    "the hill",
                    "CNN",
                    "<b>",
                    "â€™",
                    "*NUMBER*",
                    "Read more: that",
                    " , By Ann",
                    ": ",
                    "(AP)",
                ),
                *("Lorem ipsum dolor. ", "\n", "Él dijo que sí. ", "word " * 90),
            ]
        ),
        max_size=12,
    )
)
def test_masks_blank_the_same_with_and_without_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    with_openers, without = Masker(tuple(CATALOGUE)), Masker(tuple(CATALOGUE))
    without._openers = None  # noqa: SLF001 - as where there is no compiler
    assert with_openers.spans(text) == without.spans(text)
    assert with_openers.spans(text + " " * 2 * EDGE) == without.spans(text + " " * 2 * EDGE)


def test_without_a_compiler_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openers, "Openers", None)
    assert make_openers([["ab"]], at_edges=[False], edge=0) is None
