"""From counts to values, as scikit-learn's ``TfidfTransformer``."""

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.kernel import Floats, Integers, Norm


def weigh_counts(
    counts: Floats,
    rows: Integers,
    columns: NDArray[np.signedinteger],
    *,
    idf: Floats | None,
    binary: bool,
    sublinear: bool,
    norm: Norm,
) -> Floats:
    """Values of counts, all of shape (n,), of the terms ``columns`` in the texts ``rows``.

    ``idf`` is by column. A text whose values are all 0 is divided by nothing.
    """
    if binary:
        counts = np.ones(len(counts))
    elif sublinear:
        counts = np.log(counts) + 1
    values = counts if idf is None else counts * idf[columns]
    if norm == Norm.NONE:
        return values
    length = np.bincount(rows, values * values if norm == Norm.L2 else np.abs(values))
    length[length == 0] = 1
    return values / (np.sqrt(length) if norm == Norm.L2 else length)[rows]
