import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline

from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.foreign import load_estimator
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import ESTIMATOR, SCORER
from falsetrue.bundle.scorer import CompiledScorer, from_bytes, sigmoid
from falsetrue.errors import BundleError, CannotCompileError

TEXTS = [
    "the minister said the budget vote was agreed by parliament",
    "shocking hoax exposed by the elites, share before it is deleted",
    "the city council said the road works would take a week",
    "secret miracle cure they do not want you to share, wake up",
    "ΟΔΥΣΣΕΥΣ İSTANBUL café e\u0301crit 习近平 新闻 the vote",
    "percent percent percent committee agreed quarter statement",
] * 5
LABELS = [1, 0, 1, 0, 1, 1] * 5


def fitted(classifier: Any, **options: Any) -> Pipeline:
    pipeline = Pipeline([("vectorizer", TfidfVectorizer(**options)), ("classifier", classifier)])
    return pipeline.fit(TEXTS, LABELS)


def calibrated() -> CalibratedClassifierCV:
    return CalibratedClassifierCV(LogisticRegression(C=10), ensemble=False, cv=3)


PIPELINES = {
    "logistic regression": fitted(LogisticRegression(), ngram_range=(1, 2)),
    "calibrated": fitted(calibrated(), ngram_range=(1, 3), sublinear_tf=True),
    "bigrams only": fitted(LogisticRegression(), ngram_range=(2, 2)),
    "no bigram left": fitted(LogisticRegression(), ngram_range=(1, 2), max_features=8),
    "two and three": fitted(LogisticRegression(), ngram_range=(2, 3)),
    "forest": fitted(RandomForestClassifier(n_estimators=20, max_depth=6, random_state=0)),
    "forest of stumps without a test": fitted(RandomForestClassifier(n_estimators=3, max_depth=1, random_state=0)),
}


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text() | st.sampled_from(TEXTS) | st.lists(st.sampled_from(TEXTS)).map(" ".join), max_size=8))
def test_a_compiled_scorer_says_what_the_pipeline_says_of_any_text(name: str, texts: list[str]) -> None:
    pipeline = PIPELINES[name]
    ours = from_bytes(compile_pipeline(pipeline)).score(texts).p_real
    theirs = pipeline.predict_proba(texts)[:, 1] if texts else np.empty(0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert (ours > 0.5).tolist() == [bool(label) for label in (pipeline.predict(texts) if texts else [])]


@pytest.mark.parametrize("name", PIPELINES)
def test_a_batch_larger_than_a_chunk_is_scored_as_its_texts_are_alone(name: str) -> None:
    scorer = from_bytes(compile_pipeline(PIPELINES[name]))
    texts = [f"{TEXTS[number % 6]} {number}" for number in range(600)]
    together = scorer.score(texts)
    alone = [scorer.score([text]).p_real[0] for text in texts]
    np.testing.assert_allclose(together.p_real, alone, rtol=0, atol=1e-12)
    assert len(together.words) == len(together.known_words) == 600


def test_words_and_known_words_are_counted() -> None:
    scores = from_bytes(compile_pipeline(PIPELINES["calibrated"])).score(["the budget zzz yyy a", ""])
    assert (scores.words, scores.known_words) == ([4, 0], [2, 0])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_sigmoid_never_overflows(value: float) -> None:
    with np.errstate(over="raise", invalid="raise"):
        assert 0 <= sigmoid(np.array([value]))[0] <= 1


class _OtherWords(TfidfVectorizer):  # type: ignore[misc]
    pass


class _OtherRegression(LogisticRegression):  # type: ignore[misc]
    pass


@pytest.mark.parametrize(
    ("pipeline", "part"),
    [
        (Pipeline([("v", _OtherWords()), ("c", LogisticRegression())]).fit(TEXTS, LABELS), "_OtherWords"),
        (fitted(_OtherRegression()), "_OtherRegression has no compiled form"),
        (fitted(LogisticRegression(), ngram_range=(1, 4)), "ngram_range=\\(1, 4\\)"),
        (fitted(LogisticRegression(), vocabulary=["vote", "two\nlines"]), "a line feed"),
        (fitted(LogisticRegression(), analyzer="char"), "analyzer='char'"),
        (fitted(LogisticRegression(), strip_accents="unicode"), "strip_accents='unicode'"),
        (fitted(LogisticRegression(), stop_words="english"), "stop_words='english'"),
        (fitted(LogisticRegression(), norm="l1"), "norm='l1'"),
        (fitted(LogisticRegression(), dtype=np.float32), "dtype float64"),
        (fitted(SGDClassifier(loss="log_loss")), "SGDClassifier has no compiled form"),
        (fitted(CalibratedClassifierCV(LogisticRegression(), cv=3)), "ensemble=False"),
        (Pipeline([("v", CountVectorizer()), ("c", LogisticRegression())]).fit(TEXTS, LABELS), "CountVectorizer"),
    ],
)
def test_what_cannot_be_compiled_is_named(pipeline: Pipeline, part: str) -> None:
    with pytest.raises(CannotCompileError, match=part):
        compile_pipeline(pipeline)


@pytest.mark.parametrize("name", ["calibrated", "forest"])
def test_a_mutated_blob_is_a_clear_error_or_a_model_never_a_crash(name: str) -> None:
    sound = compile_pipeline(PIPELINES[name])
    generator = random.Random(0)  # noqa: S311 - not for secrets
    for _ in range(300):
        blob = bytearray(sound)
        at = generator.choice([generator.randrange(len(blob)), generator.randrange(min(900, len(blob)))])
        blob[at] ^= 1 << generator.randrange(8)
        try:
            scores = from_bytes(bytes(blob[: generator.choice([len(blob), generator.randrange(len(blob))])]))
        except BundleError as error:
            assert "scorer.safetensors" in str(error)
        else:
            assert len(scores.score(TEXTS).p_real) == len(TEXTS)


def _changed(blob: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    tensors = dict(safetensors.numpy.load(blob))
    length = int.from_bytes(blob[:8], "little")
    import json

    metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
    change(tensors)
    return safetensors.numpy.save(tensors, metadata)


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tensors: tensors.__setitem__(name, value(tensors[name].copy()))


def _at(index: int, value: float) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("calibrated", _set("weights", lambda array: array[:-1])),
        ("calibrated", _set("weights", _at(0, np.nan))),
        ("calibrated", _set("idf", _at(0, np.inf))),
        ("calibrated", _set("idf", lambda array: array.astype(np.float32))),
        ("calibrated", _set("idf", lambda array: array.reshape(1, -1))),
        ("calibrated", _set("terms", lambda array: array[array != 10])),
        ("calibrated", _set("terms", _at(0, 255))),
        ("calibrated", lambda tensors: tensors.update(more=np.zeros(1))),
        ("calibrated", lambda tensors: tensors.__delitem__("weights")),
        ("forest", _set("left", _at(0, 0))),
        ("forest", _set("right", _at(0, 10**6))),
        ("forest", _set("feature", _at(0, 10**6))),
        ("forest", _set("roots", _at(0, -1))),
        ("forest", _set("roots", lambda array: array[:0])),
        ("forest", _set("value", _at(0, 1.5))),
        ("forest", _set("threshold", lambda array: array[:-1])),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(name: str, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(BundleError, match=r"scorer\.safetensors"):
        from_bytes(_changed(compile_pipeline(PIPELINES[name]), change))


def test_the_same_pipeline_compiles_to_the_same_bytes() -> None:
    assert compile_pipeline(PIPELINES["calibrated"]) == compile_pipeline(PIPELINES["calibrated"])


@pytest.mark.parametrize("recipe", ["default", "deployed"])
def test_recipes_answer_the_golden_texts_as_their_pipelines(trained: Callable[[str], Path], recipe: str) -> None:
    bundle = open_bundle(trained(recipe), keep=(SCORER, ESTIMATOR))
    scorer: CompiledScorer = bundle.compiled_scorer()
    theirs = load_estimator(bundle.contents[ESTIMATOR]).predict_proba(list(golden_texts()))[:, 1]
    np.testing.assert_allclose(scorer.score(golden_texts()).p_real, theirs, rtol=0, atol=1e-9)
