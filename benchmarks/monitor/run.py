"""False alarms and delays over simulated years: ``python benchmarks/monitor/run.py [--quick] [--only SECTION,…]``.

Progress goes to standard error, Markdown tables to standard output. Beside ours stand who always and who never
gives an alarm, River's ADWIN and MAPIE's risk monitor, which are installed beside the project and not into it;
where they cannot be had, their cells say so. Needs the ``[train]`` extra.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.comparison.machine import CORES
from benchmarks.comparison.packages import install
from benchmarks.monitor.detection import BUDGET, NEVER, OTHERS, STREAMS, another, at_the_limit, ours
from benchmarks.monitor.streams import DAYS, Scenario
from benchmarks.monitor.table import Row, delays, markdown, median, share, show_delays, show_share

SEED = 20261123


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to simulate."""

    quiet: int  #: years without drift
    drifting: int  #: years with each drift
    others_quiet: int  #: of these, how many the other programs watch too; they take a second for each year
    others_drifting: int
    tests: int  #: of a change that is told without labels
    topic_tests: int


FULL = Effort(quiet=2000, drifting=1000, others_quiet=100, others_drifting=30, tests=1000, topic_tests=50)
QUICK = Effort(quiet=50, drifting=50, others_quiet=2, others_drifting=2, tests=20, topic_tests=2)

#: Drift -> most days in the median.
DELAYS = {
    Scenario(labels_a_day=5, error=0.2): 55,
    Scenario(labels_a_day=20, error=0.2): 17,
    Scenario(labels_a_day=5, error=0.3): 18,
    Scenario(labels_a_day=20, error=0.3): 6,
    Scenario(labels_a_day=20, error=0.15): 85,
}
#: Share of years in which the last of these is caught while the year lasts.
CAUGHT = 0.98
Others = dict[tuple[str, Scenario], "Future[NDArray[np.int64]]"]


def main() -> None:
    """Simulate, and print."""
    options = _options()
    effort = QUICK if options.quick else FULL
    sections = options.only.split(",") if options.only else list(SECTIONS)
    if unknown := [name for name in sections if name not in SECTIONS]:
        sys.exit(f"benchmarks: there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(len(CORES)) as pool:
        folder = Path(options.work or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        waiting = {} if options.alone else _start_others(pool, folder, sections, effort)
        print(f"Seed {SEED}; intervals are of 95 %.\n")
        for name in sections:
            heading, measure = SECTIONS[name]
            _say(name)
            print(markdown(heading, measure(effort, waiting)), flush=True)
    _say("done")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="false alarms and delays over simulated years")
    parser.add_argument("--quick", action="store_true", help="a few years of each, to see that it works")
    parser.add_argument("--only", metavar="SECTION,…", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--alone", action="store_true", help="without the other programs")
    parser.add_argument("--work", help="folder for the other programs, kept and used again; nothing: temporary")
    return parser.parse_args()


def _start_others(pool: ThreadPoolExecutor, folder: Path, sections: Sequence[str], effort: Effort) -> Others:
    """Every year that the other programs watch, in the background."""
    for package in dict.fromkeys(package for package, _ in OTHERS.values()):
        _say(f"installing {package}")
        try:
            install(folder, package)
        except RuntimeError as error:
            _say(str(error))
    wanted = {each: effort.others_quiet for each in _quiet() if "false-alarms" in sections}
    wanted |= {each: effort.others_drifting for each in DELAYS if "delays" in sections}
    return {
        (name, scenario): pool.submit(another, name, scenario, count, SEED, folder)
        for scenario, count in wanted.items()
        for name in OTHERS
    }


def _others(
    waiting: Others, scenario: Scenario, show: Callable[[NDArray[np.int64]], str], always: str, never: str
) -> dict[str, str]:
    """Cells of the other programs, and of who always and who never gives an alarm."""
    cells = {"always": always, "never": never}
    for (name, of), future in waiting.items():
        if of == scenario:
            try:
                cells[name] = show(future.result())
            except RuntimeError as error:
                cells[name] = f"not measured: {error}"
    return cells


# --- false alarms -----------------------------------------------------------------------------------------


def _quiet() -> list[Scenario]:
    return [Scenario(labels_a_day=labels) for labels in (20, 5)]


def false_alarms(effort: Effort, waiting: Others) -> Iterator[Row]:
    """Years without drift: all our critical alarms together, each alone, and harm where it is hardest."""
    for scenario in _quiet():
        alarms = ours(scenario, effort.quiet, SEED)
        together = np.min(list(alarms.values()), axis=0) < NEVER
        found = share(together)
        yield Row(
            title=f"years with a false alarm, {scenario.labels_a_day} labels a day: all critical",
            bar="≤ 5 %, upper bound ≤ 6.5 %",
            met=found.value <= BUDGET and found.high <= 0.065,
            ours=show_share(together),
            others=_others(waiting, scenario, lambda first: show_share(first < NEVER), "100 %", "0 %"),
        )
        for stream in STREAMS:
            yield Row(title=f"of these, {stream}", ours=show_share(alarms[stream] < NEVER))
        at_limit = at_the_limit(scenario.labels_a_day, effort.quiet, SEED) < NEVER
        part = BUDGET / len(STREAMS)
        yield Row(
            title=f"harm, {scenario.labels_a_day} labels a day, where the error is its limit exactly",
            bar=f"≤ {100 * part:.2f} %",
            met=share(at_limit).value <= part,
            ours=show_share(at_limit),
        )


# --- delays -----------------------------------------------------------------------------------------------


def days_until(effort: Effort, waiting: Others) -> Iterator[Row]:
    """Years in which the error grows on day 100: from then, days until the alarm of harm."""
    for scenario, most in DELAYS.items():
        alarms = ours(scenario, effort.drifting, SEED)
        harm = alarms["harm"]
        others = _others(waiting, scenario, show_delays, "1", "never")
        title = f"10 → {scenario.error:.0%}, {scenario.labels_a_day} labels a day".replace("%", " %")
        met = median(delays(harm))[0] <= most
        yield Row(title=title, bar=f"median ≤ {most}", met=met, ours=show_delays(harm), others=others)
        if most == max(DELAYS.values()):
            caught = delays(harm) < NEVER
            met = share(caught).value >= CAUGHT
            yield Row(title=f"{title}: caught within 265 days", bar="≥ 98 %", met=met, ours=show_share(caught))
        yield Row(title=f"{title}: calibration", ours=show_delays(alarms["calibration"]))
    feed = ours(Scenario(labels_a_day=5, broken=0.2), min(effort.drifting, 200), SEED)["data quality"]
    yield Row(title="a feed of which 20 % breaks: data quality", ours=show_delays(feed))


# --- without labels ---------------------------------------------------------------------------------------


def without_labels(effort: Effort, waiting: Others) -> Iterator[Row]:  # noqa: ARG001 - they tell nothing here
    """Power and false alarms of single tests, and the expected error."""
    for title, bar, function, change, texts, times in (
        ("called false, 30 → 40 %, n = 200", 0.60, "of_prior", 0.4, 200, effort.tests),
        ("called false, 30 → 40 %, n = 500", 0.95, "of_prior", 0.4, 500, effort.tests),
        ("called false, 30 → 30 %, n = 500", None, "of_prior", 0.3, 500, effort.tests),
        ("score, Beta(.2, .2) → Beta(.4, .4), n = 200", 0.95, "of_score", 0.4, 200, effort.tests),
        ("score, unchanged, n = 200", None, "of_score", 0.2, 200, effort.tests),
        ("topic, 10 % of a new one, n = 1,000", 0.90, "of_topic", 0.1, 1000, effort.topic_tests),
        ("topic, none new, n = 1,000", None, "of_topic", 0.0, 1000, effort.topic_tests),
    ):
        yield _tested(title, bar, function, (change, texts, times))
    for shift, most in (("none", 0.01), ("covariate", 0.02), ("concept", None)):
        yield from _expected(shift, most, min(effort.tests, 200))


def _measured(function: str, *arguments: Any) -> Any:
    """What a simulation says, or, as text, why it cannot be had."""
    try:
        return getattr(import_module("benchmarks.monitor.shifts"), function)(*arguments, SEED)
    except Exception as error:  # noqa: BLE001 - it is reported in the table
        return f"not measured: {type(error).__name__}: {error}"


def _tested(title: str, bar: float | None, function: str, arguments: tuple[float, int, int]) -> Row:
    found = _measured(function, *arguments)
    said = f"power ≥ {bar:.2f} at 1 %" if bar else "≤ 1 %, interval considered"
    if isinstance(found, str):
        return Row(title=title, bar=said, ours=found)
    met = share(found).value >= bar if bar else share(found).low <= 0.01
    return Row(title=title, bar=said, met=met, ours=show_share(found))


def _expected(shift: str, most: float | None, times: int) -> Iterator[Row]:
    title = f"expected error (CBPE), drift: {shift}"
    found = _measured("of_expected_error", shift, times)
    if isinstance(found, str):
        yield Row(title=title, ours=found)
        return
    apart, said = found
    figure = f"mean {np.mean(apart):.4f}, 9 in 10 within {np.quantile(apart, 0.9):.4f}, n = {times}"
    bar = f"off by ≤ {most}" if most else ""
    yield Row(title=title, bar=bar, met=np.mean(apart) <= most if most else None, ours=figure)
    silent = shift != "covariate"
    yield Row(
        title=f"{title}: says that the error has changed",
        bar="≤ 1 %, interval considered" if silent else "",
        met=share(said).low <= 0.01 if silent else None,
        ours=show_share(said),
    )


#: Section -> heading and what measures it.
SECTIONS: dict[str, tuple[str, Callable[[Effort, Others], Iterator[Row]]]] = {
    "false-alarms": ("False alarms: years without drift", false_alarms),
    "delays": (f"Days until the alarm of harm, for a drift that begins on day 100 of {DAYS}", days_until),
    "without-labels": ("Without labels: single tests at 1 %, against a baseline of 2,000", without_labels),
}


def _say(text: str) -> None:
    print(f"benchmarks [{time.strftime('%H:%M:%S')}]: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
