import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.model.baselines import (
    BASELINES,
    fit_always_real,
    fit_deployed,
    fit_length_only,
    fit_title_case_only,
    title_case_share,
)
from falsetrue.news.article import Article, Label

LABELS = [Label(number % 2) for number in range(60)]


def article(label: Label, title: str | None, text: str) -> Article:
    return Article(corpus="c", line=1, title=title, text=text, label=label)


def test_the_rows_that_stand_in_every_report() -> None:
    assert list(BASELINES) == ["deployed recipe", "always real", "length only", "title case only"]


def test_always_real_is_certain_of_everything() -> None:
    articles = [article(label, None, "text") for label in LABELS]
    assert fit_always_real(articles, 0)(articles).tolist() == [1.0] * 60


def test_length_only_learns_which_class_is_longer() -> None:
    articles = [article(label, None, "word " * (40 if label else 10)) for label in LABELS]
    score = fit_length_only(articles, 0)
    short, long = score([article(Label.REAL, None, "word " * 8), article(Label.REAL, None, "word " * 60)])
    assert short < 0.5 < long


def test_title_case_only_sees_the_title_and_the_text_where_there_is_none() -> None:
    articles = [article(label, "A Title Like This" if label else "a title like that", "Same Text") for label in LABELS]
    score = fit_title_case_only(articles, 0)
    titled, plain, untitled = score(
        [
            article(Label.FALSE, "Every Word Is Capitalised", "not here"),
            article(Label.FALSE, "no word is", "But Here All Are"),
            article(Label.FALSE, None, "Every Word Is Capitalised"),
        ]
    )
    assert plain < 0.5 < titled
    assert untitled == titled


def test_the_deployed_recipe_is_fitted_on_a_bounded_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falsetrue.model.baselines.DEPLOYED_ROWS", 30)
    seen = []

    def fit(_recipe: object, articles: list[Article], _seed: int) -> None:
        seen.append(len(articles))

    monkeypatch.setattr("falsetrue.model.baselines.fit", fit)
    fit_deployed([article(label, None, f"text {label}") for label in LABELS], 0)
    fit_deployed([article(label, None, f"text {label}") for label in LABELS[:20]], 0)
    assert seen == [30, 20]


@pytest.mark.parametrize("name", list(BASELINES))
def test_every_row_gives_a_probability_for_each_article_and_none_for_none(name: str) -> None:
    articles = [article(label, "Title", f"some text of {label.name} {number}") for number, label in enumerate(LABELS)]
    score = BASELINES[name](articles, 0)
    p_real = score(articles[:7])
    assert p_real.shape == (7,)
    assert np.all((p_real >= 0) & (p_real <= 1))
    assert score([]).shape == (0,)


@given(st.text(max_size=30))
def test_a_title_case_share_is_a_share(text: str) -> None:
    assert 0 <= title_case_share(text) <= 1


@pytest.mark.parametrize(
    ("text", "share"), [("", 0), ("1234 !", 0), ("All Of It", 1), ("Half of It all", 0.5), ("Ñandú vuelve", 0.5)]
)
def test_title_case_counts_words_that_begin_with_a_capital(text: str, share: float) -> None:
    assert title_case_share(text) == share
