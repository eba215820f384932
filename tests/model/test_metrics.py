import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from falsetrue.model.metrics import bootstrap, confusion, proportion

GENERATOR = np.random.default_rng(1)
LABELS = GENERATOR.integers(0, 2, 300)
SCORES = np.clip(0.3 * LABELS + GENERATOR.random(300) * 0.7, 0, 1).round(2)


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


def test_confusion_counts_every_text_once() -> None:
    counts = confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]))
    assert counts == {
        "false_called_false": 1,
        "false_called_real": 1,
        "real_called_false": 1,
        "real_called_real": 2,
    }
