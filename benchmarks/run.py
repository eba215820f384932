"""``falsetrue serve`` beside a bare FastAPI + scikit-learn app: ``python benchmarks/run.py [--quick]``.

Progress goes to standard error, a Markdown table to standard output, every sample to ``benchmarks/results/``.
Needs the ``[train]`` extra and Debian's ``wrk`` and ``taskset``.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.comparison import files, scoring, servers
from benchmarks.comparison.machine import LOAD_CORE, Others, describe
from benchmarks.comparison.material import RECIPES, TEXTS, Material, prepare
from benchmarks.comparison.report import Sample, table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to measure."""

    repetitions: int
    seconds: int  #: of load, for each number of connections
    texts: int  #: scored one by one in process


FULL = Effort(repetitions=5, seconds=5, texts=TEXTS)
QUICK = Effort(repetitions=1, seconds=1, texts=300)


def main() -> None:
    """Prepare, measure, report."""
    options = _options()
    effort = QUICK if options.quick else FULL
    if missing := [program for program in ("wrk", "taskset") if not shutil.which(program)]:
        sys.exit(f"benchmarks: {' and '.join(missing)} not found; on Debian: apt-get install wrk util-linux")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.work or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        _say("finding news, training both recipes")
        material = prepare(folder)
        os.sched_setaffinity(0, {LOAD_CORE})
        others = Others()
        samples = list(_samples(material, effort))
        _report(material, effort, samples, others.share())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="falsetrue serve beside a bare FastAPI + scikit-learn app")
    parser.add_argument("--quick", action="store_true", help="about a minute: one short repetition, to see it work")
    parser.add_argument("--work", help="folder for inputs and trained models, kept and reused; nothing: temporary")
    return parser.parse_args()


def _samples(material: Material, effort: Effort) -> Iterator[Sample]:
    """Every figure; within a repetition the contestants take turns, and who begins changes."""
    for repetition in range(effort.repetitions):
        for recipe in RECIPES:
            _say(f"repetition {repetition + 1} of {effort.repetitions}, recipe {recipe}")
            for contestant, figures in _repetition(material, effort, recipe, repetition):
                for measure, value in figures.items():
                    yield Sample(recipe=recipe, contestant=contestant, measure=measure, value=value)


def _repetition(
    material: Material, effort: Effort, recipe: str, repetition: int
) -> Iterator[tuple[str, dict[str, float]]]:
    bundle = material.models[recipe]
    first = repetition * 397 % TEXTS
    load = servers.Load(bodies=material.bodies, first=first, seconds=effort.seconds)
    shift = repetition % len(servers.SERVERS)
    for server in servers.SERVERS[shift:] + servers.SERVERS[:shift]:
        yield server, servers.measure(server, bundle, load)
    ours_first = repetition % 2 == 0
    yield from scoring.measure(bundle, material.texts, count=effort.texts, falsetrue_first=ours_first).items()
    for side in ("falsetrue", "bare") if ours_first else ("bare", "falsetrue"):
        yield side, files.measure(side, recipe, material)


def _report(material: Material, effort: Effort, samples: list[Sample], others: float) -> None:
    now = datetime.now(UTC)
    record = {
        "date": now.isoformat(timespec="seconds"),
        "machine": describe(),
        "others_cpu_share": others,
        "effort": asdict(effort),
        "articles": material.described,
        "article_count": material.articles,
        "mean_text_bytes": material.mean_bytes,
        "samples": [asdict(sample) for sample in samples],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    about = ", ".join(f"{name} {value}" for name, value in describe().items())
    print(f"{now:%Y-%m-%d}; {about}; {material.described} articles, mean {material.mean_bytes:,.0f} bytes a text;")
    print(f"median (lowest - highest) of {effort.repetitions}; other programs took {others:.0%} of the processor\n")
    print(table(samples))
    _say(f"every sample is in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _say(text: str) -> None:
    print(f"benchmarks [{time.strftime('%H:%M:%S')}]: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
