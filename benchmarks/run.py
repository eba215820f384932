"""falsetrue beside what would be used instead: ``python benchmarks/run.py [--quick] [--only SECTION,…]``.

Progress goes to standard error, Markdown tables to standard output, every sample to ``benchmarks/results/``.
Needs the ``[train]`` extra, Debian's ``wrk`` and ``taskset``, and a C compiler.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.comparison.machine import LOAD_CORE, ROOT, Others, describe
from benchmarks.comparison.material import Material, prepare
from benchmarks.comparison.plot import draw_growth
from benchmarks.comparison.report import SECTIONS, tables
from benchmarks.comparison.sample import FULL, OURS, QUICK, Effort, Found, Missing, Sample

RESULTS = ROOT / "benchmarks" / "results"
PLOT = ROOT / "docs" / "images" / "growth.svg"
#: Section -> module below ``benchmarks.comparison``, and its function.
MEASURES = {
    "scoring": ("scoring", "measure"),
    "fit": ("fitting", "measure"),
    "http": ("servers", "measure_http"),
    "journal": ("servers", "measure_journal"),
    "workers": ("servers", "measure_workers"),
    "predict": ("prediction", "measure"),
    "start": ("servers", "measure_start"),
    "kernel": ("kernel", "measure"),
    "growth": ("growth", "measure"),
    "others": ("others", "measure"),
}
#: Sections that ``--quick`` leaves out unless they are asked for: installing takes longer than all the rest.
SLOW = ("others",)
#: Texts that the models have not learnt from.
TEXTS = 4000


def main() -> None:
    """Prepare, measure, report."""
    options = _options()
    effort = QUICK if options.quick else FULL
    sections = options.only or [name for name in SECTIONS if not (options.quick and name in SLOW)]
    if missing := [program for program in ("wrk", "taskset", "cc") if not shutil.which(program)]:
        sys.exit(f"benchmarks: {' and '.join(missing)} not found; on Debian: apt-get install wrk util-linux gcc")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.work or temporary).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        _say("finding articles, training both recipes")
        material = prepare(folder, learn=effort.learn, texts=TEXTS)
        os.sched_setaffinity(0, {LOAD_CORE})
        others = Others()
        found = [each for section in sections for each in _measure(section, material, effort)]
        _report(material, effort, sections, found, others.share(), quick=options.quick)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="falsetrue beside what would be used instead")
    parser.add_argument("--quick", action="store_true", help="about two minutes, to see that it works; no results kept")
    parser.add_argument("--only", type=_sections, metavar="SECTION,…", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--work", help="folder for inputs, models and packages, kept and reused; nothing: temporary")
    return parser.parse_args()


def _sections(written: str) -> list[str]:
    sections = written.split(",")
    if unknown := [name for name in sections if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(f"there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return sections


def _measure(section: str, material: Material, effort: Effort) -> Iterator[Found]:
    """Every figure of a section; what is wrong with it must not keep the others from being measured."""
    _say(section)
    try:
        module, function = MEASURES[section]
        yield from getattr(import_module(f"benchmarks.comparison.{module}"), function)(material, effort)
    except Exception as error:  # noqa: BLE001 - it is reported in the table
        why = f"{type(error).__name__}: {error}"
        _say(f"{section}: {why}")
        yield Missing(rows=f"{section}.", why=why)


def _report(
    material: Material, effort: Effort, sections: Sequence[str], found: list[Found], others: float, *, quick: bool
) -> None:
    now, machine = datetime.now(UTC), describe()
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    print(f"{now:%Y-%m-%d}; {about};")
    print(f"{material.described} articles, texts of {material.mean_bytes:,.0f} bytes in the mean;")
    print(
        f"{effort.fit:,} articles to fit on, a large file with {effort.predict_mb:,} MB of text, a small one a tenth;"
    )
    print(
        f"median (lowest-highest) of {effort.repetitions}, "
        f"of {effort.shared_repetitions} where two workers and their load share the cores; "
        f"other programs took {others:.0%} of the processors\n"
    )
    print(tables(found, sections))
    _draw_growth(material, found, PLOT if not quick else material.folder / PLOT.name)
    if not quick:
        record = {
            "date": now.isoformat(timespec="seconds"),
            "machine": machine,
            "others_cpu_share": others,
            "effort": asdict(effort),
            "articles": material.described,
            "article_count": len(material.articles),
            "mean_text_bytes": material.mean_bytes,
            "samples": [asdict(each) for each in found if isinstance(each, Sample)],
            "missing": [asdict(each) for each in found if isinstance(each, Missing)],
        }
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        _say(f"every sample is in {path}")


def _draw_growth(material: Material, found: Sequence[Found], path: Path) -> None:
    """The plot, where its section was measured."""
    rates: dict[str, dict[int, list[float]]] = {"texts": {}, "bytes": {}}
    for sample in found:
        if isinstance(sample, Sample) and sample.contestant == OURS and sample.row.startswith("growth."):
            _, kind, number = sample.row.split(".")
            rates[kind].setdefault(int(number), []).append(sample.value)
    by_count, by_size = ({at: statistics.median(all_) for at, all_ in kind.items()} for kind in rates.values())
    if by_count and by_size:
        path.write_text(draw_growth(by_count, by_size, material.mean_bytes), encoding="utf-8")
        _say(f"the plot is {path}")


def _say(text: str) -> None:
    print(f"benchmarks [{time.strftime('%H:%M:%S')}]: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
