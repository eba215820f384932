import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from falsetrue.errors import InputError
from falsetrue.model.decision import EVEN, Outcome
from falsetrue.model.metrics import Floats, Labels
from falsetrue.model.thresholds import (
    CUTS,
    Band,
    Promise,
    Target,
    count,
    cuts,
    fall_back,
    fit_band,
    is_given,
    parse_target,
)

VERDICTS = (Outcome.FALSE, Outcome.REAL)
ERROR = 0.1


def precise(verdict: Outcome, value: float = 0.9) -> list[Target]:
    return [Target(verdict=verdict, promise=Promise.PRECISION, value=value)]


def sigmoid(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-value)), dtype=np.float64)


def overconfident_news(size: int, seed: int, *, share_false: float = 0.5) -> tuple[Labels, Floats]:
    """Labels, and scores that tell the classes apart but claim to be surer than they are."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(size) >= share_false).astype(np.int64)
    return labels, sigmoid(4.0 * generator.normal(2.0 * labels - 1.0, 0.8))


def precision_at(threshold: float, verdict: Outcome, labels: Labels, p_real: Floats) -> float:
    decided = p_real < threshold if verdict is Outcome.FALSE else p_real > threshold
    return float(np.mean(labels[decided] == int(verdict is Outcome.REAL)))


# --- the guarantee -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [150, 600])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_precision_misses_its_target_no_more_often_than_is_allowed(verdict: Outcome, size: int) -> None:
    everything = overconfident_news(400_000, seed=10**6)
    fitted = [fit_band(*overconfident_news(size, seed), precise(verdict), error=ERROR) for seed in range(300)]
    kept = [band.threshold for band in fitted if band.threshold is not None]
    misses = {threshold: precision_at(threshold, verdict, *everything) < 0.9 for threshold in set(kept)}
    missed = sum(misses[threshold] for threshold in kept)
    assert len(kept) > (5 if size == 150 else 100)
    # More would be seen in fewer than one of ten thousand runs, were it allowed exactly as often.
    assert missed <= binom.ppf(0.9999, 300, ERROR)


def test_a_score_that_says_nothing_is_seldom_given_a_band_that_misses_its_target() -> None:
    """Precision is 0.89 at every cut, just below the target: any band at all is a miss."""
    missed = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        labels = (generator.random(400) >= 0.89).astype(np.int64)
        p_real = sigmoid(generator.normal(-1.0, 2.0, 400))
        missed += fit_band(labels, p_real, precise(Outcome.FALSE), error=ERROR).threshold is not None
    assert missed <= binom.ppf(0.9999, 300, ERROR)


def test_precision_at_another_prevalence_holds_there() -> None:
    """Fitted on half and half, judged where one text in ten is false."""
    everything = overconfident_news(400_000, seed=10**6, share_false=0.1)
    fitted = [
        fit_band(*overconfident_news(2500, seed), precise(Outcome.FALSE, 0.8), error=ERROR, prevalence=0.1)
        for seed in range(150)
    ]
    kept = [band.threshold for band in fitted if band.threshold is not None]
    missed = sum(precision_at(threshold, Outcome.FALSE, *everything) < 0.8 for threshold in kept)
    assert len(kept) > 75
    assert missed <= binom.ppf(0.9999, 150, ERROR)


def test_without_a_prevalence_the_same_band_would_miss_there() -> None:
    everything = overconfident_news(400_000, seed=10**6, share_false=0.1)
    band = fit_band(*overconfident_news(1500, 0), precise(Outcome.FALSE, 0.8), error=ERROR)
    assert band.threshold is not None
    assert precision_at(band.threshold, Outcome.FALSE, *everything) < 0.8


def test_false_alarms_exceed_their_target_no_more_often_than_is_allowed() -> None:
    labels, p_real = overconfident_news(400_000, seed=10**6)
    target = [Target(verdict=Outcome.FALSE, promise=Promise.FALSE_ALARM, value=0.05)]
    fitted = [fit_band(*overconfident_news(500, seed), target, error=ERROR) for seed in range(300)]
    thresholds = [band.threshold for band in fitted if band.threshold is not None]
    real = p_real[labels == 1]
    missed = sum(float(np.mean(real < threshold)) > 0.05 for threshold in thresholds)
    assert len(thresholds) > 200
    assert missed <= binom.ppf(0.9999, 300, ERROR)


# --- the band ----------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from(VERDICTS), st.integers(0, 400))
def test_a_band_counts_the_texts_beyond_its_threshold(seed: int, verdict: Outcome, size: int) -> None:
    labels, p_real = overconfident_news(size, seed)
    band = fit_band(labels, p_real, precise(verdict, 0.8), error=0.3)
    if band.threshold is None:
        assert (band.right, band.wrong) == (0, 0)
        return
    inside = p_real < band.threshold if verdict is Outcome.FALSE else p_real > band.threshold
    deserved = labels == int(verdict is Outcome.REAL)
    assert (band.right, band.wrong) == (np.sum(inside & deserved), np.sum(inside & ~deserved))
    assert band.threshold <= EVEN if verdict is Outcome.FALSE else band.threshold >= EVEN
    assert band.right / (band.right + band.wrong) >= 0.8


@given(st.integers(0, 1000))
def test_the_two_verdicts_mirror_each_other(seed: int) -> None:
    labels, p_real = overconfident_news(300, seed)
    # Scores on the grid itself could fall on either side of a cut once they are mirrored.
    false = fit_band(labels, p_real, precise(Outcome.FALSE), error=ERROR)
    real = fit_band(1 - labels, 1 - p_real, precise(Outcome.REAL), error=ERROR)
    assert (false.threshold is None) == (real.threshold is None)
    assert (false.right, false.wrong, false.enough) == (real.right, real.wrong, real.enough)
    if false.threshold is not None and real.threshold is not None:
        assert real.threshold == pytest.approx(1 - false.threshold)


def test_a_score_on_the_threshold_is_outside_the_band() -> None:
    cut = float(CUTS[40])
    right, _ = count(np.zeros(2, dtype=np.int64), np.array([cut, np.nextafter(cut, 0)]), Outcome.FALSE)
    assert right[40] == 1
    cut = float(cuts(Outcome.REAL)[40])
    right, _ = count(np.ones(2, dtype=np.int64), np.array([cut, np.nextafter(cut, 1)]), Outcome.REAL)
    assert right[40] == 1


def test_without_texts_there_is_no_band_and_nothing_is_enough() -> None:
    band = fit_band(np.empty(0, dtype=np.int64), np.empty(0), precise(Outcome.FALSE), error=ERROR)
    assert band == Band(threshold=None, deserving=0, others=0, right=0, wrong=0, most_right=None, enough=None)


def test_too_few_texts_say_how_many_would_be_enough_and_so_many_are() -> None:
    labels, p_real = np.tile([0, 1], 15), np.tile([0.01, 0.99], 15)
    band = fit_band(labels, p_real, precise(Outcome.FALSE), error=ERROR)
    assert band.threshold is None
    assert band.enough is not None
    assert 30 < band.enough < 200
    times = -(-band.enough // 30)
    assert fit_band(np.tile(labels, times), np.tile(p_real, times), precise(Outcome.FALSE), error=ERROR).threshold


def test_a_target_that_no_number_of_texts_would_reach_says_so() -> None:
    labels, p_real = np.tile([0, 1], 500), np.full(1000, 0.01)
    band = fit_band(labels, p_real, precise(Outcome.FALSE), error=ERROR)
    assert (band.threshold, band.enough, band.most_right) == (None, None, 0.5)


def test_of_two_targets_both_hold() -> None:
    labels, p_real = overconfident_news(3000, 1)
    alarms = [Target(verdict=Outcome.FALSE, promise=Promise.FALSE_ALARM, value=0.02)]
    both = fit_band(labels, p_real, precise(Outcome.FALSE) + alarms, error=2 * ERROR).threshold
    apart = [fit_band(labels, p_real, targets, error=ERROR).threshold for targets in (precise(Outcome.FALSE), alarms)]
    assert None not in apart
    assert both == min(threshold for threshold in apart if threshold is not None)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40).flatmap(
        lambda p: st.tuples(st.just(p), st.lists(st.floats(0, 0.02), min_size=len(p), max_size=len(p)))
    )
)
def test_falling_back_never_spends_more_than_there_is(given_values: tuple[list[float], list[float]]) -> None:
    p_values, levels = map(np.array, given_values)
    passed = fall_back(lambda level: p_values <= level, levels)
    assert not np.any(passed & (p_values > levels.sum() + 1e-12))
    assert np.all(passed[(p_values <= levels) & (levels > 0)])


def test_an_unbroken_run_carries_its_error_on_and_a_break_loses_it() -> None:
    p_values = np.array([0.001, 0.009, 0.5, 0.009, 0.015])
    passed = fall_back(lambda level: p_values <= level, np.array([0.01, 0, 0, 0, 0.01]))
    assert passed.tolist() == [True, True, False, False, False]


# --- targets -----------------------------------------------------------------------------------------


@given(st.floats(0, 1), st.sampled_from(VERDICTS), st.floats(0.01, 0.99))
def test_a_target_is_given_where_the_verdict_of_every_text_would_keep_it(
    share_false: float, verdict: Outcome, value: float
) -> None:
    (target,) = precise(verdict, value)
    right = share_false if verdict is Outcome.FALSE else 1 - share_false
    assert is_given(target, share_false) == (right >= value)
    assert not is_given(parse_target("false-alarm=0.99")[0], share_false)


def test_a_target_without_a_verdict_is_for_both() -> None:
    assert parse_target("precision=0.95") == precise(Outcome.FALSE, 0.95) + precise(Outcome.REAL, 0.95)
    assert parse_target("precision.real=0.9") == precise(Outcome.REAL, 0.9)
    assert parse_target("false-alarm=0.01")[0].promise is Promise.FALSE_ALARM


@pytest.mark.parametrize(
    "written",
    [
        "",
        "precision",
        "precision=",
        "precision=1",
        "precision=0",
        "precision=nan",
        "recall=0.9",
        "precision.unsure=0.9",
        "false-alarm.real=0.1",
        "precision=95 %",
    ],
)
def test_a_target_that_makes_no_sense_is_named(written: str) -> None:
    with pytest.raises(InputError, match="target"):
        parse_target(written)
