from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.explaining import explain_text
from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.foreign import EstimatorScorer
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.scorer import CompiledScorer, Scorer, from_bytes, sigmoid
from falsetrue.features.words import words
from falsetrue.model.explanation import Explanation, Field, Unexplained
from falsetrue.model.fitting import MaskingTransformer
from falsetrue.news.article import join_title_and_text
from falsetrue.registry.folder import shipped_folder

TEXTS = [
    "OSLO (Reuters) - the minister said the budget vote was agreed by parliament",
    "shocking hoax exposed by the elites, share before it is deleted",
    "the city council said the road works would take a week",
    "secret miracle cure they do not want you to share, wake up",
    "ΟΔΥΣΣΕΥΣ İSTANBUL café e\u0301crit 习近平 新闻 the vote",
    "percent percent percent committee agreed quarter statement 👨‍👩‍👧",
] * 5
LABELS = [1, 0, 1, 0, 1, 1] * 5
MASK = "dateline@1"


def compiled(classifier: Any, *masks: str, vectorizer: type[Any] = TfidfVectorizer, **options: Any) -> CompiledScorer:
    steps = [("vectorizer", vectorizer(**options)), ("classifier", classifier)]
    masking = [("masks", MaskingTransformer(masks))] if masks else []
    return from_bytes(compile_pipeline(Pipeline([*masking, *steps]).fit(TEXTS, LABELS)))


def calibrated() -> CalibratedClassifierCV:
    return CalibratedClassifierCV(LogisticRegression(C=10), ensemble=False, cv=3)


SCORERS = {
    "one to three words, calibrated": compiled(calibrated(), ngram_range=(1, 3), sublinear_tf=True),
    "two words": compiled(LogisticRegression(), ngram_range=(2, 2)),
    "three words": compiled(LogisticRegression(), ngram_range=(3, 3)),
    "masked": compiled(calibrated(), MASK, ngram_range=(1, 2), sublinear_tf=True),
    "stop words": compiled(LogisticRegression(), ngram_range=(1, 2), stop_words="english"),
    "capitals": compiled(LogisticRegression(), lowercase=False),
    "hashes": compiled(LogisticRegression(), vectorizer=HashingVectorizer, n_features=16, ngram_range=(1, 2)),
    "counts": compiled(LogisticRegression(C=0.01), vectorizer=CountVectorizer, binary=True),
}
TITLES = st.none() | st.text(max_size=20) | st.sampled_from(TEXTS)
ANY_TEXT = st.text() | st.sampled_from(TEXTS) | st.lists(st.sampled_from(TEXTS)).map("\r\n".join)


def explained(scorer: Scorer, text: str, title: str | None = None) -> Explanation:
    found = explain_text(scorer, text, title)
    assert isinstance(found, Explanation)
    return found


def check_sums(scorer: Scorer, text: str, title: str | None) -> Explanation:
    """The base and the contributions sum to the log-odds, and these are those of the probability."""
    found = explained(scorer, text, title)
    p_real = scorer.p_real([join_title_and_text(title, text)])
    together = found.base + sum(span.contribution for span in found.spans)
    assert together == pytest.approx(found.log_odds, abs=1e-9)
    assert together == pytest.approx(float(np.log(p_real[0] / (1 - p_real[0]))), abs=1e-6)
    assert sigmoid(np.array([together]))[0] == pytest.approx(p_real[0], abs=1e-12)
    of_sentences = found.base + sum(sentence.contribution for sentence in found.sentences)
    assert of_sentences == pytest.approx(together, abs=1e-9)
    return found


@pytest.mark.parametrize("name", SCORERS)
@settings(max_examples=60)
@example(text="the minister said", title=" ")
@example(text="and said the vote", title="the budget")
@given(text=ANY_TEXT, title=TITLES)
def test_base_and_words_sum_to_the_log_odds_of_any_text(name: str, text: str, title: str | None) -> None:
    found = check_sums(SCORERS[name], text, title)
    for span in found.spans:
        assert len(words(span.of(text, title))) == 1
    cover = {field: [each for each in found.sentences if each.field is field] for field in Field}
    assert "".join(sentence.of(text, title) for sentence in cover[Field.TEXT]) == text
    assert "".join(sentence.of(text, title) for sentence in cover[Field.TITLE]) in ("", title)


def test_base_and_words_sum_to_the_log_odds_of_the_golden_texts_by_the_shipped_model() -> None:
    scorer = open_bundle(shipped_folder()).compiled_scorer()
    for text in golden_texts():
        check_sums(scorer, text, None)
        check_sums(scorer, text, text[:80])


def test_what_is_masked_adds_nothing_and_is_named() -> None:
    text = "OSLO (Reuters) - The budget vote was agreed."
    found = explained(SCORERS["masked"], text)
    assert [piece.of(text, None) for piece in found.masked] == ["OSLO (Reuters) -"]
    assert min(span.start for span in found.spans) >= found.masked[0].end
    assert explained(SCORERS["two words"], text).masked == ()


def test_a_stop_word_adds_nothing_and_a_pair_across_it_adds_to_both_its_words() -> None:
    found = explained(SCORERS["stop words"], "the minister said the budget")
    assert [span.of("the minister said the budget", None) for span in found.spans] == ["minister", "said", "budget"]


def test_a_word_that_the_model_does_not_know_adds_nothing() -> None:
    found = explained(SCORERS["one to three words, calibrated"], "zorgle vote blarf")
    assert [(span.start, span.end) for span in found.spans] == [(7, 11)]
    nothing = explained(SCORERS["one to three words, calibrated"], "zorgle blarf")
    assert (nothing.spans, nothing.log_odds) == ((), nothing.base)


def test_models_that_do_not_weigh_words_one_by_one_say_so(trained: Callable[[str], Path]) -> None:
    forest = open_bundle(trained("deployed")).compiled_scorer()
    assert explain_text(forest, TEXTS[0]) is Unexplained.NOT_LINEAR
    several = CalibratedClassifierCV(LogisticRegression(), cv=3)
    assert explain_text(compiled(several), TEXTS[0]) is Unexplained.NOT_LINEAR
    pipeline = Pipeline([("vectorizer", TfidfVectorizer()), ("classifier", LogisticRegression())]).fit(TEXTS, LABELS)
    assert explain_text(EstimatorScorer(pipeline), TEXTS[0]) is Unexplained.NOT_COMPILED
