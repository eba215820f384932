"""What else there is: the same articles to learn from and the same texts to label, each in its own way."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.comparison.machine import run
from benchmarks.comparison.material import Material
from benchmarks.comparison.packages import install
from benchmarks.comparison.sample import OURS, Effort, Found, Missing, Sample

SCRIPTS = Path(__file__).parents[1] / "bare" / "alternatives"
#: Row -> script and packages.
ALTERNATIVES = {
    "fasttext": ("fasttext_supervised.py", ("fasttext",)),
    "vowpal": ("vowpal_wabbit.py", ("vowpalwabbit",)),
    "onnx": ("onnx_runtime.py", ("skl2onnx", "onnxruntime")),
}


def measure(material: Material, effort: Effort) -> Iterator[Found]:
    """All on one core; learning and loading are not counted. What does not install or run says so in its row."""
    texts = material.write_json("others.json", material.texts[: effort.batch // 2])
    ours = _run("falsetrue_scorer.py", material, texts, effort)
    for name, (script, packages) in ALTERNATIVES.items():
        try:
            theirs = _run(script, material, texts, effort, install(material.folder, *packages))
        except RuntimeError as error:
            yield Missing(rows=f"others.{name}", why=str(error))
            continue
        for contestant, said in ((OURS, ours), (packages[-1], theirs)):
            for seconds in said["seconds"]:
                yield Sample(row=f"others.{name}.texts_s", contestant=contestant, value=len(said["labels"]) / seconds)
        same = mean(one == other for one, other in zip(ours["labels"], theirs["labels"], strict=True))
        yield Sample(row=f"others.{name}.same", contestant=packages[-1], value=same * 100)


def _run(script: str, material: Material, texts: Path, effort: Effort, packages: Path | None = None) -> Any:
    arguments = [str(material.folder), str(material.models["plain"]), str(texts), str(effort.repetitions)]
    return run([sys.executable, str(SCRIPTS / script), *arguments], packages=packages)
