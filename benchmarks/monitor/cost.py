"""What a report of many journal rows costs: ``python benchmarks/monitor/cost.py [--rows N] [--database URL]…``.

A week of made-up predictions with real sketches is written into a database (SQLite, unless databases are named; they
must be empty), and then ``falsetrue monitor report`` is run on all of it, as anybody would: seconds from start to end,
and the most memory that it held. Texts are those of the corpora where FALSETRUE_CORPORA names their folder, else made
up. Progress goes to standard error, a Markdown table to standard output.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.comparison.machine import environment
from benchmarks.monitor.topic_power import made_up, read_articles

from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.features.sketching import Sketcher
from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import Entry, Writing
from falsetrue.journal.store import Journal
from falsetrue.settings import Settings, load_settings
from falsetrue.wiring import load_classifier

SEED = 20261123
ROWS, DAYS, TEXTS = 1_000_000, 7, 20_000
KEYS, BLOCK = 30, 2000
#: Most seconds, and most megabytes.
BARS = (20, 500)
SALT = b"a salt for benchmarks alone"
PEAK = Path(__file__).resolve().parents[1] / "comparison" / "peak.py"


def read_texts() -> list[str]:
    """Real articles where there are some."""
    if folder := os.environ.get("FALSETRUE_CORPORA"):
        return read_articles(Path(folder), "fakenewsnet_gossipcop")[:TEXTS]
    return made_up(TEXTS, range(10), np.random.default_rng(SEED))


def entries(rows: int, version: str, end: datetime) -> Iterator[Entry]:
    """Predictions of a week, one after the other."""
    texts, chance = read_texts(), random.Random(SEED)  # noqa: S311 - not for secrets
    sketches, words = Sketcher(SALT).sketch(texts), [len(text.split()) for text in texts]
    now = begin = end - timedelta(days=DAYS)
    identifiers = Identifiers(lambda: int(now.timestamp() * 1e9))
    for number in range(rows):
        now = begin + timedelta(days=DAYS) * (number / rows)
        at, p_real = chance.randrange(len(texts)), chance.betavariate(0.8, 0.8)
        yield Entry(
            id=identifiers.new(),
            created_at=now,
            route="/v1/classifications",
            request_id=f"{number}",
            key_id=f"key-{chance.randrange(KEYS)}",
            item_id=None,
            model_name="news",
            model_version=version,
            policy="default@1",
            label="false" if p_real < 0.3 else "real" if p_real > 0.7 else "unsure",
            p_real=p_real,
            prevalence=None,
            action="review",
            reasons=(),
            language=chance.choice(("en", "en", "es")),
            characters=len(texts[at]),
            words=words[at],
            known_words=words[at] * 9 // 10,
            text_hash=b"h" * 32,
            sketch=sketches[at],
            latency=0.001,
        )


def fill(url: str, rows: int, version: str, end: datetime) -> None:
    """Write the predictions into an empty database."""
    engine = open_database(url, patience=None)
    migrate(engine)
    journal = Journal(engine)
    predictions = entries(rows, version, end)
    while block := tuple(islice(predictions, BLOCK)):
        journal.write([Writing(entries=block)])
    engine.dispose()


def report(url: str, begin: datetime, state: str) -> dict[str, float]:
    """Run it once: texts, seconds and megabytes."""
    told = Path(state) / "report.json"
    command = [sys.executable, "-m", "falsetrue", "monitor", "report", "--since", begin.isoformat(), "--json"]
    script = f"{_shell(command)} > {told}; test -s {told} && echo '{{}}'"  # it exits with 10 or 20 where it warns
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, PEAK, "sh", "-c", script],
        env=environment(FALSETRUE_STATE_FOLDER=state, FALSETRUE_DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    made = json.loads(told.read_text(encoding="utf-8"))
    return {"texts": made["texts"], "seconds": seconds, "peak_mb": json.loads(done.stdout)["peak_mb"]}


def _shell(command: Sequence[str]) -> str:
    return " ".join(f"'{part}'" for part in command)


def main() -> int:
    """Fill, report, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--database", action="append", default=[], metavar="URL")
    given = parser.parse_args()
    settings: Settings = load_settings(journal=False)
    version = load_classifier(settings).manifest.version
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    print("| database | rows | seconds | most memory, MB | bar |\n|---|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory(prefix="falsetrue-bench-") as state:
        for url in given.database or [f"sqlite:///{state}/journal.db"]:
            started = time.perf_counter()
            fill(url, given.rows, version, end)
            print(f"{given.rows:,} rows written in {time.perf_counter() - started:.0f} s", file=sys.stderr)
            runs = [report(url, end - timedelta(days=DAYS), state) for _ in range(given.repetitions)]
            seconds, peaks = ([run[name] for run in runs] for name in ("seconds", "peak_mb"))
            met = "met" if median(seconds) <= BARS[0] and max(peaks) <= BARS[1] else "**missed**"
            told = f"{median(seconds):.1f} ({min(seconds):.1f}-{max(seconds):.1f}) | {max(peaks):.0f}"
            print(f"| {url.partition(':')[0]} | {runs[0]['texts']:,} | {told} | ≤ {BARS[0]} s, {BARS[1]} MB: {met} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
