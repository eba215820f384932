import pickle
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from falsetrue.model import regression
from falsetrue.model.regression import TOLERANCE, fit_regression

pytestmark = pytest.mark.skipif(find_spec("falsetrue.model._descent") is None, reason="no compiler built it")

Floats = NDArray[np.float64]


def make_problem(seed: int, rows: int = 60, columns: int = 30) -> tuple[csr_matrix, NDArray[np.int64], Floats]:
    """Sparse values with an empty row and an empty column, labels that they half explain, and weights."""
    generator = np.random.default_rng(seed)
    dense = generator.random((rows, columns)) * (generator.random((rows, columns)) < 0.2)
    dense[0], dense[:, 0] = 0, 0
    labels = (dense @ generator.normal(size=columns) + generator.normal(size=rows) > 0.3).astype(np.int64)
    labels[:2] = 0, 1
    return csr_matrix(dense), labels, generator.random(rows) * 3


def objective(
    found: LogisticRegression, values: csr_matrix, labels: NDArray[np.int64], weights: Floats, inverse_penalty: float
) -> float:
    """What both solvers minimise."""
    margins = np.where(labels == found.classes_[1], 1, -1) * found.decision_function(values)
    loss = float(weights @ np.logaddexp(0, -margins))
    return inverse_penalty * loss + float(found.coef_[0] @ found.coef_[0]) / 2


@given(
    seed=st.integers(0, 10**6),
    inverse_penalty=st.sampled_from([0.01, 1.0, 10.0, 100.0]),
    scale=st.sampled_from([0.1, 1, 7]),
)
def test_the_objective_is_no_farther_from_its_minimum_than_promised(
    seed: int, inverse_penalty: float, scale: float
) -> None:
    values, labels, weights = make_problem(seed)
    values = values * scale
    best = LogisticRegression(C=inverse_penalty, tol=1e-9, max_iter=10_000, solver="newton-cg")
    best.fit(values, labels, weights)
    found = fit_regression(values, labels, weights, inverse_penalty=inverse_penalty)
    least = objective(best, values, labels, weights, inverse_penalty)
    assert objective(found, values, labels, weights, inverse_penalty) <= least * (1 + TOLERANCE)


def test_it_says_what_scikit_learn_says() -> None:
    values, labels, weights = make_problem(3)
    theirs = LogisticRegression(tol=1e-9, max_iter=10_000).fit(values, labels, weights)
    ours = fit_regression(values, labels, weights)
    np.testing.assert_allclose(ours.predict_proba(values), theirs.predict_proba(values), atol=2e-3)
    assert ours.predict(values).tolist() == theirs.predict(values).tolist()


def test_it_is_a_fitted_model_of_scikit_learn() -> None:
    values, labels, _ = make_problem(4)
    ours, theirs = fit_regression(values, labels, inverse_penalty=2.0), LogisticRegression().fit(values, labels)
    assert {name for name in vars(theirs) if name.endswith("_")} == {name for name in vars(ours) if name.endswith("_")}
    for name in ("classes_", "coef_", "intercept_", "n_iter_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    assert ours.get_params()["C"] == 2.0
    again = pickle.loads(pickle.dumps(ours))  # noqa: S301 - our own
    assert again.predict(values).tolist() == ours.predict(values).tolist()


def test_a_row_without_weight_is_as_if_it_were_not_there() -> None:
    values, labels, weights = make_problem(5)
    weights[10:20] = 0
    kept = np.flatnonzero(weights)
    found = fit_regression(values, labels, weights, inverse_penalty=5.0)
    without = fit_regression(values[kept], labels[kept], weights[kept], inverse_penalty=5.0)
    np.testing.assert_allclose(found.predict_proba(values), without.predict_proba(values), atol=5e-3)


def test_the_intercept_is_not_penalised() -> None:
    values, labels = csr_matrix((1000, 3)), np.array([1] * 990 + [0] * 10)
    assert fit_regression(values, labels, inverse_penalty=1e-3).intercept_[0] == pytest.approx(np.log(99), abs=1e-2)


def test_the_same_seed_makes_the_same_model() -> None:
    values, labels, weights = make_problem(6)
    first, second = (fit_regression(values, labels, weights, seed=7).coef_.tolist() for _ in range(2))
    assert first == second


def test_labels_may_be_of_any_kind() -> None:
    values, labels, _ = make_problem(7)
    found = fit_regression(values, np.array(["no", "yes"])[labels])
    assert set(found.predict(values)) <= {"no", "yes"}


def test_without_the_compiled_part_scikit_learn_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "compiled", None)
    values, labels, weights = make_problem(8)
    theirs = LogisticRegression(C=3.0, max_iter=1000).fit(values, labels, weights)
    found = fit_regression(values, labels, weights, inverse_penalty=3.0)
    assert found.coef_.tolist() == theirs.coef_.tolist()


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="two classes apart, not 1"):
        fit_regression(csr_matrix(np.eye(3)), np.zeros(3, dtype=np.int64))


@pytest.mark.parametrize("weights", [[0.0, 1.0], [-1.0, 1.0], [np.nan, 1.0]])
def test_weights_that_leave_a_class_out_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="some row of each class"):
        fit_regression(csr_matrix(np.eye(2)), np.array([0, 1]), np.array(weights))


@pytest.mark.parametrize("inverse_penalty", [0.0, -1.0, np.inf, np.nan])
def test_a_penalty_that_there_is_not_is_refused(inverse_penalty: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        fit_regression(csr_matrix(np.eye(2)), np.array([0, 1]), inverse_penalty=inverse_penalty)


def test_what_is_far_from_its_minimum_is_left_to_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "MOST_EPOCHS", 1)
    values, labels, weights = make_problem(9)
    found = fit_regression(values, labels, weights)
    best = LogisticRegression(tol=1e-9, max_iter=10_000).fit(values, labels, weights)
    assert objective(found, values, labels, weights, 1.0) <= objective(best, values, labels, weights, 1.0) * (1 + 1e-6)
    assert found.get_params() == LogisticRegression(max_iter=1000).get_params()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays: arrays[1].fill(3),
        lambda arrays: arrays[1].fill(-1),
        lambda arrays: arrays[0].__setitem__(1, 5),
        lambda arrays: arrays[5].fill(2),
        lambda arrays: arrays.__setitem__(6, np.zeros(3)),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(spoil: Callable[[list[NDArray[np.generic]]], None]) -> None:
    arrays: list[NDArray[np.generic]] = [
        np.array([0, 1, 2]),
        np.array([0, 2], dtype=np.int32),
        np.ones(2),
        np.ones(2),
        np.ones(2),
        np.array([0, 1], dtype=np.uint32),
        np.zeros(2),
        np.zeros(3),
    ]
    spoil(arrays)
    with pytest.raises(ValueError, match="do not fit together"):
        import_module("falsetrue.model._descent").epoch(*arrays, 0.0, 1.0)
