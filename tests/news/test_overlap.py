import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.news.article import Article, Label
from falsetrue.news.overlap import SIZE, WORTH_SAYING, Overlap, overlaps, sketch, total_share


def article(text: str) -> Article:
    return Article(corpus="news", line=1, title=None, text=text, label=Label.REAL)


def articles(start: int, end: int) -> list[Article]:
    return [article(f"article number {number}") for number in range(start, end)]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40), min_size=1))
def test_of_a_small_collection_the_sketch_tells_each_article(there: set[int], asked: set[int]) -> None:
    kept = sketch([article(f"number {number}") for number in there])
    found = overlaps([article(f"number {number}") for number in asked], {"news": kept})
    common = len(there & asked)
    expected = Overlap(corpus="news", found=common, looked_for=len(asked))
    assert found == ([expected] if common and common >= WORTH_SAYING * len(asked) else [])


def test_collections_that_together_hold_enough_are_named_the_one_with_most_first() -> None:
    kept = {f"from {start}": sketch(articles(start, start + 20)) for start in (0, 500, 600)}
    found = overlaps([*articles(0, 2), *articles(500, 504), *articles(1000, 1094)], kept)
    assert [(each.corpus, each.found, each.looked_for) for each in found] == [("from 500", 4, 100), ("from 0", 2, 100)]
    assert total_share(found) == pytest.approx(0.06)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_of_a_large_collection_it_tells_about_which_share_of_others_is_in_it(share: float) -> None:
    kept = sketch(articles(0, 20_000))
    copied = int(2000 * share)
    (found,) = overlaps(articles(20_000 - copied, 22_000 - copied), {"news": kept})
    assert found.share == pytest.approx(share, abs=0.2)
    assert found.looked_for < 300


def test_a_collection_that_has_nothing_in_common_is_not_named() -> None:
    kept = {"one": sketch(articles(0, 5000)), "two": sketch(articles(5000, 5010)), "none": sketch([])}
    assert overlaps(articles(10_000, 12_000), kept) == []
    assert [each.corpus for each in overlaps(articles(4000, 5000), kept)] == ["one"]


def test_the_order_copies_case_and_white_space_do_not_matter() -> None:
    plain = articles(0, 3000)
    shuffled = [article(f" ARTICLE  number\t{each.text.split()[-1]}\n") for each in [*plain, *plain[:50]][::-1]]
    assert sketch(shuffled) == sketch(plain)


def test_a_sketch_is_small_however_large_the_collection_and_holds_no_text() -> None:
    kept = sketch(articles(0, 5000))
    assert len(kept) == SIZE * 8
    assert np.all(np.diff(np.frombuffer(kept, dtype="<u8").astype(float)) > 0)


@pytest.mark.parametrize("damaged", [b"", b"123", b"\x00" * 12])
def test_a_sketch_that_somebody_cut_says_nothing(damaged: bytes) -> None:
    assert overlaps(articles(0, 100), {"news": damaged}) == []


def test_no_articles_overlap_with_nothing() -> None:
    assert overlaps([], {"news": sketch(articles(0, 10))}) == []
