import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.news.duplicates import near_duplicate_groups, number_words

_WORDS = [f"word{number}" for number in range(5000)]


def written(count: int, seed: int) -> list[str]:
    return random.Random(seed).choices(_WORDS, k=count)  # noqa: S311 - not for secrets


def changed(words: list[str], edits: int, seed: int) -> list[str]:
    """The words with ``edits`` of them replaced."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    copy = list(words)
    for at in generator.sample(range(len(words)), edits):
        copy[at] = f"other{generator.randrange(5000)}"
    return copy


def similarity(left: list[str], right: list[str]) -> float:
    """Jaccard similarity of the sets of 5-word shingles."""
    sets = [{tuple(words[at : at + 5]) for at in range(len(words) - 4)} for words in (left, right)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_copies_that_differ_in_case_white_space_and_punctuation_share_a_group() -> None:
    assert near_duplicate_groups(["A b, c", "other words", "a  B\nC."]).tolist() == [0, 1, 0]


def test_the_same_words_in_another_order_do_not() -> None:
    assert near_duplicate_groups(["one two three", "three two one"]).tolist() == [0, 1]


def test_no_texts_and_empty_texts() -> None:
    assert near_duplicate_groups([]).tolist() == []
    assert near_duplicate_groups(["", "a", "...", "a"]).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(("edits", "at_least", "at_most"), [(2, 0.99, 1.0), (18, 0.0, 0.01)])
def test_planted_near_duplicates_are_found_and_the_rest_left_alone(edits: int, at_least: float, at_most: float) -> None:
    pairs = [(words := written(200, seed), changed(words, edits, seed)) for seed in range(300)]
    similar = np.mean([similarity(*pair) for pair in pairs])
    assert similar > 0.88 if edits == 2 else similar < 0.6
    groups = near_duplicate_groups([" ".join(words) for pair in pairs for words in pair])
    assert at_least <= np.mean(groups[::2] == groups[1::2]) <= at_most
    assert len(np.unique(groups)) >= 300


def test_what_is_joined_through_others_shares_a_group() -> None:
    words = written(200, 1)
    chain = [words]
    for step in range(12):
        chain.append([*chain[-1][:step], f"new{step}", *chain[-1][step + 1 :]])
    assert similarity(chain[0], chain[-1]) < 0.95
    assert near_duplicate_groups([" ".join(link) for link in chain]).max() == 0


def test_many_copies_cost_no_more_than_many_texts() -> None:
    assert near_duplicate_groups(["you are being redirected " * 5] * 20_000).max() == 0


@given(st.lists(st.text(alphabet="ab \n.é", max_size=30), max_size=30))
def test_groups_are_numbered_as_they_first_occur_and_copies_are_together(texts: list[str]) -> None:
    groups = near_duplicate_groups(texts).tolist()
    assert list(dict.fromkeys(groups)) == list(range(len(set(groups))))
    by_words: dict[str, int] = {}
    for text, group in zip(texts, groups, strict=True):
        key = " ".join(text.lower().replace(".", " ").split())
        assert by_words.setdefault(key, group) == group


def test_the_order_of_the_texts_does_not_matter() -> None:
    texts = [" ".join(changed(written(60, seed % 20), seed // 20, seed)) for seed in range(100)]
    groups = near_duplicate_groups(texts)
    order = np.random.default_rng(0).permutation(len(texts))
    again = near_duplicate_groups([texts[at] for at in order])
    together = groups[order][:, None] == groups[order][None]
    assert np.mean(together == (again[:, None] == again[None])) > 0.999


def test_words_are_numbered_once() -> None:
    found = number_words(["b a", "", "A c"])
    assert found.vocabulary == ["b", "a", "c"]
    assert found.numbers.tolist() == [0, 1, 1, 2]
    assert found.starts.tolist() == [0, 2, 2, 4]
