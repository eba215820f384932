"""How the time grows with the number of texts and with their length.

Run as a program it measures once in its own process and prints JSON; :func:`measure` starts it.
"""

import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from benchmarks.comparison.machine import run
from benchmarks.comparison.material import Material
from benchmarks.comparison.sample import OURS, Effort, Found, Sample
from benchmarks.comparison.scoring import read

from falsetrue.bundle.folder import open_bundle

#: Texts at once, as they are.
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
#: Bytes a text.
SIZES = (100, 1_000, 10_000, 1_000_000)
#: Text that is cut to each of the sizes, in bytes.
CUT = 20_000_000


def measure(material: Material, effort: Effort) -> Iterator[Found]:
    """Texts a second of the model ``plain``, on one core; articles begin again where they are not enough."""
    texts = material.write_json("growth.json", [article.content for article in material.articles[:10_000]])
    command = [sys.executable, "-m", __name__, str(material.models["plain"]), str(texts), str(effort.growth)]
    for _ in range(effort.repetitions):
        for row, value in run(command):
            yield Sample(row=f"growth.{row}", contestant=OURS, value=value)


def main(bundle: Path, source: Path, most: int) -> list[tuple[str, float]]:
    """Texts a second for every count up to ``most`` and for every size."""
    scorer, texts = open_bundle(bundle).compiled_scorer(), read(source)
    sets = {f"texts.{count}": list(islice(cycle(texts), count)) for count in COUNTS if count <= most}
    every = " ".join(texts)
    sets |= {f"bytes.{size}": cut(every, size, CUT // size) for size in SIZES}
    scorer.p_real(texts[:1000])  # the first texts read the weights from their file
    figures = []
    for row, chosen in sets.items():
        started = time.perf_counter()
        scorer.p_real(chosen)
        figures.append((row, len(chosen) / (time.perf_counter() - started)))
    return figures


def cut(text: str, size: int, count: int) -> list[str]:
    """``count`` texts of about ``size`` bytes of UTF-8 each, one behind the other, as far as the text goes."""
    data = text.encode()
    pieces = (data[start : start + size] for start in range(0, min(len(data), size * count), size))
    return [piece.decode("utf-8", "ignore") for piece in pieces]


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
