"""Observations made up on the spot: texts whose scores are calibrated, and sketches that any word may be in."""

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.sketches import BINS, BUCKETS, STYLES, Features
from falsetrue.monitor.observations import Observations, labels_of, priorities_of_rows

#: From so many texts on, drawing features for each takes too long.
_MANY = 3000


def make_observations(
    texts: int,
    seed: int = 0,
    *,
    p_real: NDArray[np.float64] | None = None,
    languages: tuple[str | None, ...] = ("en", "es"),
    words: int = 300,
    first: int = 0,
) -> Observations:
    """``texts`` of them; ``words`` is their usual length, ``first`` the number of the first. Many have no features."""
    generator = np.random.default_rng(seed)
    p_real = generator.beta(0.4, 0.4, texts) if p_real is None else p_real
    counts = np.rint(generator.gamma(4, words / 4, texts)).astype(np.int64)
    sizes = generator.integers(0, 40 if texts < _MANY else 1, texts)
    rows = [np.sort(generator.choice(BUCKETS, size, replace=False)) for size in sizes if size]
    features = Features(
        begins=np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        buckets=np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.uint16),
        times=generator.choice([1, 2, 3, 5], int(sizes.sum())).astype(np.uint8),
    )
    styles = generator.integers(0, 2000, (texts, len(STYLES))) / 65535
    styles[:, list(STYLES).index("debris")] = 0
    return Observations(
        seconds=1e9 + np.arange(texts, dtype=np.float64),
        p_real=p_real,
        labels=labels_of(p_real),
        languages=generator.choice(np.array([*languages, None], dtype=object)[:-1], texts),
        keys=np.full(texts, None, dtype=object),
        characters=counts * 6,
        words=counts,
        known_words=generator.binomial(counts, 0.9).astype(np.int64),
        styles=styles.astype(np.float32),
        minhash=generator.integers(1, 65536, (texts, BINS)).astype(np.uint16),
        features=features,
        priority=priorities_of_rows(first, texts, seed),
        truth=(generator.random(texts) < p_real).astype(np.int8),
    )
