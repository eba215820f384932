"""When another program's monitor gives its first alarm: ``watch_with_others.py PACKAGE ERRORS.npz SETTINGS``.

Prints, as JSON, for each year the number of the label at which it does, from 0, or null.
"""

import json
import sys
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Errors = NDArray[np.int8]


def adwin(baseline: Errors, stream: Errors, settings: dict[str, Any]) -> int | None:
    """ADWIN (Bifet and Gavalda 2007) on the errors, after it has seen those of the baseline."""
    detector = import_module("river.drift").ADWIN(**settings)
    for error in baseline.tolist():
        detector.update(error)
    for number, error in enumerate(stream.tolist()):
        detector.update(error)
        if detector.drift_detected:
            return number
    return None


def risk_monitoring(baseline: Errors, stream: Errors, settings: dict[str, Any]) -> int | None:
    """MAPIE's monitor of a risk (Podkopaev and Ramdas 2022), accuracy, against the baseline.

    Its lower bound is of all labels until then; the whole year at once gives the bound after each.
    """
    monitor = import_module("mapie.exchangeability_testing").RiskMonitoring(risk="accuracy", warn=False, **settings)
    monitor.compute_threshold(baseline, np.zeros_like(baseline))
    monitor.update(stream, np.zeros_like(stream))
    above = np.flatnonzero(monitor.online_risk_lower_bound_sequence_history > monitor.threshold)
    return int(above[0]) if len(above) else None


WATCHES = {"river": adwin, "mapie": risk_monitoring}


def main() -> None:
    """Watch every year."""
    package, path, settings = sys.argv[1:]
    held = np.load(path)
    watch = WATCHES[package]
    rows = zip(held["baseline"], held["stream"], strict=True)
    print(json.dumps([watch(baseline, stream, json.loads(settings)) for baseline, stream in rows]))


if __name__ == "__main__":
    main()
