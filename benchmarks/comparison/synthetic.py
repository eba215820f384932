"""News that nobody wrote: made-up words in the proportions of a language, for machines without the corpora."""

import csv
import random
from itertools import accumulate
from pathlib import Path

#: Words there are; the k-th is drawn with weight 1 / (k + 3).
VOCABULARY = 20_000
#: Share of an article's words that come from its own class's list.
TELLING = 0.1
_SYLLABLES = [consonant + vowel for consonant in "bcdfglmnprstvz" for vowel in ("a", "e", "i", "o", "u", "é", "ou")]


def write_news(folder: Path, *, articles: int, words: int, seed: int = 0) -> tuple[Path, Path]:
    """Write ``True.csv`` and ``Fake.csv`` with ``articles`` rows each of about ``words`` words; returns both paths."""
    draw = random.Random(seed)  # noqa: S311 - reproducible, no secret
    vocabulary = sorted({_word(draw) for _ in range(VOCABULARY)})
    draw.shuffle(vocabulary)
    paths = folder / "True.csv", folder / "Fake.csv"
    for path, telling in zip(paths, (vocabulary[:200], vocabulary[200:400]), strict=True):
        _write(path, [_article(draw, vocabulary, telling, words) for _ in range(articles)])
    return paths


def _word(draw: random.Random) -> str:
    return "".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4)))


def _article(draw: random.Random, vocabulary: list[str], telling: list[str], words: int) -> dict[str, str]:
    length = draw.randint(words // 2, words * 3 // 2)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    chosen = draw.choices(vocabulary, cum_weights=weights, k=length)
    own = [draw.choice(telling) if draw.random() < TELLING else word for word in chosen]
    return {"title": " ".join(own[:8]).title(), "text": ", ".join(own).capitalize() + "."}


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("title", "text"))
        writer.writeheader()
        writer.writerows(rows)
