"""When each contestant gives its alarm, in each of many years."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks.comparison.machine import CORES, run
from benchmarks.comparison.packages import install
from benchmarks.monitor.streams import BASELINE, BATCH, DAYS, ERROR, Floats, Labels, Scenario, Years, years
from numpy.typing import NDArray

from falsetrue.monitor.sequential import (
    YEAR,
    CalibrationLimits,
    advanced,
    calibration_growth,
    calibration_limits,
    error_limit,
    harm_growth,
    quality_growth,
    quality_limit,
    start,
)

#: First day of an alarm by stream or contestant, from 0; :data:`NEVER` where there is none. Shape (years,).
Alarms = dict[str, NDArray[np.int64]]
NEVER = 10**6
#: False alarms of all critical streams of one language together, in a year.
BUDGET = 0.05
STREAMS = ("harm", "calibration", "data quality")
#: Other programs, as they are set up: contestant -> package, and settings for ``watch_with_others.py``.
OTHERS: dict[str, tuple[str, dict[str, float]]] = {
    "River ADWIN": ("river", {}),
    "MAPIE": ("mapie", {}),
    "MAPIE, tolerance 0": ("mapie", {"tolerance": 0.0}),
}
SCRIPT = Path(__file__).parent / "watch_with_others.py"
_BINS = np.linspace(0, 1, 11)


def ours(scenario: Scenario, count: int, seed: int) -> Alarms:
    """First alarm of each of our streams; the budget is split among them evenly."""
    found: dict[str, list[NDArray[np.int64]]] = {stream: [] for stream in STREAMS}
    for batch in years(scenario, count, seed):
        for stream, alarms in _alarms(batch, scenario.labels_a_day).items():
            found[stream].append(alarms)
    return {stream: np.concatenate(alarms) for stream, alarms in found.items()}


def _alarms(batch: Years, labels_a_day: int) -> Alarms:
    a_year = YEAR * labels_a_day
    errors = batch.slice.errors
    limits = np.array([error_limit(int(wrong), BASELINE) for wrong in batch.baseline.errors.sum(axis=1)])
    broken = np.array([quality_limit(int(texts), BASELINE) for texts in batch.baseline_broken])
    return {
        "harm": _days(first_alarm(harm_growth(errors, limits[:, None]), a_year), labels_a_day),
        "calibration": _days(first_alarm(_calibration(batch), a_year), labels_a_day),
        "data quality": _days(first_alarm(quality_growth(batch.broken, broken[:, None]), YEAR), 1),
    }


def _calibration(batch: Years) -> Floats:
    """Growth, shape (years, labels, wagers); each year has a baseline of its own."""
    return np.stack(
        [
            calibration_growth(real, p_real, reliability(baseline_p_real, baseline_real))
            for real, p_real, baseline_p_real, baseline_real in zip(
                batch.slice.real, batch.slice.p_real, batch.baseline.p_real, batch.baseline.real, strict=True
            )
        ]
    )


def reliability(p_real: Floats, real: Floats) -> CalibrationLimits:
    """Limits from the labels of a baseline, in ten equal bins of ``p_real``."""
    at = np.clip(np.searchsorted(_BINS, p_real, side="right") - 1, 0, 9)
    texts, of_real = np.bincount(at, minlength=10), np.bincount(at, real, minlength=10).astype(np.int64)
    means = np.bincount(at, p_real, minlength=10) / np.maximum(texts, 1)
    return calibration_limits(_BINS.tolist(), texts.tolist(), of_real.tolist(), means.tolist())


def first_alarm(growth: Floats, observations_a_year: float) -> NDArray[np.int64]:
    """Number of the observation, from 0, at which each detector fires; ``growth`` (years, observations, wagers)."""
    detector = start(growth.shape[2], observations_a_year=observations_a_year, allowed=BUDGET / len(STREAMS))
    values = np.zeros((growth.shape[0], growth.shape[2]))
    first = np.full(growth.shape[0], NEVER)
    for number in range(growth.shape[1]):
        values = advanced(values, growth[:, number], detector.threshold)
        first[(first == NEVER) & (values.mean(axis=1) >= detector.threshold)] = number
    return first


def _days(first: NDArray[np.int64], a_day: int) -> NDArray[np.int64]:
    return np.where(first == NEVER, NEVER, first // a_day)


def another(name: str, scenario: Scenario, count: int, seed: int, folder: Path) -> NDArray[np.int64]:
    """First alarm of another program on the same errors; raises :class:`RuntimeError` where it is not to be had."""
    package, settings = OTHERS[name]
    packages = install(folder, package)
    batches = list(years(scenario, count, seed))
    baseline, stream = (_errors(each) for each in ([one.baseline for one in batches], [one.slice for one in batches]))
    with TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary) / "errors.npz"
        np.savez(path, baseline=baseline, stream=stream)
        command = [sys.executable, str(SCRIPT), package, str(path), json.dumps(settings)]
        said = run(command, cores=CORES, packages=packages)
    return _days(np.array([NEVER if each is None else each for each in said]), scenario.labels_a_day)


def _errors(labels: list[Labels]) -> NDArray[np.int8]:
    return np.concatenate([each.errors for each in labels]).astype(np.int8)


def at_the_limit(labels_a_day: int, count: int, seed: int) -> NDArray[np.int64]:
    """First alarm of harm where the error is exactly the limit, the worst that is no harm."""
    limit = error_limit(round(ERROR * BASELINE), BASELINE)
    first = []
    for number, begin in enumerate(range(0, count, BATCH)):
        generator = np.random.default_rng([seed, number])
        errors = generator.random((min(BATCH, count - begin), DAYS * labels_a_day)) < limit
        first.append(first_alarm(harm_growth(errors.astype(np.float64), limit), YEAR * labels_a_day))
    return _days(np.concatenate(first), labels_a_day)
