from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from falsetrue.errors import InputError
from falsetrue.news.article import Article, Label
from falsetrue.news.splitting import (
    corpus_families,
    grouped_folds,
    grouped_split,
    later_in_time,
    leave_one_corpus_out_splits,
    linked_groups,
    sources_known,
    split_at_random,
)


@pytest.mark.parametrize(("count", "seed"), [(10, 0), (825, 0), (4123, 0), (4123, 7)])
def test_the_split_is_the_one_of_scikit_learn(count: int, seed: int) -> None:
    fitted, held_out = train_test_split(np.arange(count), test_size=0.2, random_state=seed)
    ours = split_at_random(count, seed)
    np.testing.assert_array_equal(ours[0], fitted)
    np.testing.assert_array_equal(ours[1], held_out)


@given(st.integers(2, 500), st.integers(0, 2**32 - 1))
def test_every_article_is_on_one_side(count: int, seed: int) -> None:
    fitted, held_out = split_at_random(count, seed)
    assert sorted([*fitted, *held_out]) == list(range(count))
    assert len(held_out) >= 1


# --- by group, by time, by corpus -----------------------------------------------------------------


def article(corpus: str, number: int, label: int, source: str | None = None) -> Article:
    return Article(
        corpus=corpus, line=number + 1, title=None, text=f"{corpus} {number}", label=Label(label), source=source
    )


def corpus_of(name: str, count: int, sources: int = 0) -> list[Article]:
    """``count`` articles, half of each class, dealt out to so many sources of each class."""
    return [
        article(name, number, number % 2, f"{name}{number % 2}{number // 2 % sources}" if sources else None)
        for number in range(count)
    ]


def nothing_alike(articles: list[Article]) -> NDArray[np.int64]:
    return np.arange(len(articles))


@st.composite
def news(draw: st.DrawFn) -> tuple[list[Article], NDArray[np.int64]]:
    """Two corpora with any sources, and near duplicates anywhere."""
    count = draw(st.integers(2, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    sources = draw(st.lists(st.none() | st.sampled_from("abcdefghijklmn"), min_size=count, max_size=count))
    duplicates = draw(st.lists(st.integers(0, count), min_size=count, max_size=count))
    articles = [
        article("ab"[number % 2], number, label, source)
        for number, (label, source) in enumerate(zip(labels, sources, strict=True))
    ]
    return articles, np.array(duplicates)


@given(news(), st.integers(0, 99))
def test_no_near_duplicates_and_no_known_source_stand_on_both_sides(
    made: tuple[list[Article], NDArray[np.int64]], seed: int
) -> None:
    articles, duplicates = made
    fit, held_out = grouped_split(articles, seed, duplicates)
    assert sorted([*fit, *held_out]) == list(range(len(articles)))
    assert not set(duplicates[fit]) & set(duplicates[held_out])
    known = sources_known(articles)
    sides = [{articles[at].source for at in side if known[articles[at].corpus]} - {None} for side in (fit, held_out)]
    assert not sides[0] & sides[1]


@given(news(), st.integers(2, 5))
def test_folds_hold_every_article_once_and_keep_groups_together(
    made: tuple[list[Article], NDArray[np.int64]], folds: int
) -> None:
    articles, duplicates = made
    if len(articles) < folds:
        with pytest.raises(InputError, match=f"cannot be dealt out to {folds} folds"):
            grouped_folds(articles, folds, 0, duplicates)
        return
    found = grouped_folds(articles, folds, 0, duplicates)
    assert found.shape == (len(articles),)
    assert set(found.tolist()) <= set(range(folds))
    for group in set(duplicates.tolist()):
        assert len(set(found[duplicates == group])) == 1


@pytest.mark.parametrize("sources", [0, 20])
def test_about_a_fifth_of_each_class_of_each_corpus_is_held_out(sources: int) -> None:
    articles = corpus_of("large", 2000, sources) + corpus_of("small", 200, sources)
    _, held_out = grouped_split(articles, 0, nothing_alike(articles))
    for name, size in (("large", 2000), ("small", 200)):
        for label in Label:
            count = sum(articles[at].corpus == name and articles[at].label is label for at in held_out)
            assert 0.15 <= count / (size / 2) <= 0.25


def test_folds_are_of_about_the_same_size() -> None:
    articles = corpus_of("c", 1000, 40)
    assert np.bincount(grouped_folds(articles, 5, 0, nothing_alike(articles))).tolist() == pytest.approx(
        [200] * 5, rel=0.1
    )


def test_the_seed_chooses_the_split_and_nothing_else_does() -> None:
    articles = corpus_of("c", 300, 30)
    alike = nothing_alike(articles)
    one, again, other = (grouped_split(articles, seed, alike)[1].tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_near_duplicates_are_found_where_they_are_not_given() -> None:
    words = "the committee agreed on a budget for the water works and the roads of the city for the coming year"
    articles = [replace(each, text=words + "!" * each.line) for each in corpus_of("c", 40)]
    fit, held_out = grouped_split(articles, 0)
    assert not len(fit) or not len(held_out)


def test_four_sources_of_a_class_are_too_few_to_be_kept_apart() -> None:
    articles = corpus_of("four", 80, 4) + corpus_of("five", 80, 5) + corpus_of("none", 10)
    assert sources_known(articles) == {"four": False, "five": True, "none": False}


def test_articles_are_linked_through_others() -> None:
    articles = [*corpus_of("c", 20, 5), article("c", 20, 1), article("c", 21, 0)]
    duplicates = nothing_alike(articles)
    duplicates[[20, 21]] = duplicates[[0, 1]]
    duplicates[1] = duplicates[20]
    groups = linked_groups(articles, duplicates)
    assert groups[0] == groups[1] == groups[20] == groups[10]


FIRST = date(2020, 1, 1)


def test_the_last_fifth_by_day_is_held_out_less_what_is_like_the_past() -> None:
    articles = corpus_of("c", 100)
    days: list[date | None] = [FIRST + timedelta(days=number // 5) for number in range(100)]
    duplicates = nothing_alike(articles)
    duplicates[95] = duplicates[3]
    split = later_in_time(articles, days, duplicates)
    assert split.first_day == {"c": FIRST + timedelta(days=16)}
    assert split.fit.tolist() == list(range(80))
    assert split.held_out.tolist() == [at for at in range(80, 100) if at != 95]
    assert split.removed == {"c": 1}


@given(st.lists(st.integers(0, 6), min_size=2, max_size=60), st.integers(0, 5))
def test_all_of_the_past_lies_before_all_of_the_future(offsets: list[int], gap: int) -> None:
    articles = corpus_of("c", len(offsets))
    days: list[date | None] = [FIRST + timedelta(days=offset) for offset in offsets]
    days[:: 7 + gap] = [None] * len(days[:: 7 + gap])
    split = later_in_time(articles, days, nothing_alike(articles))
    if split.skipped:
        assert not len(split.fit)
        assert not len(split.held_out)
        return
    past, future = ([day for at in side if (day := days[at])] for side in (split.fit, split.held_out))
    assert past
    assert future
    assert max(past) < min(future)
    assert len(past) + len(future) == sum(day is not None for day in days)


def test_a_corpus_with_too_few_days_takes_no_part_and_says_why() -> None:
    articles = corpus_of("some", 20) + corpus_of("one", 20) + corpus_of("all", 20)
    days: list[date | None] = [FIRST if number % 2 else None for number in range(20)]
    days += [FIRST] * 20
    days += [FIRST + timedelta(days=number) for number in range(20)]
    split = later_in_time(articles, days, nothing_alike(articles))
    assert split.skipped == {
        "some": "0 % of its false articles have a usable date; 80 % are needed",
        "one": "all its dates are one day",
    }
    assert list(split.first_day) == ["all"]


def three_corpora() -> list[Article]:
    return [each for name in ("a", "b", "c") for each in corpus_of(name, 100)]


def test_corpora_that_share_more_than_one_article_in_a_hundred_leave_together() -> None:
    articles = three_corpora()
    duplicates = nothing_alike(articles)
    duplicates[200] = duplicates[0]
    assert corpus_families(articles, duplicates) == [("a",), ("b",), ("c",)]
    duplicates[201] = duplicates[1]
    assert corpus_families(articles, duplicates) == [("a", "c"), ("b",)]


def test_corpora_leave_together_where_somebody_says_so() -> None:
    articles = three_corpora()
    assert corpus_families(articles, nothing_alike(articles), [("c", "b")]) == [("a",), ("b", "c")]
    assert corpus_families(articles, nothing_alike(articles), [("a", "b"), ("b", "c")]) == [("a", "b", "c")]


def test_a_family_of_an_unknown_corpus_is_refused_by_name() -> None:
    articles = three_corpora()
    with pytest.raises(InputError, match="a family names 'd'; the corpora are a, b, c"):
        corpus_families(articles, nothing_alike(articles), [("a", "d")])


@given(news())
def test_nothing_like_the_corpus_that_is_left_out_is_fitted_on(made: tuple[list[Article], NDArray[np.int64]]) -> None:
    articles, duplicates = made
    for split in leave_one_corpus_out_splits(articles, [("a",), ("b",)], duplicates):
        assert {articles[at].corpus for at in split.held_out} == set(split.corpora)
        assert not {articles[at].corpus for at in split.fit} & set(split.corpora)
        assert not set(duplicates[split.fit]) & set(duplicates[split.held_out])
        assert len(split.fit) + len(split.held_out) + split.removed == len(articles)
