"""What is told without labels: how often a test finds a change, and how near an estimate comes."""

from typing import Any

import numpy as np
from benchmarks.monitor.streams import BASELINE, ERROR, SHAPE, Floats
from numpy.typing import NDArray

from falsetrue.features.sketches import BUCKETS, Features
from falsetrue.monitor.drift import examine
from falsetrue.monitor.observations import Observations, labels_of, no_sketches, priorities_of_rows
from falsetrue.monitor.performance import calibration_of, expect_forced
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import Reference, make_reference
from falsetrue.monitor.topics import find_topic

ALPHA = 0.01
#: Texts by which an expected error is judged, so that the draw of the texts hardly counts.
MANY = 20_000
#: Words of a text, and the share of them that tell its topic.
WORDS, TELLING = 200, 0.1
_TOPICS, _TOPIC_WORDS = 20, 60


def observations(p_real: Floats, truth: NDArray[np.int8] | None = None) -> Observations:
    """Texts of which nothing is known but what the model said of them, and what they are."""
    texts = len(p_real)
    styles, minhash = no_sketches(texts)
    some = np.full(texts, 100)
    return Observations(
        seconds=np.zeros(texts),
        p_real=p_real,
        labels=labels_of(p_real),
        languages=np.full(texts, "en", dtype=object),
        keys=np.full(texts, None, dtype=object),
        characters=some * 6,
        words=some,
        known_words=some * 9 // 10,
        styles=styles,
        minhash=minhash,
        features=None,
        priority=priorities_of_rows(0, texts, 0),
        truth=truth,
    )


def _reference(observed: Observations) -> Reference:
    return make_reference([observed], name="benchmark", model_name="made up", model_version="1", salt=None)


def _finds(watch: str, before: Floats, after: Floats) -> bool:
    findings = examine(Profile.of(observations(after)), _reference(observations(before)))
    p = next(each.p for each in findings if each.watch == watch)
    return p is not None and p <= ALPHA


def of_prior(share: float, texts: int, times: int, seed: int) -> list[bool]:
    """Whether a look sees that ``share`` of ``texts`` is called false, and was 30 % of the baseline."""
    return [
        _finds("called_false", _called(each, 0.3, BASELINE), _called(each, share, texts))
        for each in _generators(times, seed)
    ]


def _called(generator: np.random.Generator, share: float, texts: int) -> Floats:
    return np.where(generator.random(texts) < share, 0.2, 0.8)


def of_score(shape: float, texts: int, times: int, seed: int) -> list[bool]:
    """Whether a look sees that ``p_real`` follows Beta(shape, shape), and followed Beta(.2, .2)."""
    return [
        _finds("score", each.beta(0.2, 0.2, BASELINE), each.beta(shape, shape, texts))
        for each in _generators(times, seed)
    ]


def _generators(times: int, seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, number]) for number in range(times)]


def of_topic(share: float, texts: int, times: int, seed: int) -> list[bool]:
    """Whether a look at ``texts`` sees that ``share`` of them is of a topic that the baseline does not have."""
    seen = []
    for number, generator in enumerate(_generators(times, seed)):
        words = generator.integers(0, BUCKETS, (_TOPICS + 1, _TOPIC_WORDS))
        before = _documents(generator, words, generator.integers(0, _TOPICS, BASELINE))
        topics = np.where(generator.random(texts) < share, _TOPICS, generator.integers(0, _TOPICS, texts))
        found = find_topic(before, _documents(generator, words, topics), seed=number)
        seen.append(found.p is not None and found.p <= ALPHA)
    return seen


def _documents(generator: np.random.Generator, words: NDArray[np.int64], topics: NDArray[np.int64]) -> Features:
    """Counts of hashed words: some of the text's topic, the others of a language in which few words are frequent."""
    common = (generator.pareto(0.6, (len(topics), WORDS)) * 20).astype(np.int64) % BUCKETS
    own = words[topics[:, None], generator.integers(0, _TOPIC_WORDS, (len(topics), WORDS))]
    said = np.where(generator.random(common.shape) < TELLING, own, common)
    rows = [np.unique(row, return_counts=True) for row in said]
    times = np.minimum(np.concatenate([counts for _, counts in rows]), 5)
    return Features(
        begins=np.concatenate([[0], np.cumsum([len(buckets) for buckets, _ in rows])]),
        buckets=np.concatenate([buckets for buckets, _ in rows]).astype(np.uint16),
        times=np.where(times == 4, 3, times).astype(np.uint8),
    )


def of_expected_error(shift: str, times: int, seed: int) -> tuple[list[float], list[bool]]:
    """How far the expected error (CBPE) is from the true one, and whether the look says it has changed.

    ``shift`` is ``none``; ``covariate``, by which texts of which it is less sure are twice as many; or ``concept``, by
    which it is wrong of 20 % of the texts, and says what it said before.
    """
    apart, said = [], []
    for generator in _generators(times, seed):
        before = generator.beta(SHAPE, SHAPE, BASELINE)
        truth = (generator.random(BASELINE) < before).astype(np.int8)
        reference = _reference(observations(before, truth))
        p_real = generator.beta(SHAPE, SHAPE, MANY) if shift != "covariate" else _less_sure(generator)
        error = float(np.mean(np.minimum(p_real, 1 - p_real)))
        error = 2 * ERROR if shift == "concept" else error
        profile = Profile.of(observations(p_real))
        calibration = calibration_of(reference)
        expected = None if calibration is None else expect_forced(profile, calibration)
        apart.append(float("nan") if expected is None else abs(expected.value - error))
        finding = next(each for each in examine(profile, reference) if each.watch == "expected_error")
        said.append(finding.p is not None and finding.p <= ALPHA)
    return apart, said


def _less_sure(generator: np.random.Generator) -> Floats:
    p_real = generator.beta(SHAPE, SHAPE, 4 * MANY)
    unsure = np.minimum(p_real, 1 - p_real) > 0.1
    weights: Any = np.where(unsure, 2.0, 1.0)
    return np.asarray(generator.choice(p_real, MANY, p=weights / weights.sum()))
