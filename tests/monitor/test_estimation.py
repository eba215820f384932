"""Estimates from the audit slice cover the truth as often as they say."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from falsetrue.errors import InputError
from falsetrue.model.metrics import proportion
from falsetrue.monitor.estimation import (
    CLOPPER_PEARSON,
    PPI,
    Audited,
    Traffic,
    estimate_labelled,
    estimate_share,
)
from falsetrue.monitor.findings import Estimate, Subject

Floats = NDArray[np.float64]

BINS = 200
#: Of the traffic of which a slice is drawn.
TEXTS = 10_000
MIDDLES = (np.arange(BINS) + 0.5) / BINS


def traffic_of(expected: Floats) -> Traffic:
    return Traffic(texts=len(expected), mean=float(expected.mean()), variance=float(expected.var()))


def drawn(generator: np.random.Generator, labels: int, *, off: float = 0.0) -> tuple[Floats, Floats, Traffic, float]:
    """What happened, what was expected of it, the traffic, and the truth, which is ``off`` beside what is expected."""
    everything = 0.6 * generator.beta(0.3, 0.6, TEXTS)
    expected = everything[:labels]
    happened = (generator.random(labels) < expected + off).astype(np.float64)
    return happened, expected, traffic_of(everything), 0.2 + off


@pytest.mark.parametrize("off", [0.0, 0.3])
def test_its_interval_covers_the_truth_and_is_shorter_than_that_of_the_labels_alone(off: float) -> None:
    """Even where the model is far off about itself."""
    covered, widths, alone = [], [], []
    for seed in range(200):
        happened, expected, traffic, truth = drawn(np.random.default_rng(seed), 400, off=off)
        method, value, low, high = estimate_share(happened, expected, traffic)
        exact = proportion(int(happened.sum()), 400)
        assert method == PPI
        assert low <= value <= high
        covered.append(low <= truth <= high)
        widths.append(high - low)
        alone.append(exact.high - exact.low)
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(widths) < 0.97 * np.mean(alone)


def test_an_expectation_that_knows_everything_leaves_only_the_draw_of_the_traffic() -> None:
    generator = np.random.default_rng(1)
    truth = (generator.random(100_000) < 0.3).astype(np.float64)
    method, value, low, high = estimate_share(truth[:500], truth[:500], traffic_of(truth))
    assert method == PPI
    assert value == pytest.approx(truth.mean(), abs=1e-3)
    assert high - low < 0.03


def test_an_expectation_that_knows_nothing_changes_nothing() -> None:
    """Constant, it has no weight: the value is that of the labels."""
    happened = np.array([0.0, 1.0] * 50)
    _, value, low, high = estimate_share(happened, np.full(100, 0.4), Traffic(texts=1000, mean=0.4, variance=0.0))
    assert value == 0.5
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.5 / 104**0.5, 0.5 + 1.96 * 0.5 / 104**0.5), abs=1e-3)


@given(st.integers(1, 60), st.data())
def test_few_labels_have_the_exact_interval(labels: int, data: st.DataObject) -> None:
    yes = data.draw(st.integers(0, labels))
    happened = np.array([1.0] * yes + [0.0] * (labels - yes))
    found = estimate_share(happened, np.full(labels, 0.1), Traffic(texts=1000, mean=0.1, variance=0.01))
    exact = binomtest(yes, labels).proportion_ci(0.95, method="exact")
    assert found[0] == CLOPPER_PEARSON
    assert found[1:] == pytest.approx((yes / labels, exact.low, exact.high))


def test_expectations_without_any_traffic_are_not_used() -> None:
    happened = np.array([0.0, 1.0] * 100)
    nothing = Traffic.of_counts(MIDDLES, np.zeros(BINS, np.int64))
    assert estimate_share(happened, happened, nothing)[0] == CLOPPER_PEARSON


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 50)), min_size=1, max_size=20))
def test_traffic_has_mean_and_variance_of_its_texts(bins: list[tuple[float, int]]) -> None:
    expected, counts = np.array([value for value, _ in bins]), np.array([count for _, count in bins])
    traffic = Traffic.of_counts(expected, counts)
    texts = np.repeat(expected, counts)
    assert traffic.texts == len(texts)
    if len(texts):
        assert (traffic.mean, traffic.variance) == pytest.approx((texts.mean(), texts.var()), abs=1e-9)


@pytest.mark.parametrize(("happened", "expected"), [([], []), ([1.0], []), ([1.0], [0.5, 0.5])])
def test_an_estimate_without_labels_is_refused(happened: list[float], expected: list[float]) -> None:
    with pytest.raises(InputError, match="needs labels"):
        estimate_share(np.array(happened), np.array(expected), Traffic(texts=10, mean=0.5, variance=0.1))


# --- figures of the audit slice ----------------------------------------------------------------------------


@cache
def slice_of(labels: int, seed: int = 0) -> tuple[Audited, NDArray[np.int64]]:
    """A slice of calibrated traffic that is called real above .7 and false below .3, and the counts of all of it."""
    generator = np.random.default_rng(seed)
    p_real = generator.random(TEXTS)
    said = np.where(p_real < 0.3, 0, np.where(p_real > 0.7, 1, -1)).astype(np.int8)
    at = np.minimum((p_real * BINS).astype(int), BINS - 1)
    scores = np.stack([np.bincount(at[said == label], minlength=BINS) for label in (0, 1, -1)])
    truth = (generator.random(labels) < p_real[:labels]).astype(np.int8)
    return Audited(truth=truth, said=said[:labels], p_real=p_real[:labels]), scores


def figures(labels: int, seed: int = 0) -> dict[str, Estimate]:
    audited, scores = slice_of(labels, seed)
    found = estimate_labelled(audited, MIDDLES, scores, subject=Subject(language="es"))
    return {each.name: each for each in found}


def test_each_figure_is_near_the_truth_and_says_what_it_goes_by() -> None:
    found = figures(2000)
    truth = {"error": 0.15, "precision_false": 0.85, "precision_real": 0.85, "prevalence_false": 0.5}
    for name, value in truth.items():
        assert found[name].low <= value <= found[name].high
        assert found[name].method == PPI
        assert found[name].subject == Subject(language="es")
    assert found["prevalence_false"].labels == 2000
    assert found["prevalence_false"].texts == TEXTS
    assert found["error"].labels == found["precision_false"].labels + found["precision_real"].labels < 2000
    assert found["error"].texts == found["precision_false"].texts + found["precision_real"].texts < TEXTS


@given(st.integers(1, 60), st.integers(0, 5))
def test_of_few_labels_the_figures_are_those_of_the_labels_alone(labels: int, seed: int) -> None:
    audited, _ = slice_of(labels, seed)
    found = figures(labels, seed)
    assert ("precision_false" in found) == bool((audited.said == 0).any())
    if "error" in found:
        decided = audited.said >= 0
        assert found["error"].value == pytest.approx(np.mean(audited.truth[decided] != audited.said[decided]))
    assert found["prevalence_false"].value == pytest.approx(np.mean(audited.truth == 0))
    assert {each.method for each in found.values()} == {CLOPPER_PEARSON}


def test_a_slice_without_labels_has_no_figures() -> None:
    empty = Audited(truth=np.empty(0, np.int8), said=np.empty(0, np.int8), p_real=np.empty(0))
    assert estimate_labelled(empty, MIDDLES, np.zeros((3, BINS), np.int64)) == []


@pytest.mark.parametrize(
    ("truth", "said", "p_real"),
    [([1], [1, 0], [0.5]), ([2], [1], [0.5]), ([1], [3], [0.5]), ([1], [1], [1.5]), ([-1], [1], [0.5])],
)
def test_a_slice_that_is_none_is_refused(truth: list[int], said: list[int], p_real: list[float]) -> None:
    audited = Audited(truth=np.array(truth, np.int8), said=np.array(said, np.int8), p_real=np.array(p_real))
    with pytest.raises(InputError, match=r"verdicts|p_real"):
        estimate_labelled(audited, MIDDLES, np.zeros((3, BINS), np.int64))


def test_labels_of_quiet_days_count_for_the_texts_of_quiet_days() -> None:
    """20 labels of each day, of 5,000 texts of which 10 % are wrong, or of 300 of which 30 % are."""
    texts, rates = np.array([5_000] * 22 + [300] * 8), np.array([0.1] * 22 + [0.3] * 8)
    truth = float(np.average(rates, weights=texts))
    covered = {"with": 0, "without": 0}
    for seed in range(200):
        generator = np.random.default_rng(seed)
        wrong = (generator.random(600) < np.repeat(rates, 20)).astype(np.float64)
        traffic = Traffic(texts=int(texts.sum()), mean=0.1, variance=0.0)
        for name, weights in (("with", np.repeat(texts / 20, 20)), ("without", None)):
            _, _, low, high = estimate_share(wrong, np.full(600, 0.1), traffic, weights)
            covered[name] += low <= truth <= high
    assert covered["with"] >= 180
    assert covered["without"] <= 60
