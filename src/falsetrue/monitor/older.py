"""The reference of a bundle that came without one, from what its ``baseline.json`` and its manifest say.

What it cannot know is left empty, so that those watches are off: style, debris, languages, topics and copies.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from falsetrue.bundle.baseline import Baseline
from falsetrue.bundle.manifest import Manifest
from falsetrue.model.figures import PolicyFiguresRecord
from falsetrue.monitor.observations import FALSE, REAL
from falsetrue.monitor.profile import (
    ENOUGH_WORDS,
    GRID_BINS,
    GRIDS,
    NOBODY_LOOKED,
    PROBLEMS,
    SCORE_BINS,
    Profile,
    bins_of_scores,
    count_values,
)
from falsetrue.monitor.reference import Outcomes, Reference, Usual

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Name of such a reference.
NAME: Final = "held-out news (quantiles)"


def reference_of_baseline(baseline: Baseline, manifest: Manifest) -> Reference:
    """As many texts as were held out, spread evenly between the quantiles that were written down.

    Distributions are right to about 0.01 of the texts. What was said, and how often it was wrong, is as it was where
    the manifest has the verdicts of the default policy (since format 2); else it is what a half would say.
    """
    words = np.rint(_spread(baseline.words_quantiles, baseline.texts))
    grids = np.zeros((len(GRIDS), GRID_BINS), np.int64)
    grids[list(GRIDS).index("words")] = count_values("words", words)
    unknown = 1 - _spread(baseline.known_share_quantiles, baseline.texts)
    grids[list(GRIDS).index("oov")] = count_values("oov", unknown)
    outcomes = _outcomes(baseline, manifest)
    problems = {"empty": np.sum(words == 0), "too_short": np.sum((words > 0) & (words < ENOUGH_WORDS))}
    profile = Profile(
        texts=baseline.texts,
        sketched=0,
        languages={NOBODY_LOOKED: baseline.texts},
        scores=outcomes.counts.sum(axis=1),
        grids=grids,
        problems=np.array([problems.get(name, problems["empty"]) for name in PROBLEMS], dtype=np.int64),
        sample=None,
    )
    return Reference(
        name=NAME,
        model_name=manifest.name,
        model_version=manifest.version,
        salt=None,
        all=Usual(profile=profile, outcomes=outcomes),
        languages={},
    )


def _spread(quantiles: list[float], texts: int) -> Floats:
    """Ascending values with these quantiles, shape (texts,)."""
    shares = (np.arange(texts) + 0.5) / max(1, texts)
    return np.asarray(np.interp(shares, np.linspace(0, 1, len(quantiles)), quantiles))


def _outcomes(baseline: Baseline, manifest: Manifest) -> Outcomes:
    by_score = _by_score(baseline)
    if manifest.evaluation is not None:
        return Outcomes(counts=_as_said(by_score, manifest.evaluation.policy))
    counts = np.zeros((3, 2, SCORE_BINS), np.int64)
    counts[FALSE, :, : SCORE_BINS // 2] = by_score[:, : SCORE_BINS // 2]
    counts[REAL, :, SCORE_BINS // 2 :] = by_score[:, SCORE_BINS // 2 :]
    return Outcomes(counts=counts)


def _by_score(baseline: Baseline) -> Counts:
    """False and real texts by bin of ``p_real``, the real ones spread evenly in each bin of the reliability."""
    texts = np.bincount(bins_of_scores(_spread(baseline.p_real_quantiles, baseline.texts)), minlength=SCORE_BINS)
    real = np.zeros(SCORE_BINS, np.int64)
    for each in baseline.reliability:
        inside = slice(round(each.low * SCORE_BINS), round(each.high * SCORE_BINS))
        upto = np.concatenate([np.zeros(1), np.cumsum(texts[inside]) * (each.real / max(1, each.texts))])
        real[inside] = np.diff(np.floor(upto + 0.5).astype(np.int64))
    real = np.minimum(real, texts)
    return np.stack([texts - real, real])


def _as_said(by_score: Counts, said: PolicyFiguresRecord) -> Counts:
    """Of the false and of the real texts, those furthest from even are the ones that were decided on."""
    counts = np.zeros((3, 2, SCORE_BINS), np.int64)
    counts[2] = by_score
    for verdict, precision in ((FALSE, said.precision_false), (REAL, said.precision_real)):
        called = said.verdicts.get(("false", "real")[verdict], 0)
        right = round(called * precision.value) if precision else 0
        for truth, wanted in ((verdict, right), (1 - verdict, called - right)):
            taken = _furthest(counts[2, truth], wanted, from_above=verdict == REAL)
            counts[verdict, truth] += taken
            counts[2, truth] -= taken
    return counts


def _furthest(counts: Counts, wanted: int, *, from_above: bool) -> Counts:
    """So many of some texts, or all, from the lowest bin up or from the highest down."""
    ordered = counts[::-1] if from_above else counts
    upto = np.minimum(np.cumsum(ordered), wanted)
    taken = np.diff(upto, prepend=0)
    return taken[::-1] if from_above else taken
