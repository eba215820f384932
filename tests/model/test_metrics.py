import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from falsetrue.model.metrics import (
    auc,
    bootstrap,
    brier,
    confusion,
    f1,
    judge,
    proportion,
    thresholds_for_precision,
)

GENERATOR = np.random.default_rng(1)
LABELS = GENERATOR.integers(0, 2, 300)
SCORES = np.clip(0.3 * LABELS + GENERATOR.random(300) * 0.7, 0, 1).round(2)


def test_auc_brier_and_f1_are_those_of_scikit_learn() -> None:
    predicted = (SCORES > 0.5).astype(np.int64)
    assert auc(LABELS, SCORES) == pytest.approx(roc_auc_score(LABELS, SCORES))
    assert brier(LABELS, SCORES) == pytest.approx(brier_score_loss(LABELS, SCORES))
    for of_class in (0, 1):
        assert f1(LABELS, predicted, of_class) == pytest.approx(f1_score(LABELS, predicted, pos_label=of_class))


def test_auc_is_not_a_number_where_a_class_is_missing() -> None:
    assert np.isnan(auc(np.ones(3, dtype=np.int64), np.array([0.1, 0.2, 0.3])))


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_of_a_share_is_clopper_and_pearsons(successes: int, trials: int) -> None:
    successes = min(successes, trials)
    ours = proportion(successes, trials)
    exact = binomtest(successes, trials).proportion_ci(0.95, method="exact")
    assert (ours.low, ours.high) == pytest.approx((exact.low, exact.high))
    assert ours.low <= ours.value <= ours.high


def test_a_bootstrap_interval_holds_its_figure_and_is_the_same_each_time() -> None:
    def mean(at: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        return float(SCORES[at].mean())

    one, again = bootstrap(mean, 300, 5), bootstrap(mean, 300, 5)
    assert one == again
    assert one.low < one.value < one.high


def test_judge_gives_every_figure_with_its_interval() -> None:
    figures = judge(LABELS, SCORES, seed=0)
    assert set(figures) == {"accuracy", "f1_false", "f1_real", "brier", "auc"}
    assert all(each.low <= each.value <= each.high for each in figures.values())
    assert figures["accuracy"].value == pytest.approx(np.mean((SCORES > 0.5) == LABELS))


def test_confusion_counts_every_text_once() -> None:
    counts = confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]))
    assert counts == {
        "false_called_false": 1,
        "false_called_real": 1,
        "real_called_false": 1,
        "real_called_real": 2,
    }


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda n: n / 20)), min_size=1, max_size=120),
    st.sampled_from([0.6, 0.8, 0.95]),
)
def test_thresholds_reach_their_precision_and_never_cross(rows: list[tuple[int, float]], target: float) -> None:
    labels = np.array([label for label, _ in rows])
    p_real = np.array([score for _, score in rows])
    false_below, real_above = thresholds_for_precision(labels, p_real, target)
    assert 0 <= false_below <= 0.5 <= real_above <= 1
    for called, right in ((labels[p_real < false_below], 0), (labels[p_real > real_above], 1)):
        assert not len(called) or np.mean(called == right) >= target


def test_thresholds_are_as_wide_as_the_precision_allows() -> None:
    labels, p_real = np.repeat([0, 0, 1, 0, 1, 1], 10), np.repeat([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], 10)
    assert thresholds_for_precision(labels, p_real, 0.9) == (0.3, 0.7)
    assert thresholds_for_precision(labels, p_real, 0.6) == (0.5, 0.5)


def test_a_band_of_a_few_texts_is_not_believed() -> None:
    labels, p_real = np.repeat([0, 1], 9), np.repeat([0.1, 0.9], 9)
    assert thresholds_for_precision(labels, p_real, 0.9) == (0.0, 1.0)


def test_a_class_that_never_reaches_the_precision_is_never_decided() -> None:
    labels, p_real = np.zeros(50, dtype=np.int64), np.linspace(0, 1, 50)
    false_below, real_above = thresholds_for_precision(labels, p_real, 0.95)
    assert real_above == 1.0
    assert false_below == 0.5
