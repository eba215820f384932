"""Which articles are kept aside, so that figures are about news the model has not seen."""

import numpy as np
from numpy.typing import NDArray

#: Share of the articles kept aside for the figures.
HELD_OUT_SHARE = 0.2


def split_at_random(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions to fit on and positions held out, as ``train_test_split(test_size=0.2)`` draws them.

    The same permutation as scikit-learn's ``ShuffleSplit`` (one permutation, the test part
    first, its size rounded up), so that both recipes stand on the very split of the deployed
    project. ``count`` is the number of articles (at least 2).
    """
    order = np.random.RandomState(seed).permutation(count)
    held_out = int(np.ceil(count * HELD_OUT_SHARE))
    return order[held_out:], order[:held_out]
