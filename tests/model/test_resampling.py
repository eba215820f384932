import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from falsetrue.errors import InputError
from falsetrue.model.figures import FIGURES
from falsetrue.model.metrics import Floats, proportion
from falsetrue.model.resampling import (
    BINS,
    COVERAGES,
    Resampled,
    _draw,
    difference,
    interval,
    mean,
    mean_difference,
    resample,
    shares,
)

GENERATOR = np.random.default_rng(1)
LABELS = GENERATOR.integers(0, 2, 400)
P_REAL = np.clip(0.25 * LABELS + GENERATOR.random(400) * 0.75, 0, 1).round(2)
ALONE = np.arange(400)


def judged(labels: NDArray[np.int64], p_real: NDArray[np.float64], resamples: int = 50) -> Resampled:
    return resample(labels, p_real, clusters=np.arange(len(labels)), seed=0, resamples=resamples)


def value(found: Resampled, name: str) -> float | None:
    estimate = found.estimate(name)
    return None if estimate is None else estimate.value


scored = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda n: n / 20)), min_size=1, max_size=80)


@settings(max_examples=60)
@given(scored)
def test_figures_are_those_of_scikit_learn_where_it_defines_them(rows: list[tuple[int, float]]) -> None:
    labels, p_real = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    said = (p_real > 0.5).astype(np.int64)
    found = judged(labels, p_real, resamples=3)
    assert value(found, "accuracy") == pytest.approx(np.mean(said == labels))
    assert value(found, "brier") == pytest.approx(brier_score_loss(labels, p_real, pos_label=1))
    assert value(found, "log_loss") == pytest.approx(log_loss(labels, p_real, labels=[0, 1]))
    for of_class, name in enumerate(("f1_false", "f1_real")):
        there = of_class in labels or of_class in said
        expected = pytest.approx(f1_score(labels, said, pos_label=of_class, zero_division=0)) if there else None
        assert value(found, name) == expected
    two = len(set(labels.tolist())) == 2
    assert value(found, "auc") == (pytest.approx(roc_auc_score(labels, p_real)) if two else None)
    assert value(found, "balanced_accuracy") == (pytest.approx(balanced_accuracy_score(labels, said)) if two else None)


@settings(max_examples=60)
@given(scored)
def test_figures_by_definition(rows: list[tuple[int, float]]) -> None:
    """Each by a slow loop that says what it is."""
    labels, p_real = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    found = judged(labels, p_real, resamples=3)
    bins = np.minimum((p_real * BINS).astype(int), BINS - 1)
    error = sum(abs(p_real[bins == b].mean() - labels[bins == b].mean()) * np.mean(bins == b) for b in set(bins))
    assert value(found, "ece") == pytest.approx(error)
    real = labels == 1
    alarms = np.mean(p_real[real] <= 0.5) if real.any() else None
    assert value(found, "false_alarm_rate") == (None if alarms is None else pytest.approx(alarms))
    for recall, name in ((0.5, "precision_at_recall_50"), (0.8, "precision_at_recall_80")):
        expected = None
        for cut in sorted(set(p_real.tolist())):
            called = p_real <= cut
            if (~real).any() and np.sum(called & ~real) >= recall * np.sum(~real) - 1e-9:
                expected = pytest.approx(np.mean(~real[called]))
                break
        assert value(found, name) == expected
    sureness = np.round(np.abs(p_real - 0.5), 12)
    wrong = (p_real > 0.5) != real
    risks = [wrong[sureness >= sure].mean() for sure in sureness]
    assert value(found, "aurc") == pytest.approx(np.mean(risks))


@settings(max_examples=60)
@given(scored)
def test_coverage_at_a_precision_is_that_of_the_widest_bands_that_have_it(rows: list[tuple[int, float]]) -> None:
    labels, p_real = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    found = judged(labels, p_real, resamples=3)

    def widest(sureness: Floats, right: NDArray[np.bool_]) -> int:
        """Most texts at one side of a half that any cut takes in with enough of them right."""
        bands = [sureness >= cut for cut in sureness[sureness > 0]]
        return max((band.sum() for band in bands if band.sum() >= 10 and right[band].mean() >= 0.95), default=0)

    expected = widest(0.5 - p_real, labels == 0), widest(p_real - 0.5, labels == 1)
    assert value(found, "coverage_at_precision_95_false") == pytest.approx(expected[0] / len(rows))
    assert value(found, "coverage_at_precision_95_real") == pytest.approx(expected[1] / len(rows))
    assert value(found, "coverage_at_precision_95") == pytest.approx(sum(expected) / len(rows))


def test_precision_at_a_prevalence_is_bayes_rule() -> None:
    labels, p_real = np.array([0] * 10 + [1] * 10), np.array([0.1] * 8 + [0.9] * 2 + [0.1] * 1 + [0.9] * 9)
    found = judged(labels, p_real)
    for share, name in ((0.01, "1"), (0.05, "5"), (0.2, "20")):
        expected = share * 0.8 / (share * 0.8 + (1 - share) * 0.1)
        assert value(found, f"precision_at_prevalence_{name}") == pytest.approx(expected)


def test_every_figure_has_an_interval_that_holds_it() -> None:
    found = judged(LABELS, P_REAL)
    for figure in FIGURES:
        estimate = found.estimate(figure.name)
        assert estimate, figure.name
        assert estimate.low <= estimate.value <= estimate.high
        assert np.isfinite([estimate.low, estimate.value, estimate.high]).all()


@pytest.mark.parametrize("label", [0, 1])
def test_of_one_class_what_is_not_defined_is_none_and_never_nan(label: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = judged(np.full(30, label), np.linspace(0, 1, 30))
    assert found.estimate("auc") is None
    assert found.estimate("balanced_accuracy") is None
    assert found.estimate("accuracy") is not None
    assert (found.estimate("false_alarm_rate") is None) == (label == 0)
    assert (found.estimate("precision_at_recall_50") is None) == (label == 1)


def test_draws_of_one_class_only_are_left_out() -> None:
    found = judged(np.array([0, 1]), np.array([0.1, 0.9]))
    assert np.isnan(found.draws["auc"]).any()
    estimate = found.estimate("auc")
    assert estimate
    assert (estimate.low, estimate.high) == (1, 1)


def test_the_interval_is_as_wide_as_theory_says_for_texts_and_wider_for_clusters() -> None:
    right = (GENERATOR.random(400) < 0.8).repeat(5)
    labels = np.ones(2000, dtype=np.int64)
    p_real = np.where(right, 0.9, 0.1)
    alone = resample(labels, p_real, clusters=np.arange(2000), seed=0).estimate("accuracy")
    together = resample(labels, p_real, clusters=np.arange(400).repeat(5), seed=0).estimate("accuracy")
    assert alone
    assert together
    width = 2 * 1.96 * np.sqrt(alone.value * (1 - alone.value) / 2000)
    assert alone.high - alone.low == pytest.approx(width, rel=0.1)
    assert together.high - together.low == pytest.approx(width * np.sqrt(5), rel=0.1)


def test_a_share_without_a_single_failure_has_the_exact_interval_of_its_clusters() -> None:
    labels = np.array([0] * 20 + [1] * 20)
    found = resample(labels, labels * 0.8 + 0.1, clusters=np.arange(40) // 4, seed=0, resamples=20)
    assert found.estimate("accuracy") == proportion(10, 10)
    assert found.estimate("false_alarm_rate") == proportion(0, 5)


@settings(max_examples=60)
@given(scored, st.integers(1, 4))
def test_no_bin_and_no_share_of_wrong_answers_is_known_without_doubt(rows: list[tuple[int, float]], size: int) -> None:
    labels, p_real = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    found = resample(labels, p_real, clusters=np.arange(len(rows)) // size, seed=0, resamples=20)
    for estimate in found.curve("reliability_real") + found.curve("risk"):
        assert estimate is None or estimate.high > estimate.low


def test_a_bin_without_a_single_failure_has_the_exact_interval_of_its_clusters() -> None:
    labels = np.array([0] * 6 + [1] * 4)
    found = resample(labels, labels * 0.8 + 0.1, clusters=np.arange(10) // 2, seed=0, resamples=20)
    bins = [each for each in found.curve("reliability_real") if each]
    assert bins == [proportion(0, 3), proportion(2, 2)]
    assert found.curve("risk")[-1] == proportion(0, 5)


def test_a_share_of_none_is_not_made_surer_by_a_draw_that_differs() -> None:
    assert interval(0.0, np.array([0.0] * 199 + [0.2]), 8) == proportion(0, 8)
    few = interval(0.25, np.array([0.25] * 199 + [0.5]), 4)
    assert few == proportion(1, 4)


@settings(max_examples=60)
@given(scored, st.integers(1, 4))
def test_the_clusters_of_a_point_of_the_risk_curve_are_those_of_the_texts_answered_there(
    rows: list[tuple[int, float]], size: int
) -> None:
    labels, p_real = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    cluster = np.arange(len(rows)) // size
    sureness = np.round(np.abs(p_real - 0.5), 12)
    found = resample(labels, p_real, clusters=cluster, seed=0, resamples=2)
    for cover, units in zip(COVERAGES, found.units["risk"], strict=True):
        answered = next(
            sureness >= cut
            for cut in sorted(set(sureness.tolist()), reverse=True)
            if np.sum(sureness >= cut) >= cover * len(rows) - 1e-9
        )
        assert units == len(set(cluster[answered].tolist()))


@given(st.integers(1, 40), st.integers(0, 5))
def test_names_and_order_of_clusters_do_not_matter_and_the_seed_does_nothing_else(size: int, seed: int) -> None:
    labels, p_real = LABELS[:size], P_REAL[:size]
    clusters = ALONE[:size] // 3
    one = resample(labels, p_real, clusters=clusters, seed=seed, resamples=5)
    again = resample(labels, p_real, clusters=clusters * 7 - 3, seed=seed, resamples=5)
    for name, draws in one.draws.items():
        np.testing.assert_array_equal(draws, again.draws[name])


@settings(max_examples=40)
@given(scored, st.integers(1, 4))
def test_a_draw_is_worth_what_its_clusters_repeated_as_often_as_drawn_are(
    rows: list[tuple[int, float]], size: int
) -> None:
    labels, p_real = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    cluster = np.arange(len(rows)) // size
    (counts,) = next(_draw(int(cluster[-1]) + 1, len(rows), 7, 1))
    drawn = resample(labels, p_real, clusters=cluster, seed=7, resamples=1).draws
    repeated = np.repeat(np.arange(len(rows)), counts[cluster].astype(int))
    if not len(repeated):
        return
    values = judged(labels[repeated], p_real[repeated], resamples=1).values
    for name in set(values) - {"ece_equal_mass"}:  # its bins stay those of the texts themselves
        np.testing.assert_allclose(
            drawn[name][0], values[name] if values[name].size > 1 else values[name][0], atol=1e-9
        )


def test_the_calibration_error_s_interval_reaches_down_to_it() -> None:
    """Noise can only raise it, so that all draws may lie above the value."""
    estimate = interval(0.1, np.array([0.2, 0.3]))
    assert estimate
    assert estimate.low == 0.1


def test_the_risk_curve_ends_at_the_error_of_all_texts_and_bins_count_every_text() -> None:
    found = judged(LABELS, P_REAL)
    curve = found.curve("risk")
    assert len(curve) == len(COVERAGES)
    accuracy = value(found, "accuracy")
    assert curve[-1]
    assert accuracy is not None
    assert curve[-1].value == pytest.approx(1 - accuracy)
    assert found.bin_texts.sum() == 400


def test_a_model_differs_from_itself_by_nothing_and_the_paired_interval_is_the_narrower_one() -> None:
    one, other = judged(LABELS, P_REAL), judged(LABELS, np.clip(P_REAL + 0.02, 0, 1))
    nothing = difference(one, one, "brier")
    assert nothing
    assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)
    paired, single = difference(one, other, "brier"), one.estimate("brier")
    assert paired
    assert single
    assert paired.high - paired.low < single.high - single.low


def test_the_mean_over_corpora_counts_each_the_same() -> None:
    one, other = judged(LABELS, P_REAL), judged(LABELS[:50], P_REAL[:50])
    found, values = mean([one, other], "auc"), [value(one, "auc"), value(other, "auc")]
    assert found
    assert found.value == pytest.approx(np.mean([each for each in values if each is not None]))
    nothing = mean_difference([one, other], [one, other], "auc")
    assert nothing
    assert nothing.value == nothing.low == nothing.high == 0


def test_a_mean_with_a_corpus_that_lacks_the_figure_is_none() -> None:
    one, lacking = judged(LABELS, P_REAL), judged(np.ones(9, dtype=np.int64), P_REAL[:9])
    assert mean([one, lacking], "auc") is None
    assert mean_difference([one, lacking], [one, lacking], "auc") is None
    assert mean([], "auc") is None


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.1])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="not between 0 and 1"):
        judged(np.array([0, 1]), np.array([0.5, bad]))


def test_shares_of_what_is_asked() -> None:
    has, asked = np.array([True, False, True, False]), np.array([True, True, False, False])
    found = shares(
        {"half": (has, asked), "none": (has, np.zeros(4, dtype=bool)), "all": (has, has)},
        clusters=np.arange(4),
        seed=0,
    )
    assert found["none"] is None
    assert found["half"]
    assert (found["half"].low, found["half"].value, found["half"].high) == (0, 0.5, 1)
    assert found["all"] == proportion(2, 2)
