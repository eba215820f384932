import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.features.spans import word_spans
from falsetrue.model.explanation import (
    Contribution,
    Explanation,
    Field,
    Occurrences,
    Piece,
    Place,
    Pull,
    contributions_of_words,
    explanation_of,
    masked_spans,
    sentence_spans,
    strongest_sentence,
    strongest_words,
)


def ints(*values: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(values, dtype=np.int64)


def explained(text: str, *contributions: float, title: str = "", masked: str | None = None) -> Explanation:
    """An explanation of a text whose words, the title's first, added so much each."""
    content = f"{title} , {text}" if title else text
    places = [Place(field=Field.TEXT, text=text, start=len(content) - len(text))]
    if title:
        places.insert(0, Place(field=Field.TITLE, text=title, start=0))
    shown = content if masked is None else masked
    return explanation_of(
        places,
        base=0.5,
        spans=word_spans(shown),
        contributions=np.array(contributions, dtype=np.float64),
        masked=masked_spans(content, shown),
    )


# --- terms to words ---------------------------------------------------------------------------------


def test_a_term_is_shared_by_its_occurrences_and_each_of_them_by_its_words() -> None:
    single = Occurrences(length=1, places=ints(0, 2), terms=ints(7, 7))
    pairs = Occurrences(length=2, places=ints(1), terms=ints(9))
    words = contributions_of_words(4, [single, pairs], ints(7, 9), np.array([1.0, -4.0]))
    assert words.tolist() == [0.5, -2.0, 0.5 - 2.0, 0.0]


@given(st.data())
def test_the_words_add_up_to_the_terms(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    occurrences, held = [], set()
    for length in (1, 2, 3):
        places = data.draw(st.lists(st.integers(0, count - 1), unique=True))
        fitting = [place for place in places if place + length <= count]
        terms = data.draw(st.lists(st.integers(0, 5), min_size=len(fitting), max_size=len(fitting)))
        named = [10 * length + term for term in terms]
        occurrences.append(Occurrences(length=length, places=ints(*fitting), terms=ints(*named)))
        held |= set(named)
    added = data.draw(st.lists(st.floats(-9, 9), min_size=len(held), max_size=len(held)))
    words = contributions_of_words(count, occurrences, ints(*sorted(held)), np.array(added))
    assert words.shape == (count,)
    assert words.sum() == pytest.approx(sum(added), abs=1e-9)


def test_a_text_without_a_term_has_words_that_add_nothing() -> None:
    none = Occurrences(length=1, places=ints(), terms=ints())
    assert contributions_of_words(3, [none], ints(), np.empty(0)).tolist() == [0, 0, 0]


# --- sentences --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two!  Three?", ["One. ", "Two!  ", "Three?"]),
        ("He said “No.” Then he left… Why", ["He said “No.” ", "Then he left… ", "Why"]),
        ("¿Qué pasó? ¡Nada! Así fue.", ["¿Qué pasó? ", "¡Nada! ", "Así fue."]),
        ("A title\r\nA line\n\n  another", ["A title\r\n", "A line\n\n  ", "another"]),
        ("It cost 3.5 million, i.e. a lot, at example.com today", None),
        ("Wait... what? yes", None),
        ("ended.\nlower case", ["ended.\n", "lower case"]),
        ("   ", None),
    ],
)
def test_a_sentence_ends_where_people_end_it_mostly(text: str, sentences: list[str] | None) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == (sentences or [text])


@given(st.text() | st.text(alphabet="a B.!?…\r\n”)\u2028 "))
def test_the_sentences_cover_the_text_once(text: str) -> None:
    spans = sentence_spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)


@pytest.mark.parametrize(
    "text", ["." * 50_000, " " * 50_000, ".'" * 25_000, "\n" * 50_000, ". " * 25_000, ".''" * 17_000]
)
def test_no_text_takes_long_to_cut(text: str) -> None:
    before = time.process_time()
    sentence_spans(text)
    assert time.process_time() - before < 1


# --- masks ------------------------------------------------------------------------------------------


def test_what_is_masked_is_one_span_across_white_space_alone() -> None:
    text = "OSLO (Reuters) - Rates held, Reuters said"
    masked = "                 Rates held,         said"
    assert [text[start:end] for start, end in masked_spans(text, masked)] == ["OSLO (Reuters) -", "Reuters"]
    assert masked_spans(text, text) == []


@given(st.text(alphabet="ab \n"), st.data())
def test_the_masked_spans_hold_every_masked_character_and_no_other_but_white_space(
    text: str, data: st.DataObject
) -> None:
    hidden = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    masked = "".join(" " if hide else character for character, hide in zip(text, hidden, strict=True))
    spans = masked_spans(text, masked)
    inside = {place for start, end in spans for place in range(start, end)}
    assert inside >= {place for place in range(len(text)) if text[place] != masked[place]}
    assert all(masked[place].isspace() for place in inside)
    assert all(before[1] < after[0] for before, after in pairwise(spans))


# --- one text ---------------------------------------------------------------------------------------


def test_spans_are_those_of_the_fields_as_they_were_sent() -> None:
    found = explained("It fell. It rose.", 1, 0, -2, 3, 0, 0.25, title="Good 👍🏽 news")
    assert found.spans == (
        Contribution(field=Field.TITLE, start=0, end=4, contribution=1),
        Contribution(field=Field.TEXT, start=0, end=2, contribution=-2),
        Contribution(field=Field.TEXT, start=3, end=7, contribution=3),
        Contribution(field=Field.TEXT, start=12, end=16, contribution=0.25),
    )
    assert found.sentences == (
        Contribution(field=Field.TITLE, start=0, end=12, contribution=1),
        Contribution(field=Field.TEXT, start=0, end=9, contribution=1),
        Contribution(field=Field.TEXT, start=9, end=17, contribution=0.25),
    )
    assert (found.base, found.log_odds) == (0.5, 2.75)


def test_a_masked_part_that_goes_on_from_the_title_into_the_text_is_in_both() -> None:
    found = explained("Reuters said so", 1, 1, 1, title="By Reuters", masked="By" + " " * 19 + "said so")
    assert found.masked == (
        Piece(field=Field.TITLE, start=3, end=10),
        Piece(field=Field.TEXT, start=0, end=7),
    )


def test_the_words_that_pull_most_are_summed_over_the_text_and_sorted_by_what_they_add() -> None:
    text = "Up down UP still down other"
    found = explained(text, 1, -1, 0.5, 0, -2, 0.25)
    toward_real = strongest_words(found, text=text, title=None, toward_real=True, most=9)
    assert toward_real == [Pull(word="up", contribution=1.5, count=2), Pull(word="other", contribution=0.25, count=1)]
    (toward_false,) = strongest_words(found, text=text, title=None, toward_real=False, most=9)
    assert toward_false == Pull(word="down", contribution=-3, count=2)
    assert strongest_words(found, text=text, title=None, toward_real=True, most=1) == toward_real[:1]


def test_the_sentence_that_pulls_most_pulls_the_way_that_is_asked_for() -> None:
    found = explained("Up up. Down low. Very low.", 1, 1, 2, 3, -1, 0)
    assert (sentence := strongest_sentence(found, toward_real=True))
    assert (sentence.start, sentence.contribution) == (7, 5)
    assert (sentence := strongest_sentence(found, toward_real=False))
    assert (sentence.start, sentence.contribution) == (17, -1)
    assert strongest_sentence(explained("Up.", 1), toward_real=False) is None
