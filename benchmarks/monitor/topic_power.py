"""How often a new topic is found: 10 % of 1,000 texts, against a baseline of 2,000, at 1 %, by permutation.

On made-up texts, and, where FALSETRUE_CORPORA names the folder of the labelled corpora, on real articles: political
news of 2017 into which other news comes. Beside the share of runs that find it (with its Clopper-Pearson interval)
stands the share that "finds" it where there is none, which must be about 1 %.

    python benchmarks/monitor/topic_power.py
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from falsetrue.features.sketches import Features
from falsetrue.features.sketching import Sketcher, read_sketches
from falsetrue.model.metrics import proportion
from falsetrue.monitor.observations import joined_features, rows_of_features
from falsetrue.monitor.topics import find_new_words, find_topic

SEED = 20261123
RUNS = 50
BASELINE, TEXTS, SHARE, ALPHA = 2_000, 1_000, 0.1, 0.01
#: The smallest p is a tenth of the level.
PERMUTATIONS = 999
#: Words of a text of a corpus, at least: of tweets fewer.
FEWEST_WORDS = {"covid19_fnir": 15}
SALT = b"a salt for benchmarks alone"


def made_up(count: int, topics: range, generator: np.random.Generator) -> list[str]:
    """Texts of 100 to 400 words: 7 in 10 of a common vocabulary, the others of one of ``topics``, of 500 words each."""
    texts = []
    for length, topic in zip(generator.integers(100, 400, count), generator.choice(topics, count), strict=True):
        common = np.minimum(generator.zipf(1.3, length), 20_000)
        of_topic = 100_000 + 500 * int(topic) + np.minimum(generator.zipf(1.3, length), 500)
        words = np.where(generator.random(length) < 0.7, common, of_topic)
        texts.append(" ".join(f"w{word}" for word in words.tolist()))
    return texts


def read_articles(folder: Path, name: str) -> list[str]:
    """Title and text of the articles of a corpus that are long enough."""
    columns = pq.read_table(folder / f"{name}.parquet", columns=["title", "text"]).to_pydict()
    articles = {f"{title or ''}\n{text or ''}" for title, text in zip(columns["title"], columns["text"], strict=True)}
    return sorted(article for article in articles if len(article.split()) >= FEWEST_WORDS.get(name, 60))


def cases() -> Iterator[tuple[str, Features, Features]]:
    """What the news is usually, and what comes in; hashed."""
    generator, sketcher = np.random.default_rng(SEED), Sketcher(SALT)

    def hashed(texts: list[str]) -> Features:
        features = read_sketches(sketcher.sketch(texts)).features
        assert features is not None  # noqa: S101 - asked for
        return features

    usual, other = made_up(6_000, range(30), generator), made_up(1_000, range(30, 31), generator)
    yield "made up", hashed(usual), hashed(other)
    if folder := os.environ.get("FALSETRUE_CORPORA"):
        politics = hashed(read_articles(Path(folder), "cs216_outlets2017"))
        for name in ("covid19_fnir", "fakenewsnet_gossipcop"):
            yield f"cs216_outlets2017 + {name}", politics, hashed(read_articles(Path(folder), name))


def drawn(usual: Features, other: Features, share: float, generator: np.random.Generator) -> tuple[Features, Features]:
    """A baseline, and texts of which ``share`` are of the other kind."""
    new = round(share * TEXTS)
    rows = generator.permutation(len(usual.begins) - 1)[: BASELINE + TEXTS - new]
    others = rows_of_features(other, generator.permutation(len(other.begins) - 1)[:new])
    return rows_of_features(usual, rows[:BASELINE]), joined_features([rows_of_features(usual, rows[BASELINE:]), others])


def main() -> None:
    """Print a row for each case."""
    print(f"{RUNS} runs each; {TEXTS} texts, baseline {BASELINE}, level {ALPHA:.0%}, {PERMUTATIONS} permutations")
    print(f"{'case':44} {'new':>4} {'topic found':>22} {'differs at least':>16} {'AUC':>6} {'new words':>10} {'s':>5}")
    for name, usual, other in cases():
        for share in (0.0, SHARE):
            generator = np.random.default_rng(SEED)
            found, words, seconds = [], [], 0.0
            for run in range(RUNS):
                reference, current = drawn(usual, other, share, generator)
                began = time.perf_counter()
                found.append(find_topic(reference, current, seed=SEED + run, permutations=PERMUTATIONS))
                seconds += time.perf_counter() - began
                words.append(find_new_words(reference, current, seed=SEED + run, permutations=PERMUTATIONS).p or 1.0)
            power = proportion(sum((each.p or 1.0) <= ALPHA for each in found), RUNS)
            unlike, auc = (np.mean([getattr(each, field) for each in found]) for field in ("current", "value"))
            shown = f"{power.value:.3f} [{power.low:.3f}, {power.high:.3f}]"
            by_words = np.mean(np.array(words) <= ALPHA)
            figures = f"{unlike:>16.3f} {auc:>6.3f} {by_words:>10.3f} {seconds / RUNS:>5.2f}"
            print(f"{name:44} {share:>4.0%} {shown:>22} {figures}", flush=True)


if __name__ == "__main__":
    main()
