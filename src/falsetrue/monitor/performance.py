"""How often a model is wrong, and how much of the news is false, without labels of the traffic: by the baseline's.

Both suppose something of how traffic differs from the baseline, and see nothing else. Confidence-based estimates
(CBPE) suppose that a text with a certain ``p_real`` is as often real as it was (covariate shift); black-box shift
estimates (BBSE) that false news looks as it did, and real news too (prior shift). Where what is false comes to look
otherwise (concept drift) both are wrong, and only labels tell.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from falsetrue.errors import InputError
from falsetrue.model.prevalence import estimate_bbse
from falsetrue.monitor.findings import Estimate, Finding, State, Subject
from falsetrue.monitor.profile import SCORE_BINS, Profile, score_middles
from falsetrue.monitor.reference import LEAST, PRECISIONS, Outcomes, Reference

Floats = NDArray[np.float64]

#: What a calibration is taken to be before labels are seen: ``p_real`` as it is ...
_AS_SAID: Final = np.array([1.0, 1.0, 0.0])
#: ... each of its three numbers with this standard deviation.
_SPREAD: Final = 1.0
#: Watches whose drift says that texts are not as either method supposes, and what a reader is then told of each.
_SHIFTS: Final = frozenset({"language_mix", "oov", "topic"})
_CAUTIONS: Final = {"CBPE": "cbpe_shifted", "BBSE": "bbse_shifted"}
_STEPS = 50  #: of Newton's method, at most
_SETTLED = 1e-10  #: a step as short as this is the last
#: Standard errors to either side of a 95 % interval.
_WIDE: Final = 1.959963984540054


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """How often a text with a certain ``p_real`` is real: ``logit = a log p - b log(1 - p) + c``.

    Beta calibration (Kull, Silva Filho and Flach, AISTATS 2017), fitted to labelled texts by penalised likelihood.
    It holds the identity (1, 1, 0), Platt's scaling (a = b), and whatever Beta-distributed scores need.
    """

    parameters: Floats  #: (3,): a, b, c
    covariance: Floats  #: (3, 3), of what was fitted

    @cached_property
    def p_real(self) -> Floats:
        """Share of real texts, by bin of ``p_real``; shape (1000,)."""
        return np.asarray(expit(_terms() @ self.parameters))

    @cached_property
    def slopes(self) -> Floats:
        """Its derivatives by the parameters, shape (1000, 3)."""
        return np.asarray(_terms() * (self.p_real * (1 - self.p_real))[:, None])


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Errors that are to be expected of some texts."""

    texts: int
    value: float  #: share in [0, 1]
    slope: Floats  #: (3,), its derivatives by the parameters of the calibration
    spread: float  #: variance of one text's expected error

    def error(self, calibration: Calibration) -> float:
        """Standard error (delta method): of the calibration, and of the draw of the texts."""
        return sqrt(float(self.slope @ calibration.covariance @ self.slope) + self.spread / self.texts)


def calibrate(outcomes: Outcomes) -> Calibration:
    """Fit a calibration; one as said, and uncertain, where there are no labels."""
    counts, terms = outcomes.by_score, _terms()
    texts, real = counts.sum(axis=0).astype(np.float64), counts[1].astype(np.float64)
    parameters, prior = _AS_SAID, np.eye(3) / _SPREAD**2
    hessian = prior
    for _ in range(_STEPS):
        p = expit(terms @ parameters)
        slope = terms.T @ (real - texts * p) - prior @ (parameters - _AS_SAID)
        hessian = terms.T @ (terms * (texts * p * (1 - p))[:, None]) + prior
        step = np.linalg.solve(hessian, slope)
        length = float(np.max(np.abs(step)))
        parameters = parameters + step * min(1.0, 1 / max(length, _SETTLED))  # so that it cannot run away
        if length < _SETTLED:
            break
    return Calibration(parameters=parameters, covariance=np.linalg.inv(hessian))


def calibration_of(reference: Reference, language: str | None = None) -> Calibration | None:
    """That of a language, or of all texts where it has too few labels; ``None`` where there are too few of all."""
    usual = reference.usual(language)
    if usual is not None and usual.outcomes.texts >= LEAST:
        return calibrate(usual.outcomes)
    return calibrate(reference.all.outcomes) if reference.all.outcomes.texts >= LEAST else None


def expect_decided(profile: Profile, calibration: Calibration) -> Expected | None:
    """Of the verdicts *false* and *real*; ``None`` where there is none."""
    return _expect(profile.scores[0], profile.scores[1], calibration)


def expect_forced(profile: Profile, calibration: Calibration) -> Expected | None:
    """Of all texts, were they called real above a half, and false below; ``None`` of no text."""
    counts = profile.counts("score")
    below = np.arange(SCORE_BINS) < SCORE_BINS // 2
    return _expect(counts * below, counts * ~below, calibration)


def _expect(false: NDArray[np.int64], real: NDArray[np.int64], calibration: Calibration) -> Expected | None:
    """Of texts called false and real, by bin. A text called false is wrong as often as it is real."""
    texts = int(false.sum() + real.sum())
    if not texts:
        return None
    p = calibration.p_real
    value = float(false @ p + real @ (1 - p)) / texts
    square = float(false @ p**2 + real @ (1 - p) ** 2) / texts
    slope = (false - real) @ calibration.slopes / texts
    return Expected(texts=texts, value=value, slope=slope, spread=max(0.0, square - value**2))


def estimate_performance(profile: Profile, reference: Reference, subject: Subject) -> list[Estimate]:
    """By CBPE: ``error`` of verdicts, ``error_forced``, and the precision of either verdict; those that can be known.

    Confidence-based performance estimation (Guillory et al., ICCV 2021; Białek et al., arXiv:2401.08348), on
    probabilities calibrated anew by the baseline's labels. Intervals (95 %) have the uncertainty of the calibration
    and of the draw of the texts in them; not that of the supposition.
    """
    calibration = calibration_of(reference, subject.language)
    usual = reference.usual(subject.language) or reference.all
    if calibration is None or not profile.texts:
        return []
    nothing, before = np.zeros(SCORE_BINS, np.int64), usual.outcomes.shares()
    figures = {
        "error": expect_decided(profile, calibration),
        "error_forced": expect_forced(profile, calibration),
        "precision_false": _expect(profile.scores[0], nothing, calibration),
        "precision_real": _expect(nothing, profile.scores[1], calibration),
    }
    estimates = []
    for name, found in figures.items():
        if found is None:
            continue
        is_precision = name in PRECISIONS
        wide = _WIDE * found.error(calibration)
        low, value, high = max(0.0, found.value - wide), found.value, min(1.0, found.value + wide)
        estimates.append(
            Estimate(
                name=name,
                method="CBPE",
                subject=subject,
                value=1 - value if is_precision else value,
                low=1 - high if is_precision else low,
                high=1 - low if is_precision else high,
                labels=0,
                texts=found.texts,
                baseline=before.get(name),
            )
        )
    return estimates


def estimate_prevalence(profile: Profile, reference: Reference, subject: Subject) -> Estimate | None:
    """By BBSE, ``prevalence_false``; ``None`` where the baseline's labels are too few, or the model tells nothing.

    From how many texts have a ``p_real`` below a half (:func:`falsetrue.model.prevalence.estimate_bbse`: Lipton, Wang
    and Smola, ICML 2018). The interval has the uncertainty of the baseline's confusion matrix in it.
    """
    usual = reference.usual(subject.language)
    outcomes = reference.all.outcomes if usual is None or usual.outcomes.texts < LEAST else usual.outcomes
    if outcomes.texts < LEAST or not profile.texts:
        return None
    confusion = outcomes.confusion()
    called_false = int(profile.counts("score")[: SCORE_BINS // 2].sum())
    try:
        found = estimate_bbse(called_false, profile.texts, confusion=confusion)
    except InputError:
        return None
    return Estimate(
        name="prevalence_false",
        method="BBSE",
        subject=subject,
        value=found.value,
        low=found.low,
        high=found.high,
        labels=0,
        texts=profile.texts,
        baseline=(confusion["false_called_false"] + confusion["false_called_real"]) / outcomes.texts,
    )


def cautions(findings: Iterable[Finding], estimates: Iterable[Estimate]) -> tuple[str, ...]:
    """Names of notes: which estimates of a look suppose what its findings speak against.

    Where other languages, unknown words or other topics come, a text with a certain ``p_real`` need not be as often
    real as it was (CBPE), and neither class reads as it did (BBSE).
    """
    is_shifted = any(each.watch in _SHIFTS and each.state is State.DRIFT for each in findings)
    methods = {each.method for each in estimates}
    return tuple(note for method, note in _CAUTIONS.items() if is_shifted and method in methods)


def _terms() -> Floats:
    """Of the calibration, by bin; shape (1000, 3)."""
    p = score_middles()
    return np.stack([np.log(p), -np.log(1 - p), np.ones(SCORE_BINS)], axis=1)
