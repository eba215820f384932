"""The simulated years are what they claim to be, and the bars hold in short form."""

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from benchmarks.monitor.detection import BUDGET, NEVER, STREAMS, at_the_limit, first_alarm, ours, reliability
from benchmarks.monitor.run import DELAYS, _others
from benchmarks.monitor.shifts import of_expected_error, of_prior, of_score
from benchmarks.monitor.streams import (
    BAD_DAYS,
    BROKEN,
    BROKEN_ON_BAD_DAYS,
    DAYS,
    DRIFT_DAY,
    ERROR,
    SHAPE,
    Scenario,
    years,
)
from benchmarks.monitor.table import Row, delays, markdown, median, show_delays, show_share
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from falsetrue.monitor.sequential import YEAR, harm_growth, observe, start

QUIET = Scenario(labels_a_day=5)
SEED = 7

pytestmark = pytest.mark.newest


# --- streams ---------------------------------------------------------------------------------------------


def test_a_calibrated_model_with_these_scores_is_wrong_for_one_text_in_ten() -> None:
    """The expected value of min(p, 1 - p), in closed form."""
    assert 2 * 0.5 * beta(SHAPE + 1, SHAPE).cdf(0.5) == pytest.approx(ERROR, abs=1e-4)


@pytest.mark.parametrize("error", [0.15, 0.3])
def test_errors_grow_on_the_day_of_the_drift_and_not_before(error: float) -> None:
    (batch,) = years(Scenario(labels_a_day=5, error=error), 50, SEED)
    drift = DRIFT_DAY * 5
    assert batch.slice.errors[:, :drift].mean() == pytest.approx(ERROR, abs=0.01)
    assert batch.slice.errors[:, drift:].mean() == pytest.approx(error, abs=0.01)
    assert batch.baseline.errors.mean() == pytest.approx(ERROR, abs=0.01)


def test_the_model_says_what_it_said_before_the_concept_drifted() -> None:
    (drifted,), (quiet,) = (list(years(Scenario(labels_a_day=5, error=error), 20, SEED)) for error in (0.3, ERROR))
    assert np.array_equal(drifted.slice.p_real, quiet.slice.p_real)


def test_a_feed_has_bad_days() -> None:
    (batch,) = years(QUIET, 50, SEED)
    assert batch.broken.shape == (50, DAYS)
    assert batch.broken.mean() == pytest.approx(BAD_DAYS * BROKEN_ON_BAD_DAYS + (1 - BAD_DAYS) * BROKEN, abs=0.002)
    assert (batch.broken > 0.2).any()


def test_years_are_the_same_for_the_same_seed() -> None:
    first, again, other = (
        np.concatenate([batch.slice.errors for batch in years(QUIET, 60, seed)]) for seed in (1, 1, 2)
    )
    assert first.shape == (60, DAYS * 5)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# --- detection -------------------------------------------------------------------------------------------


def test_many_years_at_once_fire_where_one_detector_would() -> None:
    errors = (np.random.default_rng(SEED).random((8, 300)) < 0.3).astype(np.float64)
    at_once = first_alarm(harm_growth(errors, 0.12), YEAR)
    for row, first in zip(errors, at_once, strict=True):
        begun = start(4, observations_a_year=YEAR, allowed=BUDGET / len(STREAMS))
        fired = observe(begun, harm_growth(row, 0.12)).fired_at
        assert first == (NEVER if fired is None else fired - 1)


def test_a_baseline_is_read_bin_by_bin() -> None:
    """500 texts with each of two scores, of which half are real: the limits are about .45 and -.45 there."""
    limits = reliability(np.repeat([0.05, 0.95], 500), np.tile([0.0, 1.0], 500))
    assert (limits.high[0], limits.low[-1]) == pytest.approx((0.5, -0.5), abs=0.06)


def test_quiet_years_have_no_more_false_alarms_than_the_budget() -> None:
    alarms = ours(QUIET, 100, SEED)
    together = np.min(list(alarms.values()), axis=0) < NEVER
    assert set(alarms) == set(STREAMS)
    assert together.sum() <= binom.ppf(0.999, 100, BUDGET)
    at_limit = at_the_limit(5, 200, SEED) < NEVER
    assert at_limit.sum() <= binom.ppf(0.999, 200, BUDGET / len(STREAMS))


@pytest.mark.parametrize(("scenario", "most"), DELAYS.items(), ids=str)
def test_drifts_are_found_in_time(scenario: Scenario, most: int) -> None:
    alarms = ours(scenario, 60, SEED)
    assert median(delays(alarms["harm"]))[0] <= most
    assert (alarms["calibration"] < NEVER).mean() > 0.9


def test_a_feed_that_breaks_is_found() -> None:
    assert median(delays(ours(Scenario(labels_a_day=1, broken=0.2), 20, SEED)["data quality"]))[0] <= 10


def test_a_concept_that_drifts_is_found_by_labels_and_not_by_the_expected_error() -> None:
    apart, said = of_expected_error("concept", 5, SEED)
    assert min(apart) > 0.05
    assert not any(said)
    assert (ours(Scenario(labels_a_day=20, error=0.2), 5, SEED)["harm"] < NEVER).all()


def test_shifts_are_found_and_their_absence_is_not() -> None:
    for of, changed, usual in ((of_prior, 0.6, 0.3), (of_score, 1.0, 0.2)):
        assert sum(of(changed, 500, 10, SEED)) == 10
        assert sum(of(usual, 500, 20, SEED)) <= 3


# --- tables ----------------------------------------------------------------------------------------------


def test_a_delay_counts_from_the_day_of_the_drift_in_years_without_an_alarm_before() -> None:
    alarms = np.array([DRIFT_DAY, DRIFT_DAY + 9, DRIFT_DAY - 1, NEVER])
    assert delays(alarms).tolist() == [1, 10, NEVER]
    assert show_delays(alarms) == "10 (1-never; 9 in 10 by never; 25.0 % before), n = 4"
    assert show_delays(alarms[2:3]) == "all before"


@given(st.lists(st.integers(1, 265), min_size=1, max_size=50))
def test_the_interval_of_a_median_holds_it(days: list[int]) -> None:
    middle, low, high = median(np.array(days))
    assert min(days) <= low <= middle <= high <= max(days)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    generator = np.random.default_rng(SEED)
    held = [median(generator.integers(0, 1001, 101)) for _ in range(500)]
    assert np.mean([low <= 500 <= high for _, low, high in held]) >= 0.93


def test_a_share_has_an_exact_interval() -> None:
    assert show_share(np.zeros(1000, dtype=bool)) == "0.0 % (0.0-0.4), n = 1,000"


def test_a_table_says_which_bars_are_met() -> None:
    rows = [
        Row(title="one", bar="≤ 5", met=True, ours="4", others={"River ADWIN": "not\nmeasured | here"}),
        Row(title="two", bar="≤ 5", met=False, ours="6"),
        Row(title="three", ours="7"),
    ]
    assert markdown("Delays", rows).splitlines() == [
        "### Delays",
        "",
        "|  | bar | falsetrue | River ADWIN |",
        "| --- | --- | --- | --- |",
        "| one | ≤ 5: met | 4 | not measured / here |",
        "| two | ≤ 5: **missed** | 6 |  |",
        "| three |  | 7 |  |",
    ]


def test_another_program_that_cannot_be_had_says_so_in_its_cell() -> None:
    absent: Future[Any] = Future()
    absent.set_exception(RuntimeError("river cannot be installed"))
    cells = _others({("River ADWIN", QUIET): absent}, QUIET, show_delays, "1", "never")
    assert cells == {"always": "1", "never": "never", "River ADWIN": "not measured: river cannot be installed"}
