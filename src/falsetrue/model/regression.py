"""Logistic regression over sparse values, fitted by compiled C where there is some, else by scikit-learn.

Both minimise ``|w|² / 2 + C · Σ weight_i · log(1 + exp(-y_i (x_i · w + b)))``.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from falsetrue.features.kernel import Floats

try:
    from falsetrue.model import _descent as compiled
except ImportError:
    compiled = None  # type: ignore[assignment]

#: How far the objective may be above its minimum, as a share of it.
TOLERANCE = 1e-5
#: Rows are visited so often at most, before scikit-learn goes on.
MOST_EPOCHS = 100
#: scikit-learn's own tolerance where it goes on, and its iterations at most.
OTHER_TOLERANCE, MOST_ITERATIONS = 1e-6, 1000
#: Chance of the other class that each row begins with: next to none, so that weights begin near 0.
FIRST_CHANCE = 1e-4
#: How freely the intercept moves in an epoch: as a share of the mean square of a row's length, and at least so many
#: times the inverse of what all rows together weigh.
PULL, LEAST_PULL = 0.1, 40.0
#: Steps to the best intercept at most.
MOST_STEPS = 100


def fit_regression(
    values: csr_matrix,
    labels: NDArray[np.int64],
    weights: Floats | None = None,
    *,
    inverse_penalty: float = 1.0,
    seed: int = 0,
) -> LogisticRegression:
    """A fitted ``LogisticRegression`` of two classes; ``weights`` say how much each row counts, or 1.

    The intercept is not penalised. In compiled C the objective ends within :data:`TOLERANCE` of its minimum, where
    scikit-learn's own solver stops earlier; ``seed`` is for the order in which rows are visited. Values that are far
    from that after :data:`MOST_EPOCHS` (long rows, a small penalty) are left to scikit-learn from there. Raises
    :class:`ValueError` where there are not two classes that weigh something, a weight is negative, or the penalty is
    not positive.
    """
    regression = LogisticRegression(C=inverse_penalty, max_iter=MOST_ITERATIONS)
    if compiled is None:
        return regression.fit(values, labels, weights)
    classes = np.unique(labels)
    if len(classes) != 2:  # noqa: PLR2004 - it tells two classes apart
        raise ValueError(f"logistic regression tells two classes apart, not {len(classes)}")
    if not 0 < inverse_penalty < np.inf:
        raise ValueError(f"the inverse of the penalty is a positive number, not {inverse_penalty}")
    signs = np.where(labels == classes[1], 1.0, -1.0)
    bounds = inverse_penalty * (np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64))
    if not (bounds >= 0).all() or not bounds[signs < 0].any() or not bounds[signs > 0].any():
        raise ValueError("weights are not negative, and some row of each class has one")
    descent = _Descent(csr_matrix(values, dtype=np.float64), signs, bounds)
    is_near = descent.go(seed)
    regression.classes_ = classes
    regression.coef_ = descent.weights[None, :]
    regression.intercept_ = np.array([descent.intercept])
    regression.n_iter_ = np.array([descent.epochs], dtype=np.int32)
    regression.n_features_in_ = values.shape[1]
    if not is_near:
        usual = {name: getattr(regression, name) for name in ("warm_start", "tol")}
        regression.set_params(warm_start=True, tol=OTHER_TOLERANCE).fit(values, labels, weights).set_params(**usual)
    return regression


class _Descent:
    """Dual coordinate descent: see ``native/descent.c``."""

    def __init__(self, values: csr_matrix, signs: Floats, bounds: Floats) -> None:
        self._values, self._signs, self._bounds = values, signs, bounds
        self._arrays = values.indptr.astype(np.int64), values.indices.astype(np.int32, copy=False), values.data
        mean_square = float(values.data @ values.data) / len(signs)
        self._pull = max(PULL * mean_square, LEAST_PULL / float(bounds.sum()))
        self._logits = np.full(len(signs), np.log(FIRST_CHANCE / (1 - FIRST_CHANCE)))
        self.weights: Floats = values.T @ (signs * bounds * FIRST_CHANCE)
        self.intercept = 0.0
        self.epochs = 0

    def go(self, seed: int) -> bool:
        """Descend until the objective is near its minimum; whether it is."""
        generator = np.random.default_rng(seed)
        while self.epochs < MOST_EPOCHS:
            order = generator.permutation(len(self._signs)).astype(np.uint32)
            gap, objective = self._epoch(order)
            if gap <= TOLERANCE * objective and self._is_near():
                return True
            # The dual demands that this sum be 0; an intercept that is free again goes on in its direction.
            self.intercept += self._pull * float(self._signs @ (self._bounds * expit(self._logits)))
        return False

    def _epoch(self, order: NDArray[np.uint32]) -> tuple[float, float]:
        """Visit every row; the duality gap and the objective, as rows were found."""
        self.epochs += 1
        self.intercept, gap, loss = compiled.epoch(
            *self._arrays, self._signs, self._bounds, order, self._logits, self.weights, self.intercept, self._pull
        )
        return gap, loss + float(self.weights @ self.weights) / 2

    def _is_near(self) -> bool:
        """Whether the objective is near its minimum for certain; then the intercept is the best for the weights.

        The objective at the best intercept, less its penalty, is convex in the weights, so that it is no farther above
        its minimum than half the square of its gradient (Nesterov, 2004, "Introductory lectures on convex
        optimization", theorem 2.1.10).
        """
        decisions = self._values @ self.weights
        intercept = self._best_intercept(decisions)
        margins = self._signs * (decisions + intercept)
        gradient = self.weights - self._values.T @ (self._signs * self._bounds * expit(-margins))
        objective = self._bounds @ np.logaddexp(0, -margins) + self.weights @ self.weights / 2
        is_near = bool(gradient @ gradient / 2 <= TOLERANCE * objective)
        if is_near:
            self.intercept = intercept
        return is_near

    def _best_intercept(self, decisions: Floats) -> float:
        """By Newton's method, steps bounded."""
        intercept = self.intercept
        for _ in range(MOST_STEPS):
            chances = expit(-self._signs * (decisions + intercept))
            slope = self._bounds @ (chances * (1 - chances))
            step = float(np.clip(self._signs * self._bounds @ chances / max(slope, 1e-300), -1, 1))
            intercept += step
            if abs(step) < 1e-9:  # noqa: PLR2004 - far below what shows
                break
        return intercept
