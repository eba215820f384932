"""The reference profile of a model on held-out news: what "as usual" looks like. No raw text in it."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.scorer import Scores

#: Format of ``baseline.json``.
FORMAT = 1
#: Equal-width bins of ``p_real`` in the reliability table.
BINS = 10
_QUANTILES = np.linspace(0, 1, 101)


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Held-out texts whose ``p_real`` fell into [low, high)."""

    low: float
    high: float  #: the last bin includes it
    texts: int
    real: int  #: how many of them were real
    mean_p_real: float | None  #: ``None`` in an empty bin


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares and quantiles (0 %, 1 %, … 100 %) of the held-out news."""

    format: int = FORMAT
    texts: int
    real_share: float
    reliability: list[ReliabilityBin]
    p_real_quantiles: list[float]
    words_quantiles: list[float]
    known_share_quantiles: list[float]  #: share of a text's words that the vocabulary holds

    def similar(self, p_real: float) -> ReliabilityBin:
        """The held-out texts that scored like this one."""
        return self.reliability[min(int(p_real * BINS), BINS - 1)]


def read_baseline(content: bytes) -> Baseline:
    """Read a baseline; raises :class:`ValueError` where it is none of this format."""
    baseline = msgspec.json.decode(content, type=Baseline)
    quantiles = (baseline.p_real_quantiles, baseline.words_quantiles, baseline.known_share_quantiles)
    if baseline.format != FORMAT or len(baseline.reliability) != BINS:
        raise ValueError("another format")
    if any(len(each) != len(_QUANTILES) for each in quantiles):
        raise ValueError("quantiles are missing")
    return baseline


def known_shares(scores: Scores) -> NDArray[np.float64]:
    """Share of each text's words that the model knows, in [0, 1]; 0 for a text without words."""
    word_counts = np.array(scores.words, dtype=np.float64)
    return np.array(scores.known_words) / np.maximum(word_counts, 1)


def make_baseline(labels: NDArray[np.int64], scores: Scores) -> Baseline:
    """Profile held-out ``labels`` (0 or 1) and their scores."""
    return Baseline(
        texts=len(labels),
        real_share=float(labels.mean()),
        reliability=_reliability(labels, scores.p_real),
        p_real_quantiles=_quantiles(scores.p_real),
        words_quantiles=_quantiles(scores.words),
        known_share_quantiles=_quantiles(known_shares(scores)),
    )


def _quantiles(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return [float(value) for value in np.quantile(np.asarray(values, dtype=np.float64), _QUANTILES)]


def _reliability(labels: NDArray[np.int64], p_real: NDArray[np.float64]) -> list[ReliabilityBin]:
    at = np.minimum((p_real * BINS).astype(np.int64), BINS - 1)
    bins = []
    for index in range(BINS):
        inside = at == index
        texts = int(inside.sum())
        bins.append(
            ReliabilityBin(
                low=index / BINS,
                high=(index + 1) / BINS,
                texts=texts,
                real=int(labels[inside].sum()),
                mean_p_real=float(p_real[inside].mean()) if texts else None,
            )
        )
    return bins
